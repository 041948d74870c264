//! Faults, the public, the tape: seeded, switchable, counted; and what stays true under all of them.

use hedgewire_host::chain::{read_snapshot, snapshots};
use hedgewire_sim::venue::{
    AdversarySettings, FaultSettings, FlowSettings, Side, Tape, TapeError, TapeEvent, Venue, listing,
};

use super::*;

const MS: i64 = 1_000_000;

fn busy(seed: u64, faults: FaultSettings) -> hedgewire_sim::venue::VenueSettings {
    hedgewire_sim::venue::VenueSettings {
        flow: Some(FlowSettings { rate: 100.0, ..FlowSettings::default() }),
        faults,
        ..settings(seed)
    }
}

/// Everything that a venue says in a run, with a member who quotes around 60,000 and reconnects when cut off. The
/// venue is asked every `step_ns`; the member acts every 50 ms.
fn run(seed: u64, faults: FaultSettings, seconds: i64, step_ns: i64) -> (World, Vec<Vec<u8>>) {
    let mut world = World::new(busy(seed, faults));
    let mut alpha = Client::log_on(&mut world, "alpha");
    let mut said = vec![];
    let mut id = 0;
    for tick in 0..seconds * 20 {
        for _ in 0..50 * MS / step_ns {
            world.wait(step_ns);
        }
        if world.is_closed(alpha.connection) {
            alpha.connect(&mut world, false, true);
        }
        id += 1;
        let side = if tick % 2 == 0 { 1 } else { -1 };
        let heard = alpha.order(&mut world, &Order::limit(id, side, 60_000 - 2 * i64::from(side), 100));
        said.extend(heard.into_iter().map(|message| message.body));
        if id > 6 {
            alpha.cancel(&mut world, id - 6, PERPETUAL_ID);
        }
    }
    said.extend(std::mem::take(&mut world.incremental));
    said.extend(std::mem::take(&mut world.snapshots));
    (world, said)
}

#[test]
fn same_seed_gives_the_same_bytes_and_another_gives_others() {
    let (world, said) = run(5, FaultSettings::all(), 20, 50 * MS);
    assert!(said == run(5, FaultSettings::all(), 20, 50 * MS).1, "seed 5, again");
    assert!(said != run(6, FaultSettings::all(), 20, 50 * MS).1, "seed 6");
    assert!(world.venue.counts().exchange.member_fills > 10, "{:?}", world.venue.counts());
}

#[test]
fn what_is_said_does_not_depend_on_how_often_the_venue_is_asked() {
    let seldom = run(5, FaultSettings::default(), 5, 50 * MS).1;
    assert!(seldom == run(5, FaultSettings::default(), 5, MS).1);
}

#[test]
fn every_fault_happens_and_is_counted_when_on_and_never_when_off() {
    let (world, _) = run(7, FaultSettings::all(), 120, 50 * MS);
    let counts = world.venue.counts().faults;
    let all = [
        counts.lost,
        counts.duplicated,
        counts.reordered,
        counts.withheld,
        counts.reports_dropped,
        counts.reports_delayed,
        counts.rejects,
        counts.disconnects,
        counts.halts,
        counts.fail_overs,
        counts.silences,
    ];
    assert!(all.iter().all(|count| *count > 0), "seed 7: {counts:?}");
    let (world, _) = run(7, FaultSettings::default(), 5, 50 * MS);
    assert_eq!(world.venue.counts().faults, Default::default());
}

#[test]
fn one_fault_alone_changes_nothing_else() {
    let only = |faults: FaultSettings| run(8, faults, 5, 50 * MS);
    let (plain, said) = only(FaultSettings::default());
    let (lossy, heard) = only(FaultSettings { loss: 0.2, ..FaultSettings::default() });
    assert_eq!(lossy.venue.counts().exchange, plain.venue.counts().exchange);
    assert!(heard.len() < said.len() && heard.iter().all(|bytes| said.contains(bytes)), "some of the same bytes");
    let (late, heard) = only(FaultSettings { reorder: 0.2, reorder_ns: 3 * MS, ..FaultSettings::default() });
    assert_eq!(late.venue.counts().feeds, plain.venue.counts().feeds);
    assert!(
        heard != said && heard.len().abs_diff(said.len()) < 5,
        "the same packets in another order, but for the end"
    );
}

