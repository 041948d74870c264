//! The metrics, as one table: name, kind, labels, meaning, and where the value comes from. `/metrics` and the documentation
//! are made of it.
//!
//! Names follow Prometheus: `hedgewire_`, base units (seconds, coins, contracts, USD), `_total` for counters. Times are
//! told as timestamps, not as ages, so that they stay true when the engine stands still. States are told as one series
//! for each, of which one is 1.
//!
//! Invariant: labels are names given at the start or rows of tables, so that there are no more series at the end of the day
//! than at its beginning.

use std::fmt;
use std::sync::Arc;

use hedgewire_abi::Reason;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::snapshot::{coins, contracts, usd};
use super::{
    AlarmKind, Backend, BookTrust, FailOverCause, FeedCount, FeedState, FillOrigin, JournalCount, Latency, OrderCount,
    PacketCount, Picture, SessionCount, SessionState, Telemetry,
};

/// Before every name.
const PREFIX: &str = "hedgewire_";

/// What a scrape looks at: pictures are read once, so that an underlying's numbers belong together.
struct Scrape<'a> {
    telemetry: &'a Telemetry,
    pictures: Vec<Picture>,
}

/// Takes the values of a metric's labels, and its value.
type Put<'a, T> = dyn FnMut(&[&str], T) -> fmt::Result + 'a;
/// Gives every series of a metric.
type Give<T> = Box<dyn Fn(&Scrape<'_>, &mut Put<'_, T>) -> fmt::Result + Send + Sync>;

enum Kind {
    Counter(Give<u64>),
    Gauge(Give<f64>),
    Histogram(Latency),
}

/// A metric.
pub struct Metric {
    /// Its name, with prefix, unit and, for a counter, `_total`.
    pub name: String,
    /// What it says.
    pub help: String,
    /// Its labels.
    pub labels: &'static [&'static str],
    kind: Kind,
}

impl Metric {
    /// `counter`, `gauge` or `histogram`.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Counter(_) => "counter",
            Kind::Gauge(_) => "gauge",
            Kind::Histogram(_) => "histogram",
        }
    }
}

/// The table, while it is made.
#[derive(Default)]
struct Table(Vec<Metric>);

impl Table {
    fn counter(
        &mut self,
        name: &str,
        labels: &'static [&'static str],
        help: &str,
        give: impl Fn(&Scrape<'_>, &mut Put<'_, u64>) -> fmt::Result + Send + Sync + 'static,
    ) {
        let (name, kind) = (format!("{PREFIX}{name}_total"), Kind::Counter(Box::new(give)));
        self.0.push(Metric { name, help: help.to_owned(), labels, kind });
    }

    fn gauge(
        &mut self,
        name: &str,
        labels: &'static [&'static str],
        help: &str,
        give: impl Fn(&Scrape<'_>, &mut Put<'_, f64>) -> fmt::Result + Send + Sync + 'static,
    ) {
        let (name, kind) = (format!("{PREFIX}{name}"), Kind::Gauge(Box::new(give)));
        self.0.push(Metric { name, help: help.to_owned(), labels, kind });
    }

    /// A gauge of each underlying's picture.
    fn picture(&mut self, name: &str, help: &str, value: fn(&Picture) -> f64) {
        self.gauge(name, &["underlying"], help, move |scrape, put| {
            scrape.each_underlying(|name, _, picture| put(&[name], value(picture)))
        });
    }
}

/// One series for each state, of which one is 1.
macro_rules! states {
    ($put:ident, $state:expr, $table:ident, $($label:expr),*) => {
        $table::ALL.iter().try_for_each(|&state| $put(&[$($label,)* state.name()], f64::from(u8::from(state == $state))))
    };
}

fn timestamp_seconds(ns: u64) -> f64 {
    ns as f64 * 1e-9
}

