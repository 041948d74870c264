//! A snapshot of an engine as lines, for `top` and `status`.
//!
//! The band is drawn around the target, at twice its width, wider if the exposure or what open orders could make of it is
//! farther out:
//!
//! ```text
//!   .........[--------|--o-----]..........      o  exposure, inside; X  outside
//!            band     target  band              ~  where open and unknown orders could take it
//! ```

use hedgewire_host::telemetry::{AlarmStatus, DecisionStatus, Latency, LatencyStatus, Snapshot, UnderlyingStatus};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};

/// Columns of the band.
const BAND_COLUMNS: usize = 41;
/// Decisions in text.
const TEXT_DECISIONS: usize = 10;

/// A line that a section begins with.
pub fn title(text: &str, columns: u16) -> Line<'static> {
    let rule = usize::from(columns).saturating_sub(text.chars().count() + 4);
    Line::from(format!("-- {text} {}", "-".repeat(rule))).style(Style::new().fg(Color::DarkGray))
}

/// The engine as a whole.
pub fn header(snapshot: &Snapshot) -> Line<'static> {
    let seconds = snapshot.uptime_s as u64;
    let up = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let alive = match snapshot.engine_age_s {
        None => Span::from("engine has not started").yellow(),
        Some(age) if age > 1.0 => Span::from(format!("engine silent for {age:.0} s")).red().bold(),
        Some(_) => Span::from("engine alive").green(),
    };
    Line::from(vec![
        Span::from(format!("hedgewire {}  up {up}  ", snapshot.version)),
        alive,
        Span::from(format!("  kernel {}  journal {} behind", snapshot.card.backend, snapshot.journal.backlog)),
    ])
}

/// Raised alarms, at most so many lines, the last of which says how many more there are.
pub fn alarms(alarms: &[AlarmStatus], lines_max: usize) -> Vec<Line<'static>> {
    if alarms.is_empty() {
        return vec![Line::from("none")];
    }
    let shown = if alarms.len() > lines_max { lines_max.saturating_sub(1) } else { alarms.len() };
    let line = |alarm: &AlarmStatus| {
        let line = Line::from(format!("{} {} {}: {}", alarm.severity, alarm.name, alarm.subject, alarm.meaning));
        if alarm.severity == "critical" { line.red().bold() } else { line.yellow() }
    };
    let mut lines: Vec<Line<'static>> = alarms[..shown].iter().map(line).collect();
    if shown < alarms.len() {
        lines.push(Line::from(format!("and {} more: hedgewire status", alarms.len() - shown)).red());
    }
    lines
}

/// Digits in groups of three, with a sign if it is below zero.
fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut digits = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            digits.push(',');
        }
        digits.push(digit);
    }
    let is_negative = value < 0.0 && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    format!(
        "{}{digits}{}",
        if is_negative { "-" } else { "" },
        fraction.map_or(String::new(), |rest| format!(".{rest}"))
    )
}

/// The exposure inside its band.
pub fn band(underlying: &UnderlyingStatus) -> String {
    let (exposure, half) = (underlying.exposure_contracts, underlying.band_contracts);
    if half <= 0.0 {
        return format!("{:^BAND_COLUMNS$}", "no band yet");
    }
    let (lowest, highest) = (underlying.lowest_contracts, underlying.highest_contracts);
    let reach = (2.0 * half).max(1.05 * lowest.abs().max(highest.abs()));
    let middle = (BAND_COLUMNS / 2) as f64;
    let column =
        |contracts: f64| ((contracts / reach * middle).round() + middle).clamp(0.0, (BAND_COLUMNS - 1) as f64) as usize;
    let mut cells = vec!['.'; BAND_COLUMNS];
    cells[column(-half)..=column(half)].fill('-');
    cells[column(lowest)..=column(highest)].iter_mut().for_each(|cell| *cell = '~');
    (cells[column(-half)], cells[column(half)], cells[column(0.0)]) = ('[', ']', '|');
    cells[column(exposure)] = if exposure.abs() > half { 'X' } else { 'o' };
    cells.into_iter().collect()
}

/// An underlying, in three lines.
pub fn underlying(about: &UnderlyingStatus) -> [Line<'static>; 3] {
    let may = match (about.is_killed, about.is_armed) {
        (true, _) => Span::from("KILLED").red().bold(),
        (false, false) => Span::from("disarmed").red(),
        (false, true) => Span::from("armed").green(),
    };
    let book = Span::from(format!("book {}", about.book));
    let book = if about.book == "trusted" { book.green() } else { book.red() };
    let age = about.quote_age_s.map_or("no quote".to_owned(), |age| format!("{age:.1} s old"));
    let price = format!("{}/{}", grouped(about.bid_usd, 2), grouped(about.ask_usd, 2));
    let gap = || Span::from("  ");
    let mut state = vec![Span::from(format!("{:<5}", about.name)).bold(), Span::from(format!("{price} {age}")), gap()];
    state.extend([book, gap(), may]);
    if about.is_restricted {
        state.extend([gap(), Span::from("restricted").red()]);
    }
    if !about.is_reconciled {
        state.extend([gap(), Span::from("not reconciled").red()]);
    }
    let (exposure, half) = (about.exposure_contracts, about.band_contracts);
    let drawn = Span::from(band(about));
    let drawn = if about.is_urgent || exposure.abs() > half { drawn.red() } else { drawn.green() };
    let profit = grouped(about.hedge_profit_usd, 2);
    let numbers = format!("  {} of +-{}  hedges {profit} USD", grouped(exposure, 1), grouped(half, 1));
    let open = format!(
        "     delta {:.4} target {:.4}  position {}  open {}/{} unknown {}/{}",
        about.rows_delta_coins,
        about.target_coins,
        grouped(about.position_contracts as f64, 0),
        about.open_buy_contracts,
        about.open_sell_contracts,
        about.unknown_buy_contracts,
        about.unknown_sell_contracts,
    );
    [Line::from(state), Line::from(vec![Span::from(" "), drawn, Span::from(numbers)]), Line::from(open)]
}

