//! Real chains, where they are available: read, priced, and compiled as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hedgewire_host::black76::Black76;
use hedgewire_host::chain::{FuturesPrices, Snapshot, read_perpetuals, read_snapshot, read_term_futures, snapshots};
use hedgewire_host::compiler::{ForwardSource, Holding, Market, Numeraire, SlotRange, compile, forwards};
use hedgewire_host::instrument::Instrument;

use crate::market::{MINUTE_NS, hold, settings};
use crate::real_data::real_data;
use crate::sums::{contribution, weights};

/// Folder of the real chains, or `None` after saying loudly that they are absent.
fn real_chains() -> Option<PathBuf> {
    real_data(Path::new(env!("CARGO_MANIFEST_DIR")), "deribit-chains")
}

struct RealMarket {
    snapshot: Snapshot,
    perpetuals: FuturesPrices,
    terms: FuturesPrices,
}

fn each_real_market(folder: &Path, mut visit: impl FnMut(&RealMarket)) -> usize {
    let perpetuals = read_perpetuals(&folder.join("perpetual_futures_prices.csv")).expect("it reads");
    let terms = read_term_futures(&folder.join("term_futures_marks.csv")).expect("it reads");
    assert!(perpetuals.bad.is_empty() && terms.bad.is_empty(), "{:?} {:?}", perpetuals.bad, terms.bad);
    let files = snapshots(folder).expect("it lists");
    let mut market = RealMarket {
        snapshot: Snapshot { name: String::new(), time_ns: 0, rows: vec![], bad: vec![] },
        perpetuals,
        terms,
    };
    for file in &files {
        market.snapshot = read_snapshot(&file.path).expect("it reads");
        visit(&market);
    }
    files.len()
}

fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part) as usize]
}

#[test]
fn real_chains_read_without_a_bad_row_and_black_76_gives_their_marks() {
    let Some(folder) = real_chains() else { return };
    let (mut rows, mut mark_errors, mut delta_errors) = (0, vec![], vec![]);
    let files = each_real_market(&folder, |market| {
        let snapshot = &market.snapshot;
        assert!(snapshot.bad.is_empty(), "{}: {:?}", snapshot.name, snapshot.bad.first());
        assert!(!snapshot.rows.is_empty(), "{}", snapshot.name);
        rows += snapshot.rows.len();
        for row in &snapshot.rows {
            let (Some(forward), Some(vol), Some(mark)) = (row.forward_usd, row.vol, row.mark) else { continue };
            let tau = hedgewire_host::black76::years_between(row.time_ns, row.option.expiry_ns);
            let model = Black76::new(forward, row.option.strike_usd, tau, vol).expect("valid");
            mark_errors.push((model.coin_mark(row.option.right) - mark).abs());
            delta_errors.extend(row.delta.map(|delta| (model.delta(row.option.right) - delta).abs()));
        }
    });
    assert!(files > 0, "no snapshot in {}", folder.display());
    let (mark, delta) = (quantile(&mut mark_errors, 0.5), quantile(&mut delta_errors, 0.5));
    println!(
        "{files} files, {rows} rows; |BS/F - mark| median {mark:.1e} coin, 99 % {:.1e}",
        quantile(&mut mark_errors, 0.99)
    );
    println!("|delta - venue's| median {delta:.1e}, 99 % {:.1e}", quantile(&mut delta_errors, 0.99));
    // Vols are rounded to 1e-4, and the forward is polled within seconds of the mark.
    assert!(mark < 1e-4 && delta < 1e-3);
}