#[test]
fn dropped_report_leaves_a_gap_that_a_resend_fills() {
    let mut settings = settings(1);
    settings.faults.report_drop = 1.0;
    let mut world = World::new(settings);
    let mut alpha = Client::log_on(&mut world, "alpha");
    assert!(alpha.order(&mut world, &Order::limit(1, 1, 60_000, 10)).is_empty());
    let answer = alpha.send(&mut world, 11, &1i64.to_le_bytes());
    assert_eq!((templates(&answer), answer[0].seq), (vec![10], 3));
    let again = alpha.send(&mut world, 20, &[2i64.to_le_bytes(), 0i64.to_le_bytes()].concat());
    assert_eq!(again.iter().map(|m| (m.template, m.seq)).collect::<Vec<_>>(), [(200, 2), (21, 3)]);
}

#[test]
fn late_report_holds_back_all_after_it() {
    let mut settings = settings(1);
    (settings.faults.report_delay, settings.faults.report_delay_ns) = (1.0, 20 * MS);
    let mut world = World::new(settings);
    let mut alpha = Client::log_on(&mut world, "alpha");
    alpha.order(&mut world, &Order::limit(1, 1, 60_000, 10));
    alpha.send(&mut world, 11, &1i64.to_le_bytes());
    world.wait(20 * MS - 1);
    assert!(alpha.hear(&mut world).is_empty());
    world.wait(1);
    assert_eq!(templates(&alpha.hear(&mut world)), [200, 10]);
}

#[test]
fn adversary_takes_a_stale_quote_after_its_latency_and_not_one_that_was_pulled() {
    // The index stands still until it jumps by its own volatility: enough of it that every move is an edge.
    let latency_ns = 5 * MS;
    let mut settings = settings(3);
    settings.flow = Some(FlowSettings {
        rate: 0.0,
        volatility: 20.0,
        adversary: Some(AdversarySettings { latency_ns, edge_ticks: 2 }),
        ..FlowSettings::default()
    });
    let mut taken = [0, 0];
    for is_pulled in [false, true] {
        let mut world = World::new(settings.clone());
        let mut alpha = Client::log_on(&mut world, "alpha");
        for id in 1..=20 {
            let mark = world.venue.instruments()[PERPETUAL].mark.expect("a mark");
            let order = Order { price: mark, flags: 2, ..Order::limit(id, 1, 0, 10) };
            alpha.order(&mut world, &order);
            // The index moves every 100 ms, and then the adversary needs 5.
            world.wait(100 * MS + 2 * MS - (world.now_ns - START) % (100 * MS));
            if is_pulled {
                alpha.cancel(&mut world, id, PERPETUAL_ID);
            }
            world.wait(latency_ns);
            alpha.cancel(&mut world, id, PERPETUAL_ID);
        }
        let counts = world.venue.counts().flow;
        assert!(counts.stale_seen >= 4, "{counts:?}");
        taken[usize::from(is_pulled)] = counts.stale_taken;
        assert_eq!(world.venue.position(0, PERPETUAL), 10 * counts.stale_taken as i64);
    }
    assert!(taken[0] >= 4 && taken[1] == 0, "{taken:?}");
}

#[test]
fn fail_over_moves_the_feed_to_the_other_line() {
    use hedgewire_sim::venue::{Line, Output};
    let mut settings = busy(4, FaultSettings::default());
    (settings.faults.fail_over_mean_ns, settings.faults.fail_over_ns) = (2 * UNIT, 50 * MS);
    let mut venue = Venue::new(settings, START, None);
    let mut lines = vec![];
    for step in 1..=200 {
        let now_ns = START + step * 50 * MS;
        venue.advance(now_ns);
        while let Some(output) = venue.next_output(now_ns) {
            if let Output::Multicast { line, is_snapshot: false, .. } = output
                && lines.last() != Some(&line)
            {
                lines.push(line);
            }
        }
    }
    assert!(lines.len() > 2 && lines[..3] == [Line::A, Line::B, Line::A], "{lines:?}");
    assert!(lines.len() as u64 <= venue.counts().faults.fail_overs + 1);
}

