//! Replay of whole captures: generated ones with faults, and a real one.

#[path = "support/real_data.rs"]
mod real_data;

use std::fs;
use std::path::{Path, PathBuf};

use real_data::real_data;

use hedgewire_abi::Reason;
use hedgewire_host::capture::CaptureFile;
use hedgewire_host::config::Plan;
use hedgewire_host::deribit::legacy::Frame;
use hedgewire_host::driver::Stage;
use hedgewire_host::journal::verify;
use hedgewire_host::replay::{Options, Point, Progress, Replay, ReplayError, replay};
use hedgewire_kernel::Form;
use hedgewire_sim::capture::{CaptureFormat, CaptureWriter, Fault, MarketCapture, PacketEncoder, TickerFields};
use serde_json::Value;

/// Set-up for the generated market: a perpetual at 60,000, a dated future and six options.
const GENERATED: &str = r#"
[sizes]
underlyings = 1
rows = 64
intervals = 128

[market]
warm_up_ms = 200
recompile_ms = 300
rows_age_max_ms = 1_000
time_every_ms = 50
series_every_ms = 20

[own_fills]
every = 2
share = 0.5

[[underlying]]
coin = "BTC"
numeraire = "coin"
slots = 64
hedge = { instrument = "BTC-PERPETUAL", kind = "inverse", contract_size = 10, tick_usd = 0.5, price_about_usd = 60_000 }
fill = { model = "immediate", price = "touch", taker_fee_bp = 5 }
ladder = { step_ticks = 32, intervals = 128 }

[underlying.portfolio]
lot_coin = 0.1
instrument_max_coin = 500
rule = { kind = "every_option", quantity_coin = -20 }

[underlying.band]
rule = { kind = "fixed", contracts = 40 }
min_contracts = 10
max_contracts = 1_000
emergency_contracts = 200_000
theta = 0.5

[underlying.orders]
clip_min_contracts = 1
clip_max_contracts = 50_000
cross_usd = 0.5
cool_down_ms = 5
duplicate_window_ms = 1

[underlying.gates]
width_max_bp = 50
quote_age_max_ms = 1_000
size_min_contracts = 1
collar_bp = 50
collar_last_bp = 500
order_max_contracts = 50_000
notional_max_usd = 500_000
position_max_contracts = 5_000_000
gross_max_contracts = 5_000_000
open_orders_max = 4
order_interval_ms = 1
order_burst_ms = 100
hedges_per_minute = 10_000
attempts_max = 100
loss_max_coin = 100
"#;