#[test]
fn forwards_from_real_quotes_agree_with_the_venues_forward_price() {
    let Some(folder) = real_chains() else { return };
    let mut errors: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut sources = [0usize; 3];
    each_real_market(&folder, |market| {
        let snapshot = &market.snapshot;
        for coin in ["BTC", "ETH"] {
            let venue: BTreeMap<u64, f64> =
                snapshot.rows_of(coin).filter_map(|row| Some((row.option.expiry_ns, row.forward_usd?))).collect();
            let perpetual = market.perpetuals.perpetual_usd(&snapshot.name, coin);
            let parity = forwards(coin, snapshot.rows_of(coin), &BTreeMap::new(), perpetual);
            for (expiry_ns, forward) in &parity {
                if matches!(forward.source, ForwardSource::Parity { .. }) {
                    let error = (forward.price_usd / venue[expiry_ns]).ln().abs() * 1e4;
                    errors.entry(coin).or_default().push(error);
                }
            }
            let marks = market.terms.term_usd(&snapshot.name, coin);
            for forward in forwards(coin, snapshot.rows_of(coin), &marks, perpetual).values() {
                sources[match forward.source {
                    ForwardSource::Future => 0,
                    ForwardSource::Parity { .. } => 1,
                    ForwardSource::Perpetual => 2,
                }] += 1;
            }
        }
    });
    println!("forwards from futures, parity, perpetual: {sources:?}");
    for (coin, errors) in &mut errors {
        let [median, most, worst] = [0.5, 0.99, 1.0].map(|part| quantile(errors, part));
        println!(
            "{coin}: {} forwards by parity, off by {median:.2} bp median, {most:.1} bp 99 %, {worst:.1} bp worst",
            errors.len()
        );
        // Within one file the venue's own forwards move by up to 25 bp while it is polled.
        assert!(median < 3.0 && most < 15.0 && worst < 40.0, "{coin}");
    }
    assert!(errors.len() == 2 && sources[0] > 0 && sources[1] > 0);
}

#[test]
fn real_chains_compile_into_rows_that_reproduce_black_76() {
    let Some(folder) = real_chains() else { return };
    let (mut worst, mut options, mut saturated) = (0.0f64, 0, 0);
    each_real_market(&folder, |market| {
        let snapshot = &market.snapshot;
        let perpetual = market.perpetuals.perpetual_usd(&snapshot.name, "BTC").expect("a perpetual");
        let marks = market.terms.term_usd(&snapshot.name, "BTC");
        let found = forwards("BTC", snapshot.rows_of("BTC"), &marks, Some(perpetual));
        let mut model = Market::from_chain("BTC", snapshot.time_ns, perpetual, snapshot.rows_of("BTC"), &found);
        // One market per snapshot, without the decay of what is about to settle.
        model.expiries.retain(|&expiry_ns, _| expiry_ns > snapshot.time_ns + 30 * MINUTE_NS);
        let live = snapshot.rows_of("BTC").filter(|row| model.expiries.contains_key(&row.option.expiry_ns));
        let live = live.filter(|row| row.vol.is_some_and(|vol| vol > 0.0));
        let holdings: Vec<Holding> = (0..)
            .zip(live)
            .map(|(slot, row)| {
                let instrument = Instrument::Option(row.option.clone());
                Holding { quantity_max_lots: 1000, lot_size: 0.1, vol: row.vol, ..hold(slot, instrument) }
            })
            .collect();
        let range = SlotRange { first_slot: 0, slot_count: 2048 };
        let bank = compile(1, range, &holdings, &model, &settings(Numeraire::Coin)).expect("it compiles");
        options += holdings.len();
        saturated += bank.saturated.len();
        for holding in &holdings {
            let Instrument::Option(option) = &holding.instrument else { unreachable!() };
            let forward = model.expiries[&option.expiry_ns].forward_usd;
            let tau = hedgewire_host::black76::years_between(snapshot.time_ns, option.expiry_ns);
            let exact = Black76::new(forward, option.strike_usd, tau, holding.vol.expect("a vol")).expect("valid");
            let row = &bank.rows[holding.slot as usize];
            let part = contribution(row, weights(&bank, row, 1000), 0.0);
            let error = (part.delta - 100.0 * exact.net_transaction_delta(option.right)).abs();
            // Half a unit of kd coin, and one more for the floor.
            let unit = libm::ldexp(1.0, -i32::from(bank.open.delta_bits));
            assert!(error < 2.0 * unit + 1e-8, "{option}: {error:e}");
            worst = worst.max(error);
        }
    });
    println!(
        "{options} BTC options compiled at 100 coin each, {saturated} saturated; worst delta error {worst:.1e} coin"
    );
}
