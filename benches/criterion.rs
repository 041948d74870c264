//! The same bodies as `figures`, one by one, with criterion's statistics: for comparing two states of the code.
//!
//! Groups are named area/thing. Budget and meaning of a regression are those of `figures`: a quote 30 ns, its ladder
//! part (`kernel/quote` less `ladder/without`) 15, a row 1.25 of `row/float64`, a trade 200. `row/*` are per row, all
//! others per operation. Preparation is outside the timed part: criterion is handed only what the clock counted, so its
//! progress bar's estimates are too short.

mod scenario;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use hedgewire_kernel::Form;

use scenario::body::{self, Body, Named, catalogue};
use scenario::clock::Clock;

/// Rows of the portfolios; those of the row kernels are larger, so that what a pass does once hardly counts.
const ROWS: usize = 256;
/// Rows of the row kernels' portfolio.
const PASS_ROWS: usize = 4096;

/// Time of `operations` operations, by whole rounds.
fn time(body: &mut dyn Body, clock: &Clock, operations: u64) -> Duration {
    let per_round = body.operations() as u64;
    let rounds = operations.div_ceil(per_round);
    let ns: f64 = (0..rounds).map(|_| clock.ns(body.round(clock))).sum();
    black_box(body.hash());
    Duration::from_secs_f64(ns * 1e-9 * operations as f64 / (rounds * per_round) as f64)
}

fn bench(criterion: &mut Criterion, clock: &Clock, mut named: Named) {
    criterion.bench_function(named.name, |bencher| {
        bencher.iter_custom(|operations| time(named.body.as_mut(), clock, operations));
    });
}

fn quotes_by_rows(form: Form) -> [Named; 2] {
    [
        Named { name: "kernel/quote/16", body: body::quotes(form, 1, 16) },
        Named { name: "kernel/quote/4096", body: body::quotes(form, 1, 4096) },
    ]
}

fn all(criterion: &mut Criterion) {
    if let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.into_iter().next_back()) {
        core_affinity::set_for_current(core);
    }
    let clock = Clock::new();
    let form = Form::best();
    let is_row = |named: &Named| named.name.starts_with("row/");
    let small = catalogue(form, ROWS).into_iter().filter(|named| !is_row(named));
    let large = catalogue(form, PASS_ROWS).into_iter().filter(is_row);
    for named in small.chain(quotes_by_rows(form)).chain(large) {
        bench(criterion, &clock, named);
    }
}

criterion_group! {
    name = kernel;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = all
}
criterion_main!(kernel);