impl Scrape<'_> {
    fn each_underlying(&self, mut give: impl FnMut(&str, usize, &Picture) -> fmt::Result) -> fmt::Result {
        let underlyings = self.telemetry.names().underlyings.iter().zip(&self.pictures).enumerate();
        let mut give =
            |(number, (about, picture)): (usize, (&super::Underlying, &Picture))| give(&about.name, number, picture);
        underlyings.into_iter().try_for_each(&mut give)
    }

    fn each_feed(&self, mut give: impl FnMut(&str, usize) -> fmt::Result) -> fmt::Result {
        self.telemetry.names().feeds.iter().enumerate().try_for_each(|(number, name)| give(name, number))
    }

    fn each_session(&self, mut give: impl FnMut(&str, usize) -> fmt::Result) -> fmt::Result {
        self.telemetry.names().sessions.iter().enumerate().try_for_each(|(number, name)| give(name, number))
    }
}

/// Every metric, in order.
pub fn metrics() -> Vec<Metric> {
    let mut table = Table::default();
    engine(&mut table);
    prices_and_risk(&mut table);
    positions(&mut table);
    decisions(&mut table);
    orders(&mut table);
    feeds_and_sessions(&mut table);
    card_and_journal(&mut table);
    for &latency in Latency::ALL {
        let (name, help) = (format!("{PREFIX}{}_seconds", latency.name()), format!("{}.", latency.text()));
        table.0.push(Metric { name, help, labels: &[], kind: Kind::Histogram(latency) });
    }
    alarms(&mut table);
    table.0
}

fn engine(table: &mut Table) {
    table.gauge("build_info", &["version"], "1, with the program's version.", |_, put| {
        put(&[env!("CARGO_PKG_VERSION")], 1.0)
    });
    table.gauge("start_timestamp_seconds", &[], "When the engine was started.", |scrape, put| {
        put(&[], timestamp_seconds(scrape.telemetry.started_ns()))
    });
    let help = "The last sign of life of the engine's thread; 0 before the first.";
    table.gauge("alive_timestamp_seconds", &[], help, |scrape, put| {
        put(&[], timestamp_seconds(scrape.telemetry.alive_ns()))
    });
    table.counter("signs_of_life", &[], "Signs of life of the engine's thread.", |scrape, put| {
        put(&[], scrape.telemetry.turns())
    });
}

fn prices_and_risk(table: &mut Table) {
    let help =
        "Price of the hedge instrument: `bid`, `ask` (0 for none) and `reference`, at which the Greeks are taken.";
    table.gauge("price_usd", &["underlying", "price"], help, |scrape, put| {
        scrape.each_underlying(|name, number, picture| {
            let unit = scrape.telemetry.names().underlyings[number].price_unit_usd;
            let mut price = |which, units| put(&[name, which], f64::from(units) * unit);
            price("bid", picture.bid)?;
            price("ask", picture.ask)?;
            price("reference", picture.price)
        })
    });
    let help = "When the last quote arrived; 0 before the first.";
    table.picture("quote_timestamp_seconds", help, |picture| timestamp_seconds(picture.quote_ns));
    table.gauge("book_state", &["underlying", "state"], "How far the book may be believed.", |scrape, put| {
        scrape.each_underlying(|name, number, _| {
            states!(put, scrape.telemetry.underlying(number).trust(), BookTrust, name)
        })
    });
    table.picture("rows_delta_coins", "Delta of the portfolio's rows, hedges not included.", |picture| {
        coins(picture.delta)
    });
    table.picture("target_coins", "Net delta to hold.", |picture| coins(picture.target));
    table.picture("gamma_coins", "Change of the delta per unit of log price.", |picture| coins(picture.gamma));
    table.picture("vega_coins", "Vega per 1.00 of vol.", |picture| coins(picture.vega));
    table.picture("exposure_contracts", "Net exposure against the target.", |picture| contracts(picture.exposure));
    let help = "Half the no-trade band, on the side of the exposure.";
    table.picture("band_contracts", help, |picture| contracts(picture.band));
}