#[test]
fn tape_is_read_as_decimals_and_rounded_outwards() {
    let lines = [
        r#"1000 {"s":1,"data":{"e":"depthUpdate","u":7,"b":[["61773.6","10"],["61773.7","1"]],"a":[["61774.1","2"]]}}"#,
        r#"1500 {"stream":"s","data":{"e":"bookTicker","b":"1","B":"1"}}"#,
        r#"2000 {"stream":"s","data":{"e":"depthUpdate","u":8,"b":[["61773.6","0"]],"a":[]}}"#,
        r#"3000 {"stream":"s","data":{"e":"trade","p":"61774.1","q":"4","m":false}}"#,
        // The whole depth: what is not in it is gone, and a change from before it says nothing.
        r#"4000 {"lastUpdateId":20,"bids":[["61770.0","3"]],"asks":[["61774.1","2"]]}"#,
        r#"5000 {"stream":"s","data":{"e":"depthUpdate","u":19,"b":[["61770.0","9"]],"a":[]}}"#,
        r#"6000 {"stream":"s","data":{"e":"depthUpdate","u":20,"b":[["61770.0","4"]],"a":[]}}"#,
    ]
    .join("\n");
    let tape = Tape::parse(lines.as_bytes(), UNIT / 2).expect("a tape");
    let level = |side, tenths: i64, quantity| TapeEvent::Level { side, price: tenths * UNIT / 10, quantity };
    let expected = [
        (1_000, level(Side::Buy, 617_735, 1_000)),
        (1_000, level(Side::Buy, 617_735, 1_100)),
        (1_000, level(Side::Sell, 617_745, 200)),
        (2_000, level(Side::Buy, 617_735, 100)),
        (3_000, TapeEvent::Trade { side: Side::Buy, price: 617_745 * UNIT / 10, quantity: 400 }),
        (4_000, level(Side::Buy, 617_735, 0)),
        (4_000, level(Side::Sell, 617_745, 0)),
        (4_000, level(Side::Buy, 617_700, 300)),
        (4_000, level(Side::Sell, 617_745, 200)),
        (6_000, level(Side::Buy, 617_700, 400)),
    ];
    assert_eq!(tape.events(), expected);
    for wrong in ["x {}", "1", "1 {}", r#"1 {"data":{"e":"trade","p":"1e3","q":"1","m":true}}"#] {
        assert!(matches!(Tape::parse(wrong.as_bytes(), 1), Err(TapeError::Line { line: 1, .. })), "{wrong}");
    }
    assert!(matches!(Tape::parse(&b""[..], 1), Err(TapeError::Empty)));
}

#[path = "../../../tests/support/real_data.rs"]
mod real_data;

#[test]
fn recorded_tape_drives_the_perpetual_and_its_index() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the checkout");
    let Some(path) = real_data::real_data(root, "binance-coinm/btcusd_perp_20240808.gz") else { return };
    let tape = Tape::read(&path, UNIT / 2).expect("the tape");
    assert!(tape.duration_ns() > 300 * UNIT);
    let mut settings = busy(1, FaultSettings::default());
    settings.instruments.truncate(1);
    settings.instruments[0].mark = tape.first_mid();
    let mut venue = Venue::new(settings, START, Some((tape, PERPETUAL)));
    for step in 1..=600 {
        let now_ns = START + step * 100 * MS;
        venue.advance(now_ns);
        while venue.next_output(now_ns).is_some() {}
        let book = venue.book(PERPETUAL);
        if let (Some(bid), Some(ask)) = (book.best(Side::Buy), book.best(Side::Sell)) {
            assert!(bid < ask && (ask - bid) < 200 * UNIT, "{bid} {ask}");
        }
    }
    let mark = venue.instruments()[PERPETUAL].mark.expect("a mark");
    assert!((61_000 * UNIT..63_000 * UNIT).contains(&mark), "{mark}");
    let counts = venue.counts();
    assert!(counts.flow.tape > 10_000 && counts.exchange.trades > 100, "{counts:?}");
}

#[test]
fn recorded_chain_is_listed_and_traded() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the checkout");
    let Some(folder) = real_data::real_data(root, "deribit-chains") else { return };
    let files = snapshots(&folder).expect("a folder of chains");
    let snapshot = read_snapshot(&files.first().expect("a chain").path).expect("a chain");
    let mut settings = busy(1, FaultSettings::default());
    let (indexes, instruments) = listing::chain::listing(&snapshot, START, 2, 50, 50).expect("a listing");
    assert!(instruments.len() > 500, "{}", instruments.len());
    for instrument in &instruments {
        let (low, high) = instrument.band().expect("a mark");
        assert!(low <= high && instrument.is_open(), "{instrument:?}");
    }
    (settings.indexes, settings.instruments) = (indexes, instruments);
    let mut venue = Venue::new(settings, START, None);
    for step in 1..=100 {
        let now_ns = START + step * 20 * MS;
        venue.advance(now_ns);
        while venue.next_output(now_ns).is_some() {}
    }
    let counts = venue.counts();
    assert!(counts.exchange.trades > 100, "{counts:?}");
}
