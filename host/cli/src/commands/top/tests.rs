use std::sync::Arc;

use hedgewire_abi::command::Quote;
use hedgewire_abi::event::{FLAG_URGENT, Fault, Header, Hedge, Refused};
use hedgewire_abi::{Event, Reason};
use hedgewire_host::control::{ControlServer, ControlSettings, KillSwitch};
use hedgewire_host::telemetry::{
    AlarmKind, BookTrust, FeedCount, FeedState, Latency, Names, Picture, SessionCount, SessionState, Telemetry,
    Underlying,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;

const START_NS: u64 = 1_700_000_000_000_000_000;

/// An engine in the middle of its day.
fn engine() -> Telemetry {
    let underlyings = vec![Underlying::new("BTC", "BTC-PERPETUAL", 0.5), Underlying::new("ETH", "ETH-PERPETUAL", 0.05)];
    let names = Names { underlyings, feeds: vec!["starbase".into()], sessions: vec!["hedge".into()] };
    let telemetry = Telemetry::new(names, START_NS).expect("names that do");
    telemetry.alive(START_NS + 3_661_000_000_000);
    telemetry.underlying(0).publish(&Picture {
        quote_ns: START_NS + 3_660_900_000_000,
        bid: 60_000 * 512,
        ask: 60_000 * 512 + 256,
        delta: -(1 << 31),
        exposure: 4 << 16,
        band: 10 << 16,
        position: -12_345,
        open_sell: 3,
        profit_micro_usd: -1_234_500_000,
        is_armed: true,
        is_reconciled: true,
        ..Picture::default()
    });
    telemetry.underlying(0).set_trust(BookTrust::Trusted);
    telemetry.underlying(1).publish(&Picture {
        exposure: -(30 << 16),
        band: 10 << 16,
        unknown_buy: 40,
        is_killed: true,
        is_urgent: true,
        ..Picture::default()
    });
    telemetry.feed(0).set_state(FeedState::Live);
    telemetry.feed(0).count(FeedCount::Packets).set_total(1_234_567);
    telemetry.session(0).set_state(SessionState::Ready);
    telemetry.session(0).count(SessionCount::Logons).add(2);
    for ns in [900, 1_100, 2_000_000] {
        telemetry.latency(Latency::PacketToDecision).record(ns);
    }
    let refused = |reason| -> Event {
        let header = Header { reason, now_ns: START_NS + 3_600_000_000_000, ..Header::default() };
        Refused { exposure: 12 << 16, band: 10 << 16, quantity: -2, command_kind: Quote::KIND }.encode(header)
    };
    telemetry.on_event(&refused(Reason::CoolDown));
    let hedge = Hedge { exposure: -(30 << 16), band: 10 << 16, quantity: -30, limit_price: 3_000 * 5_120, order_id: 1 };
    let header = Header { underlying: 1, flags: FLAG_URGENT, now_ns: START_NS, ..Header::default() };
    telemetry.on_event(&hedge.encode(header));
    let header = Header { reason: Reason::LateFill, now_ns: START_NS + 1_000_000, ..Header::default() };
    telemetry.on_event(&Fault { detail: 1, value: -4 }.encode(header));
    telemetry.alarms.raise(AlarmKind::LineChanged, 0, START_NS);
    telemetry.alarms.raise(AlarmKind::Killed, 0, START_NS);
    telemetry
}

fn snapshot() -> Snapshot {
    engine().snapshot(START_NS + 3_661_000_000_000)
}

/// The screen as lines of text.
fn screen_of(top: &Top, columns: u16, rows: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a screen");
    terminal.draw(|frame| top.draw(frame)).expect("it draws");
    let buffer = terminal.backend().buffer().clone();
    let row = |y| (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..rows).map(row).collect()
}

fn showing(snapshot: Snapshot) -> Top {
    Top { snapshot: Some(snapshot), ..Top::default() }
}

fn press(top: &mut Top, key: char) -> Action {
    top.on_key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE))
}