fn positions(table: &mut Table) {
    table.picture("position_contracts", "Position of the hedge instrument, positive long.", |picture| {
        picture.position as f64
    });
    let help = "Orders that may still be filled, by `side` (`buy`, `sell`) and `state` (`open`, `unknown`).";
    table.gauge("order_contracts", &["underlying", "side", "state"], help, |scrape, put| {
        scrape.each_underlying(|name, _, picture| {
            put(&[name, "buy", "open"], picture.open_buy.into())?;
            put(&[name, "sell", "open"], picture.open_sell.into())?;
            put(&[name, "buy", "unknown"], picture.unknown_buy.into())?;
            put(&[name, "sell", "unknown"], picture.unknown_sell.into())
        })
    });
    let help = "Profit of this run's hedges, fees paid: the position that was there at the start is taken over at the price of \
                then, and every position counts at the middle of the hedge instrument's book now; coin is USD at that price. \
                The portfolio's own profit is not in it.";
    table.picture("hedge_profit_usd", help, |picture| usd(picture.profit_micro_usd));
    let help = "Cost of this run's hedges, coin as USD at the price of now: fees, and slippage against the price at the \
                decision. Fees are in the profit already.";
    table.picture("hedge_cost_usd", help, |picture| usd(picture.cost_micro_usd));
    table.picture("armed", "1 if orders may leave.", |picture| f64::from(u8::from(picture.is_armed)));
    table.picture("killed", "1 if the kill is set.", |picture| f64::from(u8::from(picture.is_killed)));
    let help = "1 if position and orders agree with the venue's.";
    table.picture("reconciled", help, |picture| f64::from(u8::from(picture.is_reconciled)));
    let help = "1 if the exposure is beyond the emergency band.";
    table.picture("urgent", help, |picture| f64::from(u8::from(picture.is_urgent)));
    let help = "1 if nothing can be traded: no session takes orders, or the venue does not trade the hedge instrument.";
    table.picture("restricted", help, |picture| f64::from(u8::from(picture.is_restricted)));
}

fn decisions(table: &mut Table) {
    let help = "Decisions of the kernel by reason code, `HEDGE` for an order.";
    table.counter("decisions", &["underlying", "reason"], help, |scrape, put| {
        scrape.each_underlying(|name, number, _| {
            let cells = scrape.telemetry.underlying(number);
            put(&[name, "HEDGE"], cells.hedges())?;
            // From 128 on the command was no good, and nothing was decided.
            let reasons = Reason::ALL.iter().filter(|&&reason| (reason as u8) < 128);
            reasons.copied().try_for_each(|reason| put(&[name, reason.name()], cells.refused_decisions(reason)))
        })
    });
    let help = "Commands that the kernel refused, by reason code.";
    table.counter("refused_commands", &["underlying", "reason"], help, |scrape, put| {
        scrape.each_underlying(|name, number, _| {
            let cells = scrape.telemetry.underlying(number);
            Reason::ALL.iter().try_for_each(|&reason| put(&[name, reason.name()], cells.refused_commands(reason)))
        })
    });
    let help = "Faults that the kernel told of, by reason code.";
    table.counter("kernel_faults", &["underlying", "reason"], help, |scrape, put| {
        scrape.each_underlying(|name, number, _| {
            let cells = scrape.telemetry.underlying(number);
            Reason::ALL.iter().try_for_each(|&reason| put(&[name, reason.name()], cells.faults(reason)))
        })
    });
}

/// Help with what each value of a label means.
fn with_values<'a>(help: &str, values: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let values: Vec<String> = values.map(|(name, text)| format!("`{name}`: {}", text.trim_end_matches('.'))).collect();
    format!("{help} {}.", values.join("; "))
}

