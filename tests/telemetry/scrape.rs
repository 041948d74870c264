//! The exposition as Prometheus gets it, over HTTP.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hedgewire_abi::command::Quote;
use hedgewire_abi::event::{Header, Hedge, Refused};
use hedgewire_abi::{Event, Reason};
use hedgewire_host::telemetry::{
    AlarmKind, Backend, BookTrust, FailOverCause, FeedCount, FeedState, FillOrigin, JournalCount, Latency,
    MetricsError, MetricsServer, MetricsSettings, OrderCount, Picture, SessionCount, SessionState, Telemetry, metrics,
};

use crate::exposition::{Exposition, Labels};

/// Serves an engine's metrics on loopback.
fn serve(telemetry: &Arc<Telemetry>) -> MetricsServer {
    let settings = MetricsSettings { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), beyond_loopback: false };
    MetricsServer::start(&settings, Arc::clone(telemetry)).expect("a port of loopback")
}

/// Status, head and body of an answer.
fn ask(address: SocketAddr, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let whole = format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(whole.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_owned(), body.to_owned())
}

fn scrape(telemetry: &Arc<Telemetry>) -> Exposition {
    let server = serve(telemetry);
    let (status, head, body) = ask(server.address(), "GET /metrics");
    assert_eq!(status, 200);
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    // A large body comes in chunks, whose lengths are lines of their own.
    let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") { dechunked(&body) } else { body };
    Exposition::parse(&body)
}

fn dechunked(mut body: &str) -> String {
    let mut whole = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n").expect("a chunk's length");
        let length = usize::from_str_radix(length, 16).expect("a number");
        if length == 0 {
            return whole;
        }
        whole.push_str(&rest[..length]);
        body = &rest[length + 2..];
    }
}

fn event(underlying: u8, reason: Reason) -> Event {
    let header = Header { underlying, reason, ..Header::default() };
    Refused { exposure: 1 << 16, band: 2 << 16, quantity: 0, command_kind: Quote::KIND }.encode(header)
}

#[test]
fn every_metric_is_there_with_its_help_type_and_labels() {
    let telemetry = crate::telemetry();
    telemetry.latency(Latency::PacketToOrder).record(900);
    let found = scrape(&telemetry);
    let names: Vec<&str> = found.0.keys().map(String::as_str).collect();
    let mut wanted: Vec<String> = metrics().into_iter().map(|metric| metric.name).collect();
    wanted.sort();
    assert_eq!(names, wanted);
    for metric in metrics() {
        let family = &found.0[&metric.name];
        assert_eq!((family.kind.as_str(), &family.help), (metric.kind(), &metric.help), "{}", metric.name);
        assert!(metric.name.starts_with("hedgewire_"));
        assert_eq!(metric.name.ends_with("_total"), metric.kind() == "counter", "{}", metric.name);
        assert!(!family.samples.is_empty(), "{} has no series", metric.name);
        for (sample, labels) in family.samples.keys() {
            let mut names: Vec<&str> = labels.keys().map(String::as_str).filter(|label| *label != "le").collect();
            let mut wanted = metric.labels.to_vec();
            names.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(names, wanted, "{sample}");
        }
    }
}

