//! A day with every fault on. Short in the suite; `scripts/soak` makes it long.

use hedgewire_host::telemetry::AlarmKind;
use hedgewire_sim::venue::FaultSettings;

use super::rig::{MS, Rig, UNIT, settings};
use super::trading::day;

/// Seconds of virtual time: `HEDGEWIRE_SOAK_SECONDS`, else a minute.
fn seconds() -> i64 {
    std::env::var("HEDGEWIRE_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

fn soak(seed: u64) -> Rig {
    let mut rig = Rig::new(settings(seed, FaultSettings::all()));
    rig.run(4 * UNIT);
    day(&mut rig, seconds() * UNIT, 250 * MS);
    let now_ns = rig.now_ns;
    rig.venue.end_faults(now_ns);
    rig.run(15 * UNIT);
    rig.venue.end_flow();
    rig.run(8 * UNIT);
    rig
}

#[test]
fn soak_with_every_fault_ends_with_the_venues_position_and_is_the_same_again() {
    let seed = std::env::var("HEDGEWIRE_SOAK_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(77);
    println!("seed {seed}, {} s", seconds());
    let mut rig = soak(seed);
    rig.agree(&format!("soak, seed {seed}"));
    let counts = *rig.engine().counts();
    println!("{counts:?}\n{:?}", rig.venue.counts());
    for kind in AlarmKind::ALL.iter().filter(|kind| rig.count(**kind) > 0) {
        println!("{}: {}", kind.name(), rig.count(*kind));
    }
    for (reason, count) in rig.engine().driver().counts().refusals_by_reason() {
        println!("{}: {count}", reason.name());
    }
    assert!(counts.hedges > seconds() as u64 / 4 && counts.over_hedges == 0, "{counts:?}");
    let mut again = soak(seed);
    assert_eq!((counts, &rig.sent, &rig.alarms), (*again.engine().counts(), &again.sent, &again.alarms), "same seed");
}