fn orders(table: &mut Table) {
    let help = with_values("Hedge orders by event.", OrderCount::ALL.iter().map(|row| (row.name(), row.text())));
    table.counter("orders", &["underlying", "event"], &help, |scrape, put| {
        scrape.each_underlying(|name, number, _| {
            let cells = scrape.telemetry.underlying(number);
            OrderCount::ALL.iter().try_for_each(|&row| put(&[name, row.name()], cells.orders(row).get()))
        })
    });
    let help = with_values("Fills by origin.", FillOrigin::ALL.iter().map(|row| (row.name(), row.text())));
    table.counter("fills", &["underlying", "origin"], &help, |scrape, put| {
        scrape.each_underlying(|name, number, _| {
            let cells = scrape.telemetry.underlying(number);
            FillOrigin::ALL.iter().try_for_each(|&origin| put(&[name, origin.name()], cells.fills(origin).get()))
        })
    });
    let help = "Contracts of the hedge instrument filled, by `side` (`buy`, `sell`).";
    table.counter("filled_contracts", &["underlying", "side"], help, |scrape, put| {
        scrape.each_underlying(|name, number, _| {
            let (bought, sold) = scrape.telemetry.underlying(number).contracts();
            put(&[name, "buy"], bought)?;
            put(&[name, "sell"], sold)
        })
    });
}

fn feeds_and_sessions(table: &mut Table) {
    for &row in PacketCount::ALL {
        table.counter(&format!("packets_{}", row.name()), &[], row.text(), move |scrape, put| {
            put(&[], scrape.telemetry.packets.count(row).get())
        });
    }
    let help = with_values("Where the feed is.", FeedState::ALL.iter().map(|row| (row.name(), row.text())));
    table.gauge("feed_state", &["feed", "state"], &help, |scrape, put| {
        scrape.each_feed(|name, number| states!(put, scrape.telemetry.feed(number).state(), FeedState, name))
    });
    for &row in FeedCount::ALL {
        table.counter(&format!("feed_{}", row.name()), &["feed"], row.text(), move |scrape, put| {
            scrape.each_feed(|name, number| put(&[name], scrape.telemetry.feed(number).count(row).get()))
        });
    }
    let help = with_values("Where the session is.", SessionState::ALL.iter().map(|row| (row.name(), row.text())));
    table.gauge("session_state", &["session", "state"], &help, |scrape, put| {
        scrape.each_session(|name, number| states!(put, scrape.telemetry.session(number).state(), SessionState, name))
    });
    for &row in SessionCount::ALL {
        table.counter(&format!("session_{}", row.name()), &["session"], row.text(), move |scrape, put| {
            scrape.each_session(|name, number| put(&[name], scrape.telemetry.session(number).count(row).get()))
        });
    }
}

fn card_and_journal(table: &mut Table) {
    let help = with_values("Who answers as the kernel.", Backend::ALL.iter().map(|row| (row.name(), row.text())));
    table.gauge("kernel_backend", &["backend"], &help, |scrape, put| {
        states!(put, scrape.telemetry.card.state(), Backend,)
    });
    let causes = FailOverCause::ALL.iter().map(|row| (row.name(), row.text()));
    let help = with_values("Fail-overs from the card, and cards not taken, by cause.", causes);
    table.counter("card_failovers", &["cause"], &help, |scrape, put| {
        FailOverCause::ALL.iter().try_for_each(|&row| put(&[row.name()], scrape.telemetry.card.count(row).get()))
    });
    for &row in JournalCount::ALL {
        table.counter(&format!("journal_{}", row.name()), &[], row.text(), move |scrape, put| {
            put(&[], scrape.telemetry.journal.count(row).get())
        });
    }
    let help = "Entries handed to the journal that the system has not taken yet.";
    table
        .gauge("journal_backlog_entries", &[], help, |scrape, put| put(&[], scrape.telemetry.journal.backlog() as f64));
}