#[test]
fn counts_arrive_under_their_names() {
    let telemetry = crate::telemetry();
    for reason in Reason::ALL {
        for _ in 0..=*reason as u8 {
            telemetry.on_event(&event(1, *reason));
        }
    }
    telemetry.on_event(&Hedge::default().encode(Header::default()));
    telemetry.feed(1).count(FeedCount::HeartbeatLosses).add(3);
    telemetry.feed(1).set_state(FeedState::Silent);
    telemetry.session(0).count(SessionCount::Logons).set_total(4);
    telemetry.session(0).set_state(SessionState::Ready);
    telemetry.underlying(0).orders(OrderCount::Unknown).add(5);
    telemetry.underlying(0).fills(FillOrigin::Hedge).add(1);
    telemetry.underlying(0).set_contracts(0, 6);
    telemetry.underlying(0).set_trust(BookTrust::Gap);
    telemetry.card.count(FailOverCause::Watchdog).add(7);
    telemetry.card.set_state(Backend::FallBack);
    telemetry.journal.count(JournalCount::Entries).set_total(10);
    telemetry.journal.count(JournalCount::Written).set_total(2);
    telemetry.alarms.raise(AlarmKind::ChannelSilent, 1, 5);
    telemetry.alarms.raise(AlarmKind::Killed, 0, 5);
    for ns in [100, 1_000, 1_000_000] {
        telemetry.latency(Latency::PacketToDecision).record(ns);
    }
    let found = scrape(&telemetry);
    for reason in Reason::ALL {
        let count = f64::from(*reason as u8) + 1.0;
        let labels = [("underlying", "ETH"), ("reason", reason.name())];
        if (*reason as u8) < 128 {
            assert_eq!(found.value("hedgewire_decisions_total", &labels), count);
        } else {
            assert_eq!(found.value("hedgewire_refused_commands_total", &labels), count);
        }
    }
    assert_eq!(found.value("hedgewire_decisions_total", &[("underlying", "BTC"), ("reason", "HEDGE")]), 1.0);
    assert_eq!(found.value("hedgewire_feed_heartbeat_losses_total", &[("feed", "legacy")]), 3.0);
    assert_eq!(found.value("hedgewire_feed_state", &[("feed", "legacy"), ("state", "silent")]), 1.0);
    assert_eq!(found.value("hedgewire_feed_state", &[("feed", "legacy"), ("state", "live")]), 0.0);
    let session = ("session", "key \"one\"\\");
    assert_eq!(found.value("hedgewire_session_logons_total", &[session]), 4.0);
    assert_eq!(found.value("hedgewire_session_state", &[session, ("state", "ready")]), 1.0);
    assert_eq!(found.value("hedgewire_orders_total", &[("underlying", "BTC"), ("event", "unknown")]), 5.0);
    assert_eq!(found.value("hedgewire_fills_total", &[("underlying", "BTC"), ("origin", "hedge")]), 1.0);
    assert_eq!(found.value("hedgewire_filled_contracts_total", &[("underlying", "BTC"), ("side", "sell")]), 6.0);
    assert_eq!(found.value("hedgewire_book_state", &[("underlying", "BTC"), ("state", "gap")]), 1.0);
    assert_eq!(found.value("hedgewire_card_failovers_total", &[("cause", "watchdog")]), 7.0);
    assert_eq!(found.value("hedgewire_kernel_backend", &[("backend", "fall_back")]), 1.0);
    assert_eq!(found.value("hedgewire_journal_backlog_entries", &[]), 8.0);
    let alarm = |name, severity, subject| [("alarm", name), ("severity", severity), ("subject", subject)];
    assert_eq!(found.value("hedgewire_alarm_active", &alarm("channel_silent", "critical", "legacy")), 1.0);
    assert_eq!(found.value("hedgewire_alarm_active", &alarm("channel_silent", "critical", "starbase")), 0.0);
    assert_eq!(found.value("hedgewire_alarms_total", &[("alarm", "killed")]), 1.0);
    let histogram = &found.0["hedgewire_packet_to_decision_seconds"].samples;
    let name = |suffix: &str| (format!("hedgewire_packet_to_decision_seconds{suffix}"), Labels::new());
    assert_eq!(histogram[&name("_count")], 3.0);
    assert!((histogram[&name("_sum")] - 1_001_100e-9).abs() < 1e-12);
}

#[test]
fn a_picture_is_told_in_base_units() {
    let telemetry = crate::telemetry();
    let picture = Picture {
        quote_ns: 1_500_000_000,
        bid: 256,
        delta: -(3 << 32),
        exposure: -(7 << 16),
        band: 9 << 16,
        position: -1_000,
        unknown_sell: 4,
        profit_micro_usd: -2_500_000,
        is_armed: true,
        is_restricted: true,
        ..Picture::default()
    };
    telemetry.underlying(1).publish(&picture);
    let found = scrape(&telemetry);
    let value = |name: &str| found.value(&format!("hedgewire_{name}"), &[("underlying", "ETH")]);
    assert_eq!(value("quote_timestamp_seconds"), 1.5);
    assert_eq!((value("rows_delta_coins"), value("exposure_contracts"), value("band_contracts")), (-3.0, -7.0, 9.0));
    assert_eq!((value("position_contracts"), value("hedge_profit_usd"), value("armed")), (-1_000.0, -2.5, 1.0));
    let with = |name: &str, label, value| found.value(name, &[("underlying", "ETH"), (label, value)]);
    assert_eq!(with("hedgewire_price_usd", "price", "bid"), 0.05);
    assert_eq!(value("restricted"), 1.0);
    let orders = [("underlying", "ETH"), ("side", "sell"), ("state", "unknown")];
    assert_eq!(found.value("hedgewire_order_contracts", &orders), 4.0);
}

#[test]
fn the_number_of_series_does_not_grow() {
    let telemetry = crate::telemetry();
    let series = |found: &Exposition| found.0.values().map(|family| family.samples.len()).sum::<usize>();
    let before = series(&scrape(&telemetry));
    for code in 0..=u8::MAX {
        let mut bytes = event(code, Reason::InBand);
        bytes.0[3] = code;
        telemetry.on_event(&bytes);
    }
    telemetry.latency(Latency::PacketToDecision).record(u64::MAX);
    assert_eq!(series(&scrape(&telemetry)), before);
}

#[test]
fn other_requests_are_answered_and_the_port_is_given_back() {
    let server = serve(&crate::telemetry());
    let address = server.address();
    assert_eq!(ask(address, "GET /").0, 404);
    assert_eq!(ask(address, "POST /metrics").0, 405);
    assert_eq!(ask(address, "GET /metrics?x=1").0, 200);
    drop(server);
    // Its thread that accepts ends by itself.
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "the port is given back");
        std::thread::yield_now();
    }
}

#[test]
fn beyond_loopback_it_wants_to_be_told_so() {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let start =
        |beyond_loopback| MetricsServer::start(&MetricsSettings { address, beyond_loopback }, crate::telemetry());
    assert!(matches!(start(false), Err(MetricsError::NotLoopback(refused)) if refused == address));
    assert!(start(true).is_ok());
}