/// A state, red unless it is the good one.
fn state(state: &str, good: &str) -> Span<'static> {
    let span = Span::from(format!("{state:<9}"));
    if state == good { span.green() } else { span.red() }
}

/// Feeds and sessions, a line each.
pub fn feeds_and_sessions(snapshot: &Snapshot) -> Vec<Line<'static>> {
    let count = |counts: &std::collections::BTreeMap<String, u64>, name: &str| {
        grouped(counts.get(name).copied().unwrap_or(0) as f64, 0)
    };
    let feed = snapshot.feeds.iter().map(|feed| {
        let told = format!(
            " packets {} gaps {} asked {} lost {} silences {}",
            count(&feed.counts, "packets"),
            count(&feed.counts, "gaps"),
            count(&feed.counts, "retransmission_requests"),
            count(&feed.counts, "lost_messages"),
            count(&feed.counts, "heartbeat_losses"),
        );
        Line::from(vec![Span::from(format!("feed    {:<10} ", feed.name)), state(&feed.state, "live"), told.into()])
    });
    let session = snapshot.sessions.iter().map(|session| {
        let told = format!(
            " logons {} disconnects {} gaps {} lost {}",
            count(&session.counts, "logons"),
            count(&session.counts, "disconnects"),
            count(&session.counts, "gaps"),
            count(&session.counts, "lost_reports"),
        );
        let name = Span::from(format!("session {:<10} ", session.name));
        Line::from(vec![name, state(&session.state, "ready"), told.into()])
    });
    let fail_overs: u64 = snapshot.card.fail_overs.values().sum();
    let causes: Vec<String> = snapshot.card.fail_overs.iter().map(|(cause, n)| format!("{cause} {n}")).collect();
    let card = (snapshot.card.backend != "cpu" || fail_overs > 0).then(|| {
        let told = format!(" fail-overs {fail_overs} {}", causes.join(", "));
        Line::from(vec![Span::from(format!("card    {:<10} ", "")), state(&snapshot.card.backend, "card"), told.into()])
    });
    feed.chain(session).chain(card).collect()
}

/// A time span in a unit that suits it.
fn span(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.2} us", ns as f64 * 1e-3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", ns as f64 * 1e-6),
        _ => format!("{:.2} s", ns as f64 * 1e-9),
    }
}

/// Latencies, a line each.
pub fn latencies(snapshot: &Snapshot) -> Vec<Line<'static>> {
    let line = |(name, latency): (&String, &LatencyStatus)| {
        let name = name.replace('_', " ");
        let parts = [latency.p50_ns, latency.p99_ns, latency.p999_ns, latency.max_ns];
        let [p50, p99, p999, max] = parts.map(|ns| ns.map_or("-".to_owned(), span));
        let count = grouped(latency.count as f64, 0);
        Line::from(format!("{name:<19}p50 {p50:<9} p99 {p99:<9} p99.9 {p999:<9} max {max:<9} n {count}"))
    };
    // In the order in which they follow each other.
    let known = Latency::ALL.iter().filter_map(|latency| snapshot.latencies.get_key_value(latency.name()));
    known.map(line).collect()
}

/// The last decisions, newest first, at most so many lines.
pub fn decisions(decisions: &[DecisionStatus], lines_max: usize) -> Vec<Line<'static>> {
    let line = |decision: &DecisionStatus| {
        let ms = decision.at_ns / 1_000_000 % 86_400_000;
        let time = format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
        let urgent = if decision.is_urgent { " urgent" } else { "" };
        let (quantity, name) = (decision.quantity_contracts, &decision.underlying);
        let inside = format!("{:.1} of +-{:.1}", decision.exposure_contracts, decision.band_contracts);
        let text = match decision.kind.as_str() {
            "hedge" => {
                let side = if quantity < 0 { "sell" } else { "buy" };
                let limit = grouped(decision.limit_usd, 2);
                format!("{time} {name:<5} {side} {} at {limit}{urgent}, {inside}", quantity.unsigned_abs())
            }
            "refused" if quantity == 0 => format!("{time} {name:<5} no {}{urgent}, {inside}", decision.reason),
            "refused" => format!("{time} {name:<5} no {} to {quantity:+}{urgent}, {inside}", decision.reason),
            _ => format!("{time} {name:<5} FAULT {} {quantity:+}", decision.reason),
        };
        match decision.kind.as_str() {
            "hedge" => Line::from(text).green(),
            "fault" => Line::from(text).red().bold(),
            _ => Line::from(text),
        }
    };
    decisions.iter().take(lines_max).map(line).collect()
}

/// Everything as text.
pub fn text(snapshot: &Snapshot, columns: u16) -> String {
    let mut lines = vec![header(snapshot), title("alarms", columns)];
    for alarm in &snapshot.alarms {
        lines.extend(alarms(std::slice::from_ref(alarm), 1));
        lines.push(Line::from(format!("  -> {}", alarm.action)));
    }
    if snapshot.alarms.is_empty() {
        lines.extend(alarms(&[], 1));
    }
    lines.push(title("underlyings", columns));
    lines.extend(snapshot.underlyings.iter().flat_map(underlying));
    lines.push(title("feeds and sessions", columns));
    lines.extend(feeds_and_sessions(snapshot));
    lines.push(title("latencies", columns));
    lines.extend(latencies(snapshot));
    lines.push(title("last decisions", columns));
    lines.extend(decisions(&snapshot.decisions, TEXT_DECISIONS));
    lines.iter().map(|line| line.to_string().trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