fn plan(text: &str) -> Plan {
    Plan::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A generated capture in a folder of its own.
struct Day {
    folder: tempfile::TempDir,
    capture: PathBuf,
    expected: hedgewire_sim::capture::Expected,
}

fn day(packets: usize, faults: Vec<Fault>) -> Day {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let capture = folder.path().join("day.pcapng");
    let expected =
        MarketCapture { seed: 7, packets, faults, ..MarketCapture::default() }.write(&capture).expect("a disk");
    Day { folder, capture, expected }
}

impl Day {
    fn replay(&self, plan: &Plan, form: Form, journal: &str) -> (Replay, PathBuf) {
        let journal = self.folder.path().join(journal);
        let options = Options { form, journal: Some(&journal) };
        let replay = replay(&self.capture, plan, &options, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
        (replay, journal)
    }
}

fn assert_verifies(journal: &Path) -> u64 {
    let mut commands = 0;
    for form in [Form::Scalar, Form::Avx2].into_iter().filter(|form| form.is_supported()) {
        let verification = verify(journal, form, &mut |_, _| {}).expect("a journal");
        assert!(
            verification.is_clean(),
            "{}",
            verification.first_difference.map_or_else(String::new, |d| d.to_string())
        );
        commands = verification.commands;
    }
    commands
}

/// Everything of a summary but what was measured.
fn figures(replay: &Replay) -> Value {
    let mut json = serde_json::to_value(&replay.summary).expect("a summary is JSON");
    json.as_object_mut().expect("an object").remove("latency_ns").expect("latencies");
    json
}

#[test]
fn generated_day_is_hedged_and_counted() {
    let day = day(6_000, vec![Fault::Gap { at: 900 }, Fault::Duplicate { at: 1_200 }, Fault::Reorder { at: 2_000 }]);
    let (replay, journal) = day.replay(&plan(GENERATED), Form::best(), "journal");
    let summary = &replay.summary;
    assert_eq!((summary.packets, summary.framing_errors), (day.expected.packets, 0));
    assert_eq!(summary.gaps, day.expected.gaps);
    assert_eq!(summary.duplicate_packets, day.expected.duplicates);
    assert_eq!(summary.messages["ticker"], day.expected.messages[&1003]);
    assert_eq!(summary.messages["book"], day.expected.messages[&1001]);
    assert_eq!(summary.messages["trades"], day.expected.trades);
    assert!(summary.hedges > 10 && summary.own_fills > 10 && summary.banks > 10, "{summary:?}");
    assert!(
        summary.quotes > 1_000 && summary.decisions >= summary.quotes - summary.refusals.get("CROSSED").unwrap_or(&0)
    );
    let refusals: u64 = summary.refusals.values().sum();
    assert_eq!(summary.decisions, summary.hedges + refusals, "every decision is a hedge or has a reason");
    assert_eq!(assert_verifies(&journal), summary.commands);
    let stages = ["decode", "book", "kernel", "fill", "bank"];
    assert!(stages.iter().all(|stage| summary.latency_ns[stage].count > 0));
    assert_eq!(replay.latencies.of(Stage::Kernel).len(), summary.decisions, "every decision is measured");
}

#[test]
fn steep_option_gets_a_finer_ladder_than_the_configured_one() {
    let day = day(2_000, Vec::new());
    let coarse = GENERATED.replace("step_ticks = 32", "step_ticks = 128");
    let (plain, _) = day.replay(&plan(&coarse), Form::best(), "plain");
    let ladders = |replay: &Replay| (replay.summary.underlyings[0].ladder_step_ticks, replay.underlyings[0].steep_rows);
    assert_eq!(ladders(&plain), (128.0, 0));
    // At 109 days to expiry `vol sqrt(tau)` is then 6.6e-4 of the price; a step of 64 USD is 1.1e-3 of it.
    let holding =
        "[[underlying.portfolio.holding]]\ninstrument = \"BTC-27SEP24-60000-C\"\nquantity = -20\nvol = 0.0012\n";
    let text = coarse.replace("[underlying.band]", &format!("{holding}[underlying.band]"));
    let (steep, journal) = day.replay(&plan(&text), Form::best(), "steep");
    assert_eq!(ladders(&steep), (64.0, 0));
    assert_verifies(&journal);
}

#[test]
fn hedges_bring_the_exposure_back_into_its_band() {
    let day = day(6_000, Vec::new());
    let without_own_fills = GENERATED.replace("[own_fills]\nevery = 2\nshare = 0.5\n", "");
    let (replay, _) = day.replay(&plan(&without_own_fills), Form::best(), "journal");
    let result = &replay.underlyings[0];
    assert!(result.hedges[0].exposure_contracts > 20_000.0, "the portfolio is not flat");
    let outside = |point: &&Point| point.exposure_contracts.abs() > point.band_contracts;
    // A point is what the decision saw. It may have seen an exposure outside the band once per hedge,
    // and while the cool-down of a hedge lasts.
    let seen = result.points.iter().filter(outside).count();
    assert!(result.points.len() > 200 && seen <= 2 * result.hedges.len(), "{seen} of {}", result.points.len());
    let settled = result.points.iter().filter(|point| point.time_ns > result.hedges[0].time_ns).collect::<Vec<_>>();
    let largest = settled.iter().map(|point| point.exposure_contracts.abs()).fold(0.0, f64::max);
    assert!(largest < 2_000.0, "nothing but moves of price and vol opens the exposure again: {largest}");
    assert_eq!(result.account.position_contracts, result.hedges.iter().map(|hedge| hedge.contracts).sum::<i64>());
    assert!(result.account.fees > 0.0);
}

#[test]
fn journals_are_equal_for_every_form_and_every_run() {
    let day = day(3_000, Vec::new());
    let plan = plan(GENERATED);
    let (first, journal) = day.replay(&plan, Form::Scalar, "first");
    let first_bytes = fs::read(&journal).expect("a journal");
    let forms = [Form::Scalar, Form::Avx2].into_iter().filter(|form| form.is_supported());
    for (run, form) in forms.enumerate() {
        let (replay, journal) = day.replay(&plan, form, &format!("run {run}"));
        assert!(fs::read(&journal).expect("a journal") == first_bytes, "{}", form.name());
        assert_eq!(figures(&replay), figures(&first));
        assert_eq!(replay.underlyings, first.underlyings);
    }
}

#[test]
fn journal_does_not_depend_on_where_the_capture_is() {
    let day = day(1_500, Vec::new());
    let plan = plan(GENERATED);
    let (_, journal) = day.replay(&plan, Form::best(), "here");
    let elsewhere = day.folder.path().join("another name");
    fs::rename(&day.capture, &elsewhere).expect("a disk");
    let options = Options { form: Form::best(), journal: Some(&day.folder.path().join("there")) };
    replay(&elsewhere, &plan, &options, &mut |_| {}).expect("it replays");
    let bytes = |path: &Path| fs::read(path).expect("a journal");
    assert!(bytes(&journal) == bytes(&day.folder.path().join("there")));
}

#[test]
fn capture_that_is_cut_is_replayed_up_to_the_cut() {
    let day = day(2_000, vec![Fault::Truncate]);
    let (replay, journal) = day.replay(&plan(GENERATED), Form::best(), "journal");
    assert_eq!(replay.summary.packets, day.expected.packets);
    assert!(replay.capture_error.is_some());
    assert!(replay.summary.capture_error.as_ref().is_some_and(|error| error.contains("cut off")));
    assert_verifies(&journal);
}

#[test]
fn damaged_packets_stop_nothing() {
    let flips = (0..200).map(|i| Fault::BitFlip { at: 300 + 7 * i, bit: 64 + 37 * i });
    let day = day(2_500, flips.collect());
    let (replay, journal) = day.replay(&plan(GENERATED), Form::best(), "journal");
    assert_eq!(replay.summary.packets, 2_500);
    assert!(replay.summary.hedges > 0);
    assert_verifies(&journal);
}

/// A capture without the packets that define an instrument.
fn without_definition(capture: &Path, instrument_id: u32) -> Vec<u8> {
    let capture = CaptureFile::open(capture).expect("a capture");
    let mut writer = CaptureWriter::new(Vec::new(), CaptureFormat::PcapNg).expect("memory");
    for datagram in capture.datagrams().expect("a capture").map(|datagram| datagram.expect("a datagram")) {
        let frame = Frame::new(datagram.payload).expect("a frame");
        let mut messages = frame.messages().map(|message| message.expect("a good message"));
        if !messages.any(|message| message.definition().is_some_and(|d| d.instrument_id == instrument_id)) {
            writer.packet(datagram.capture_ns, frame.channel, datagram.payload).expect("memory");
        }
    }
    writer.into_inner()
}

fn refusal(capture: &Path, text: &str) -> ReplayError {
    let options = Options { form: Form::best(), journal: None };
    replay(capture, &plan(text), &options, &mut |_| {}).expect_err("it cannot be replayed")
}

#[test]
fn hedge_instrument_that_the_capture_does_not_define_is_known_by_its_configured_number() {
    let day = day(3_000, Vec::new());
    fs::write(&day.capture, without_definition(&day.capture, 1)).expect("a disk");
    let with_id = |id: u32| format!("{GENERATED}\n[instrument_ids]\nBTC-PERPETUAL = {id}\n");
    let (replay, journal) = day.replay(&plan(&with_id(1)), Form::best(), "journal");
    assert!(replay.summary.hedges > 10, "{:?}", replay.summary);
    assert_verifies(&journal);
    let unknown = refusal(&day.capture, GENERATED).to_string();
    assert!(unknown.contains("defines no BTC-PERPETUAL") && unknown.contains("[instrument_ids]"), "{unknown}");
    match refusal(&day.capture, &with_id(2)) {
        ReplayError::InstrumentNumber { name, id: 2, found } => assert!(name == "BTC-PERPETUAL" && found != name),
        other => panic!("{other}"),
    }
}

#[test]
fn configured_number_of_an_instrument_that_the_capture_defines_is_not_needed() {
    let day = day(1_500, Vec::new());
    let (plain, _) = day.replay(&plan(GENERATED), Form::best(), "plain");
    let text = format!("{GENERATED}\n[instrument_ids]\nBTC-PERPETUAL = 999\n");
    let (numbered, _) = day.replay(&plan(&text), Form::best(), "numbered");
    assert_eq!(figures(&plain), figures(&numbered));
}

#[test]
fn damage_is_named_before_the_instruments_whose_definitions_it_cost() {
    let flipped = day(600, (0..600).map(|at| Fault::BitFlip { at, bit: 3 }).collect());
    let told = refusal(&flipped.capture, GENERATED).to_string();
    assert!(told.starts_with("the capture is damaged: 600 packets cannot be decoded"), "{told}");
    assert!(told.contains("BTC-PERPETUAL"), "{told}");

    let broken = day(600, Vec::new());
    let mut bytes = fs::read(&broken.capture).expect("a capture");
    let word = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    // Blocks are type, length, .. up to the first packet's (type 6), whose length loses its meaning.
    let mut at = 0;
    while word(&bytes, at) != 6 {
        at += word(&bytes, at + 4) as usize;
    }
    bytes[at + 4] ^= 1;
    fs::write(&broken.capture, bytes).expect("a disk");
    let error = refusal(&broken.capture, GENERATED);
    assert!(matches!(&error, ReplayError::DamagedDefinitions { damage, .. } if damage.error.is_some()), "{error}");
    assert!(error.to_string().starts_with("the capture is damaged: "), "{error}");
}

/// What the feed says next of the generated market's perpetual.
#[derive(Clone, Copy)]
enum Say {
    /// A ticker with this middle.
    Price(f64),
    /// A ticker with this middle and a time that far ahead, ms.
    Ahead(f64, u64),
    /// A ticker with this middle and a time that far behind, ms.
    Behind(f64, u64),
    /// A ticker without bids.
    OneSided(f64),
    /// The index, and nothing of the perpetual.
    Nothing,
}

fn payload_of(say: Say, packet_seq: u32, capture_ns: u64) -> (u16, Vec<u8>) {
    let now_ms = capture_ns / 1_000_000;
    let (price, timestamp_ms) = match say {
        Say::Price(price) | Say::OneSided(price) => (price, now_ms),
        Say::Ahead(price, lead_ms) => (price, now_ms + lead_ms),
        Say::Behind(price, lag_ms) => (price, now_ms - lag_ms),
        Say::Nothing => {
            let mut encoder = PacketEncoder::new(0, packet_seq);
            encoder.price_index("btc_usd", 60_000.0, now_ms);
            return (0, encoder.finish());
        }
    };
    let none = f64::NAN;
    let mut encoder = PacketEncoder::new(1, packet_seq);
    encoder.ticker(&TickerFields {
        instrument_id: 1,
        state: 1,
        timestamp_ms,
        open_interest: 1.0,
        min_sell_price: none,
        max_buy_price: none,
        last_price: none,
        index_price: 60_000.0,
        mark_price: price,
        best_bid: if matches!(say, Say::OneSided(_)) { (0.0, 0.0) } else { (price - 0.5, 50_000.0) },
        best_ask: (price + 0.5, 50_000.0),
        funding: (none, none),
        delivery: (none, none, none),
    });
    (1, encoder.finish())
}

/// Replays a capture in which instruments are defined and then only this is said, every 100 ms.
fn replay_said(said: &[Say]) -> Replay {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let market = folder.path().join("market");
    MarketCapture { seed: 7, packets: 60, ..MarketCapture::default() }.write(&market).expect("a disk");
    let market = CaptureFile::open(&market).expect("a capture");
    let mut writer = CaptureWriter::new(Vec::new(), CaptureFormat::PcapNg).expect("memory");
    let mut capture_ns = 0;
    for datagram in market.datagrams().expect("a capture").map(|datagram| datagram.expect("a datagram")) {
        capture_ns = datagram.capture_ns;
        let channel = Frame::new(datagram.payload).expect("a frame").channel;
        writer.packet(capture_ns, channel, datagram.payload).expect("memory");
    }
    for (packet_seq, &say) in (1_000..).zip(said) {
        capture_ns += 100_000_000;
        let (channel, payload) = payload_of(say, packet_seq, capture_ns);
        writer.packet(capture_ns, channel, &payload).expect("memory");
    }
    let capture = folder.path().join("said");
    fs::write(&capture, writer.into_inner()).expect("a disk");
    let text = GENERATED.replace("warm_up_ms", "quotes = \"ticker\"\nwarm_up_ms");
    let options = Options { form: Form::best(), journal: None };
    replay(&capture, &plan(&text), &options, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn absurd_price_costs_a_bank_and_not_the_replay() {
    let mut said = vec![Say::Price(60_000.0); 40];
    said[20..24].fill(Say::Price(0.75));
    let replay = replay_said(&said);
    let result = &replay.underlyings[0];
    assert!(result.banks_failed > 0 && result.banks > 5, "{:?}", replay.summary);
    assert!(result.bank_error.is_some() && replay.summary.refusals["REF_TOO_FAR"] > 0, "{:?}", replay.summary);
    // The last decisions are taken at the true price again.
    assert!(result.points.last().is_some_and(|point| point.price_usd == 60_000.0 && point.band_contracts == 40.0));
}

#[test]
fn ticker_from_the_future_does_not_keep_the_true_ones_out() {
    let mut said = vec![Say::Price(60_000.0); 40];
    said[10] = Say::Ahead(1_000.0, 86_400_000);
    let replay = replay_said(&said);
    assert!(replay.underlyings[0].points.iter().all(|point| point.price_usd == 60_000.0));
    assert_eq!(replay.underlyings[0].banks_failed, 0);
}

#[test]
fn ticker_older_than_the_last_changes_nothing() {
    let mut said = vec![Say::Price(60_000.0); 40];
    said[10] = Say::Behind(1_000.0, 150);
    let replay = replay_said(&said);
    assert!(replay.underlyings[0].points.iter().all(|point| point.price_usd == 60_000.0));
    assert_eq!(replay.underlyings[0].banks_failed, 0);
}

#[test]
fn quote_is_as_old_as_the_venue_says_and_nothing_is_hedged_on_an_old_one() {
    let mut said = vec![Say::OneSided(60_000.0); 5];
    let fresh = replay_said(&said);
    assert_eq!((fresh.summary.refusals["ONE_SIDED"], fresh.summary.refusals.get("QUOTE_STALE")), (4, None));
    // A second of silence is allowed. The venue's milliseconds round down, so that the tenth silent packet
    // comes just after it.
    said.extend([Say::Nothing; 30]);
    let silent = replay_said(&said);
    assert_eq!((silent.summary.refusals["ONE_SIDED"], silent.summary.refusals["QUOTE_STALE"]), (13, 21));
}

#[test]
fn progress_rises_to_the_whole_capture() {
    let day = day(3_000, Vec::new());
    let mut told: Vec<Progress> = Vec::new();
    let options = Options { form: Form::best(), journal: None };
    replay(&day.capture, &plan(GENERATED), &options, &mut |progress| told.push(progress)).expect("it replays");
    assert!(told.is_sorted_by_key(|progress| (progress.done_bytes, progress.packets)));
    let last = told.last().expect("at least once");
    assert_eq!((last.done_bytes, last.packets), (last.total_bytes, 3_000));
}

#[test]
fn every_fill_model_reference_and_quote_source_replays() {
    let day = day(2_000, Vec::new());
    let fill = r#"fill = { model = "immediate", price = "touch", taker_fee_bp = 5 }"#;
    let working = r#"fill = { model = "next_opposing_quote", time_to_live_ms = 30, taker_fee_bp = 5 }"#;
    let limit = r#"fill = { model = "immediate", price = "limit", taker_fee_bp = 5 }"#;
    let mut hedges = Vec::new();
    let variants = [
        (fill, working),
        (fill, limit),
        ("warm_up_ms", "reference = \"index\"\nwarm_up_ms"),
        ("warm_up_ms", "reference = \"mark\"\nwarm_up_ms"),
        ("warm_up_ms", "quotes = \"ticker\"\nwarm_up_ms"),
        ("warm_up_ms", "quotes = \"book\"\nwarm_up_ms"),
        ("warm_up_ms", "forward = \"index\"\nskew = \"sticky_moneyness\"\nwarm_up_ms"),
        ("numeraire = \"coin\"", "numeraire = \"usd\"\ncash_coin = 3"),
        ("slots = 64", "slots = 64\nexact_mode = true"),
        ("kind = \"every_option\", quantity_coin = -20", "kind = \"seeded\", seed = 5, quantity_max_coin = 20"),
    ];
    for (run, (from, to)) in variants.into_iter().enumerate() {
        let (replay, journal) = day.replay(&plan(&GENERATED.replace(from, to)), Form::best(), &format!("run {run}"));
        assert!(replay.summary.hedges > 0, "{to}: {:?}", replay.summary);
        assert_verifies(&journal);
        hedges.push((replay.summary.hedges, replay.underlyings[0].account.traded_contracts));
    }
    hedges.sort_unstable();
    hedges.dedup();
    assert!(hedges.len() > 5, "the settings make a difference: {hedges:?}");
}

#[test]
fn names_that_the_capture_lacks_are_told_together() {
    let day = day(1_000, Vec::new());
    let text = GENERATED.replace("BTC-PERPETUAL", "BTC-28MAR25").replace(
        "[underlying.band]",
        "[[underlying.portfolio.holding]]\ninstrument = \"BTC-28MAR25-60000-C\"\nquantity = 1\n[underlying.band]",
    );
    let options = Options { form: Form::best(), journal: None };
    let error = replay(&day.capture, &plan(&text), &options, &mut |_| {}).expect_err("unknown names");
    let text = error.to_string();
    assert!(text.contains("BTC-28MAR25,") && text.contains("BTC-28MAR25-60000-C"), "{text}");
}

#[test]
fn terms_other_than_the_captures_are_refused() {
    let day = day(1_000, Vec::new());
    let options = Options { form: Form::best(), journal: None };
    for (from, to, field) in [
        ("contract_size = 10,", "contract_size = 5,", "contract_size"),
        ("tick_usd = 0.5", "tick_usd = 0.25", "tick_usd"),
    ] {
        let plan = plan(&GENERATED.replace(from, to));
        match replay(&day.capture, &plan, &options, &mut |_| {}) {
            Err(ReplayError::Definition { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[test]
fn more_options_than_slots_are_refused_before_anything_is_sent() {
    let day = day(1_000, Vec::new());
    let options = Options { form: Form::best(), journal: None };
    // Six options of the capture on top of sixty pools.
    let pool = "[[underlying.portfolio.pool]]\ncoin = 1\nprice_usd = 60_000\nprice_low_usd = 50_000\nprice_high_usd = 70_000\n";
    let text = GENERATED.replace("[underlying.band]", &format!("{}[underlying.band]", pool.repeat(60)));
    let result = replay(&day.capture, &plan(&text), &options, &mut |_| {});
    assert!(matches!(result, Err(ReplayError::Slots { count: 66, slots: 64, .. })));
}

#[test]
fn journal_that_exists_is_not_written_over() {
    let day = day(500, Vec::new());
    let path = day.folder.path().join("mine");
    fs::write(&path, "mine").expect("a disk");
    let options = Options { form: Form::best(), journal: Some(&path) };
    assert!(replay(&day.capture, &plan(GENERATED), &options, &mut |_| {}).is_err());
    assert_eq!(fs::read(&path).expect("still there"), b"mine");
}

// ---- the real capture --------------------------------------------------------------------------

fn real_capture() -> Option<PathBuf> {
    real_data(Path::new(env!("CARGO_MANIFEST_DIR")), "deribit-legacy/sample_capture_v1_6.pcapng")
}

const LEGACY: &str = include_str!("../host/examples/deribit-legacy.toml");

#[test]
fn real_capture_is_replayed_without_a_difference() {
    let Some(capture) = real_capture() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut journals = Vec::new();
    for form in [Form::Scalar, Form::Avx2].into_iter().filter(|form| form.is_supported()) {
        let journal = folder.path().join(form.name());
        let options = Options { form, journal: Some(&journal) };
        let replay = replay(&capture, &plan(LEGACY), &options, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
        let summary = &replay.summary;
        assert_eq!((summary.packets, summary.framing_errors, summary.gaps), (5_066, 0, 0));
        assert_eq!(summary.messages["ticker"], 4_211);
        assert_eq!(summary.messages["book"], 1_064);
        assert_eq!(summary.messages["trades"], 421);
        assert_eq!(summary.channels, 29);
        assert_eq!((summary.underlyings[0].holdings, summary.underlyings[1].holdings), (76, 2));
        assert!(summary.underlyings.iter().all(|underlying| underlying.hedges > 0), "{summary:?}");
        assert!(summary.own_fills > 0 && summary.faults == 0, "{summary:?}");
        assert_eq!(summary.refusals.get(Reason::QuoteStale.name()), None, "ages are sane");
        assert_verifies(&journal);
        journals.push(fs::read(&journal).expect("a journal"));
    }
    assert!(journals.windows(2).all(|pair| pair[0] == pair[1]));
}