#[test]
fn everything_is_on_a_screen_of_80_by_24() {
    let rows = screen_of(&showing(snapshot()), 80, 24);
    let title = |text| format!("{:-<80}", format!("-- {text} "));
    let expected = [
        "hedgewire 0.1.0  up 01:01:01  engine alive  kernel cpu  journal 0 behind",
        &title("alarms"),
        "critical killed engine: Everything was told to stop: nothing is sent any more, a",
        "warning line_changed starbase: The other line brings the feed's messages now.",
        &title("underlyings"),
        "BTC  60,000.00/60,000.50 0.1 s old  book trusted  armed",
        " ..........[---------|~~~o-----]..........  4.0 of +-10.0  hedges -1,234.50 USD",
        "     delta -0.5000 target 0.0000  position -12,345  open 0/3 unknown 0/0",
        "ETH  0.00/0.00 no quote  book unknown  KILLED  not reconciled",
        " .X~~~~~~~~~~~~[~~~~~|~~~~~]..............  -30.0 of +-10.0  hedges 0.00 USD",
        "     delta 0.0000 target 0.0000  position 0  open 0/0 unknown 40/0",
        &title("feeds and sessions"),
        "feed    starbase   live      packets 1,234,567 gaps 0 asked 0 lost 0 silences 0",
        "session hedge      ready     logons 2 disconnects 0 gaps 0 lost 0",
        &title("latencies"),
        "packet to decision p50 1.12 us   p99 2.00 ms   p99.9 2.00 ms   max 2.00 ms   n 3",
        "packet to bytes    p50 -         p99 -         p99.9 -         max -         n 0",
        "packet to order    p50 -         p99 -         p99.9 -         max -         n 0",
        "order to answer    p50 -         p99 -         p99.9 -         max -         n 0",
        &title("last decisions"),
        "22:13:20.001 BTC   FAULT LATE_FILL -4",
        "22:13:20.000 ETH   sell 30 at 3,000.00 urgent, -30.0 of +-10.0",
        "23:13:20.000 BTC   no COOL_DOWN to -2, 12.0 of +-10.0",
        "q quit   k kill",
    ];
    for (row, (found, expected)) in rows.iter().zip(expected).enumerate() {
        assert_eq!(found, expected, "row {row} of\n{}", rows.join("\n"));
    }
}

#[test]
fn any_size_is_drawn_without_harm() {
    let mut many = snapshot();
    many.underlyings = many.underlyings.iter().cycle().take(12).cloned().collect();
    many.feeds = many.feeds.iter().cycle().take(9).cloned().collect();
    many.alarms = many.alarms.iter().cycle().take(9).cloned().collect();
    for (columns, rows) in [(80, 24), (1, 1), (0, 0), (20, 8), (200, 60), (80, 2)] {
        screen_of(&showing(many.clone()), columns, rows);
        screen_of(&Top::default(), columns, rows);
    }
    let rows = screen_of(&showing(many), 80, 24).join("\n");
    assert!(rows.contains("more: make the window taller") && rows.contains("and 7 more: hedgewire status"), "{rows}");
}

#[test]
fn the_band_is_drawn_to_scale() {
    let mut about = snapshot().underlyings.swap_remove(0);
    let mut drawn = |exposure: f64, lowest: f64, highest: f64, half: f64| {
        (about.exposure_contracts, about.band_contracts) = (exposure, half);
        (about.lowest_contracts, about.highest_contracts) = (lowest, highest);
        screen::band(&about)
    };
    assert_eq!(drawn(0.0, 0.0, 0.0, 10.0), "..........[---------o---------]..........");
    assert_eq!(drawn(-10.0, -10.0, -10.0, 10.0), "..........o---------|---------]..........");
    assert_eq!(drawn(20.0, 20.0, 20.0, 10.0), "..........[---------|---------]........X.");
    assert_eq!(drawn(0.0, -5.0, 15.0, 10.0), "..........[----~~~~~o~~~~~~~~~]~~~~~.....");
    assert_eq!(drawn(1e12, 1e12, 1e12, 10.0).matches('X').count(), 1);
    assert_eq!(drawn(5.0, 5.0, 5.0, 0.0).trim(), "no band yet");
}

#[test]
fn a_kill_wants_to_be_confirmed() {
    let mut top = showing(snapshot());
    assert_eq!(press(&mut top, 'y'), Action::Nothing, "nothing was asked");
    assert_eq!(press(&mut top, 'k'), Action::Nothing);
    assert!(screen_of(&top, 80, 24)[23].starts_with("KILL: disarm everything"));
    assert_eq!(press(&mut top, 'q'), Action::Nothing, "no");
    assert_eq!(press(&mut top, 'y'), Action::Nothing, "it was said no");
    press(&mut top, 'k');
    assert_eq!(press(&mut top, 'y'), Action::Kill);
    assert_eq!(press(&mut top, 'q'), Action::End);
    press(&mut top, 'k');
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(top.on_key(interrupt), Action::End, "always");
}

#[test]
fn an_engine_that_is_gone_stays_on_the_screen_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control");
    let start = || {
        let settings = ControlSettings::new(&path);
        ControlServer::start(&settings, Arc::new(engine()), Arc::<KillSwitch>::default()).expect("the socket opens")
    };
    let asked = Engine { socket: Some(path.clone()) };
    let mut top = Top::default();
    top.saw(asked.snapshot());
    assert!(screen_of(&top, 80, 24)[0].starts_with("waiting for an engine"));
    let server = start();
    top.saw(asked.snapshot());
    drop(server);
    top.saw(asked.snapshot());
    let rows = screen_of(&top, 80, 24);
    assert!(
        rows.iter().any(|row| row.starts_with("BTC  60,000.00")) && rows[23].starts_with("no engine answers at"),
        "{}",
        rows.join("\n")
    );
    let _server = start();
    top.saw(asked.snapshot());
    assert!(screen_of(&top, 80, 24)[23].starts_with("q quit"));
}