fn alarms(table: &mut Table) {
    let help = "1 while the alarm is raised, by alarm, severity and subject.";
    table.gauge("alarm_active", &["alarm", "severity", "subject"], help, |scrape, put| {
        let (names, alarms) = (scrape.telemetry.names(), &scrape.telemetry.alarms);
        for &alarm in AlarmKind::ALL {
            for subject in 0..names.subjects(alarm.scope()) {
                let name = names.subject(alarm.scope(), subject);
                let is_raised = f64::from(u8::from(alarms.is_raised(alarm, subject)));
                put(&[alarm.name(), alarm.severity().name(), name], is_raised)?;
            }
        }
        Ok(())
    });
    table.counter("alarms", &["alarm"], "Times that the alarm was raised.", |scrape, put| {
        AlarmKind::ALL.iter().try_for_each(|&alarm| put(&[alarm.name()], scrape.telemetry.alarms.raised(alarm)))
    });
}

/// The metrics of one engine, for the registry.
struct EngineCollector {
    telemetry: Arc<Telemetry>,
    metrics: Vec<Metric>,
}

impl fmt::Debug for EngineCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineCollector").finish_non_exhaustive()
    }
}

impl Collector for EngineCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let telemetry = &*self.telemetry;
        let count = telemetry.names().underlyings.len();
        let pictures = (0..count).map(|number| telemetry.underlying(number).picture()).collect();
        let scrape = Scrape { telemetry, pictures };
        self.metrics.iter().try_for_each(|metric| metric.encode(&scrape, &mut encoder))
    }
}

impl Metric {
    fn encode(&self, scrape: &Scrape<'_>, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let labelled = |values: &[&str]| -> Vec<(&'static str, String)> {
            self.labels.iter().copied().zip(values.iter().map(|value| (*value).to_owned())).collect()
        };
        match &self.kind {
            Kind::Counter(give) => {
                // The encoder adds it again.
                let name = self.name.trim_end_matches("_total");
                let mut metric = encoder.encode_descriptor(name, &self.help, None, MetricType::Counter)?;
                give(scrape, &mut |values, value| {
                    metric.encode_family(&labelled(values))?.encode_counter::<NoLabelSet, _, u64>(&value, None)
                })
            }
            Kind::Gauge(give) => {
                let mut metric = encoder.encode_descriptor(&self.name, &self.help, None, MetricType::Gauge)?;
                give(scrape, &mut |values, value| metric.encode_family(&labelled(values))?.encode_gauge(&value))
            }
            Kind::Histogram(latency) => {
                let counts = scrape.telemetry.latency(*latency).read();
                let mut metric = encoder.encode_descriptor(&self.name, &self.help, None, MetricType::Histogram)?;
                metric.encode_histogram::<NoLabelSet>(counts.sum_seconds(), counts.count(), &counts.buckets(), None)
            }
        }
    }
}

/// Writes the exposition of an engine.
#[derive(Debug)]
pub struct Exposition(Registry);

impl Exposition {
    /// What its content is called over HTTP.
    pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

    /// Of this engine.
    pub fn new(telemetry: Arc<Telemetry>) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(EngineCollector { telemetry, metrics: metrics() }));
        Self(registry)
    }

    /// The exposition as it is now. For any thread but the engine's.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // A string takes every write.
        let _ = prometheus_text::encode(&mut text, &self.0);
        text
    }
}

/// The tables of metrics and alarms as Markdown, for the documentation.
pub fn write_markdown(out: &mut impl fmt::Write) -> fmt::Result {
    writeln!(out, "| metric | kind | labels | meaning |\n|---|---|---|---|")?;
    for metric in metrics() {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(out, "| `{}` | {} | {} | {} |", metric.name, metric.kind(), labels.join(", "), metric.help)?;
    }
    writeln!(out, "\n| alarm | severity | for each | meaning | at 3 a.m. |\n|---|---|---|---|---|")?;
    for alarm in AlarmKind::ALL {
        let (name, severity, scope) = (alarm.name(), alarm.severity().name(), alarm.scope().name());
        writeln!(out, "| `{name}` | {severity} | {scope} | {} | {} |", alarm.meaning(), alarm.action())?;
    }
    Ok(())
}
