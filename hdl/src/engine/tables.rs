//! What is known of every ladder, looked up by those who work on it, look on, or answer.
//!
//! ```text
//!   write_* --> [register] --> memories --+-- job   --> [register] --> here_*       the ladder at hand
//!                              a copy of  +-- scan  --> [register] --> scanned      the one that may be next
//!                              each for   +-- look  --> [register] --> seen_*       the sequencer's
//!                              a reader   +-- front ---------------> front_params   that of a quote
//! ```
//!
//! A ladder is number `2 underlying + bank`. What is written is in the memories two cycles later; region sums and
//! summaries, which nobody reads so soon, one cycle later.

use rust_hdl::prelude::*;

use super::{LadderParams, Regions, Slots, Summary};
use crate::primitive::LookUp;
use crate::record::Scale;
use crate::signal::*;

/// Tables of all ladders.
#[derive(LogicBlock)]
pub struct Tables {
    pub clock: Signal<In, Clock>,
    // ---- who reads what
    pub job: Signal<In, U<9>>,
    pub here: Signal<Out, LadderParams>,
    pub here_scale: Signal<Out, Scale>,
    pub here_target: Signal<Out, U<62>>,
    pub here_slots: Signal<Out, Slots>,
    pub here_regions: Signal<Out, Regions>,
    pub scan: Signal<In, U<9>>,
    pub scanned: Signal<Out, LadderParams>,
    pub look: Signal<In, U<9>>,
    pub seen: Signal<Out, LadderParams>,
    pub seen_scale: Signal<Out, Scale>,
    pub seen_summary: Signal<Out, Summary>,
    pub front: Signal<In, U<9>>,
    pub front_params: Signal<Out, LadderParams>,

    // ---- writes, all at `job`
    pub write_params: Signal<In, Bit>,
    pub params: Signal<In, LadderParams>,
    /// Parameters are under way to their memories.
    pub is_writing: Signal<Out, Bit>,
    pub write_scale: Signal<In, Bit>,
    /// A cycle later than the word to write it, like the two that follow.
    pub scale: Signal<In, Scale>,
    pub write_target: Signal<In, Bit>,
    pub target: Signal<In, U<62>>,
    pub write_slots: Signal<In, Bit>,
    pub slots: Signal<In, Slots>,
    pub write_regions: Signal<In, Bit>,
    pub regions: Signal<In, Regions>,
    pub write_summary: Signal<In, Bit>,
    pub summary: Signal<In, Summary>,

    params_of: LookUp<LadderParams, 9>,
    params_scan: LookUp<LadderParams, 9>,
    params_look: LookUp<LadderParams, 9>,
    params_front: LookUp<LadderParams, 9>,
    scales: LookUp<Scale, 9>,
    scales_look: LookUp<Scale, 9>,
    targets: LookUp<U<62>, 9>,
    slots_of: LookUp<Slots, 8>,
    regions_of: LookUp<Regions, 9>,
    summaries: LookUp<Summary, 9>,

    params_here: DFF<LadderParams>,
    scale_here: DFF<Scale>,
    target_here: DFF<U<62>>,
    slots_here: DFF<Slots>,
    regions_here: DFF<Regions>,
    params_scanned: DFF<LadderParams>,
    params_seen: DFF<LadderParams>,
    scale_seen: DFF<Scale>,
    summary_seen: DFF<Summary>,
    place: DFF<U<9>>,
    writes_params: DFF<Bit>,
    params_written: DFF<LadderParams>,
    writes_scale: DFF<Bit>,
    writes_target: DFF<Bit>,
    writes_slots: DFF<Bit>,
}

impl Tables {
    /// Tables of so many underlyings, with two ladders each.
    pub fn new(underlyings: usize) -> Self {
        let ladders = 2 * underlyings;
        with_defaults!({
            params_of: LookUp::wrapping(ladders),
            params_scan: LookUp::wrapping(ladders),
            params_look: LookUp::wrapping(ladders),
            params_front: LookUp::wrapping(ladders),
            scales: LookUp::wrapping(ladders),
            scales_look: LookUp::wrapping(ladders),
            targets: LookUp::wrapping(ladders),
            slots_of: LookUp::wrapping(underlyings),
            regions_of: LookUp::wrapping(ladders),
            summaries: LookUp::wrapping(ladders),
        }
            clock job here here_scale here_target here_slots here_regions scan scanned look seen seen_scale
            seen_summary front front_params write_params params is_writing write_scale scale write_target target
            write_slots slots write_regions regions write_summary summary params_here scale_here target_here
            slots_here regions_here params_scanned params_seen scale_seen summary_seen place writes_params
            params_written writes_scale writes_target writes_slots
        )
    }
}

impl Logic for Tables {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, params_of, params_scan, params_look, params_front, scales, scales_look, targets);
        clock!(self, clock, slots_of, regions_of, summaries, params_here, scale_here, target_here, slots_here);
        clock!(self, clock, regions_here, params_scanned, params_seen, scale_seen, summary_seen, place);
        clock!(self, clock, writes_params, params_written, writes_scale, writes_target, writes_slots);

        // ---- readers
        self.params_of.read_address.next = self.job.val();
        self.params_here.d.next = self.params_of.q.val();
        self.here.next = self.params_here.q.val();
        self.scales.read_address.next = self.job.val();
        self.scale_here.d.next = self.scales.q.val();
        self.here_scale.next = self.scale_here.q.val();
        self.targets.read_address.next = self.job.val();
        self.target_here.d.next = self.targets.q.val();
        self.here_target.next = self.target_here.q.val();
        self.slots_of.read_address.next = self.job.val().get_bits::<8>(1);
        self.slots_here.d.next = self.slots_of.q.val();
        self.here_slots.next = self.slots_here.q.val();
        self.regions_of.read_address.next = self.job.val();
        self.regions_here.d.next = self.regions_of.q.val();
        self.here_regions.next = self.regions_here.q.val();
        self.params_scan.read_address.next = self.scan.val();
        self.params_scanned.d.next = self.params_scan.q.val();
        self.scanned.next = self.params_scanned.q.val();
        self.params_look.read_address.next = self.look.val();
        self.params_seen.d.next = self.params_look.q.val();
        self.seen.next = self.params_seen.q.val();
        self.scales_look.read_address.next = self.look.val();
        self.scale_seen.d.next = self.scales_look.q.val();
        self.seen_scale.next = self.scale_seen.q.val();
        self.summaries.read_address.next = self.look.val();
        self.summary_seen.d.next = self.summaries.q.val();
        self.seen_summary.next = self.summary_seen.q.val();
        self.params_front.read_address.next = self.front.val();
        self.front_params.next = self.params_front.q.val();

        // ---- the writer
        self.place.d.next = self.job.val();
        self.writes_params.d.next = self.write_params.val();
        self.params_written.d.next = self.params.val();
        self.is_writing.next = self.write_params.val() | self.writes_params.q.val();
        self.writes_scale.d.next = self.write_scale.val();
        self.writes_target.d.next = self.write_target.val();
        self.writes_slots.d.next = self.write_slots.val();
        self.params_of.write.next = self.writes_params.q.val();
        self.params_of.write_address.next = self.place.q.val();
        self.params_of.write_data.next = self.params_written.q.val();
        self.params_scan.write.next = self.writes_params.q.val();
        self.params_scan.write_address.next = self.place.q.val();
        self.params_scan.write_data.next = self.params_written.q.val();
        self.params_look.write.next = self.writes_params.q.val();
        self.params_look.write_address.next = self.place.q.val();
        self.params_look.write_data.next = self.params_written.q.val();
        self.params_front.write.next = self.writes_params.q.val();
        self.params_front.write_address.next = self.place.q.val();
        self.params_front.write_data.next = self.params_written.q.val();
        self.scales.write.next = self.writes_scale.q.val();
        self.scales.write_address.next = self.place.q.val();
        self.scales.write_data.next = self.scale.val();
        self.scales_look.write.next = self.writes_scale.q.val();
        self.scales_look.write_address.next = self.place.q.val();
        self.scales_look.write_data.next = self.scale.val();
        self.targets.write.next = self.writes_target.q.val();
        self.targets.write_address.next = self.place.q.val();
        self.targets.write_data.next = self.target.val();
        self.slots_of.write.next = self.writes_slots.q.val();
        self.slots_of.write_address.next = self.place.q.val().get_bits::<8>(1);
        self.slots_of.write_data.next = self.slots.val();
        self.regions_of.write.next = self.write_regions.val();
        self.regions_of.write_address.next = self.job.val();
        self.regions_of.write_data.next = self.regions.val();
        self.summaries.write.next = self.write_summary.val();
        self.summaries.write_address.next = self.job.val();
        self.summaries.write_data.next = self.summary.val();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbench::TestBench;
    use crate::{cycle, peek, poke};

    const UNDERLYINGS: usize = 2;

    /// What is written of a ladder: something else for each.
    fn params(ladder: u128) -> LadderParams {
        LadderParams { low: U::new(1000 + ladder), node: U::new(ladder), ..LadderParams::default() }
    }

    fn scale(ladder: u128) -> Scale {
        Scale { bank_id: U::new(2000 + ladder), ..Scale::default() }
    }

    fn regions(ladder: u128) -> Regions {
        Regions { inverse: U::new(3000 + ladder), linear: U::new(ladder) }
    }

    fn summary(ladder: u128) -> Summary {
        Summary { error_bound: U::new(4000 + ladder), exact_intervals: U::new(ladder) }
    }

    fn slots(ladder: u128) -> Slots {
        Slots { first: U::new(64 * ladder), count: U::new(64) }
    }

    /// Raises or drops the words to write.
    fn write(bench: &mut TestBench<Tables>, word: bool) {
        poke!(bench, write_params, word);
        poke!(bench, write_scale, word);
        poke!(bench, write_target, word);
        poke!(bench, write_slots, word);
        poke!(bench, write_regions, word);
        poke!(bench, write_summary, word);
    }

    #[test]
    fn what_is_written_of_a_ladder_reaches_every_reader_and_no_other_ladder() {
        let mut bench = TestBench::new("tables", Tables::new(UNDERLYINGS));
        let ladders = 2 * UNDERLYINGS as u128;
        write(&mut bench, false);
        poke!(bench, scan, U::new(0));
        poke!(bench, look, U::new(0));
        poke!(bench, front, U::new(0));
        for ladder in 0..ladders {
            poke!(bench, job, U::new(ladder));
            poke!(bench, params, params(ladder));
            poke!(bench, regions, regions(ladder));
            poke!(bench, summary, summary(ladder));
            write(&mut bench, true);
            cycle!(bench);
            assert!(peek!(bench, is_writing));
            write(&mut bench, false);
            poke!(bench, params, LadderParams::default());
            poke!(bench, scale, scale(ladder));
            poke!(bench, target, U::new(5000 + ladder));
            poke!(bench, slots, slots(ladder));
            cycle!(bench);
            assert!(!peek!(bench, is_writing));
        }
        for ladder in 0..ladders {
            poke!(bench, job, U::new(ladder));
            // Each reader looks at a ladder of its own.
            let (scanned, seen, front) = ((ladder + 1) % ladders, (ladder + 2) % ladders, (ladder + 3) % ladders);
            poke!(bench, scan, U::new(scanned));
            poke!(bench, look, U::new(seen));
            poke!(bench, front, U::new(front));
            cycle!(bench);
            assert_eq!(peek!(bench, here), params(ladder));
            assert_eq!(peek!(bench, here_scale), scale(ladder));
            assert_eq!(peek!(bench, here_target).raw(), 5000 + ladder);
            assert_eq!(peek!(bench, here_regions), regions(ladder));
            // Both ladders of an underlying have its slots: those written last.
            assert_eq!(peek!(bench, here_slots), slots(ladder | 1));
            assert_eq!(peek!(bench, scanned), params(scanned));
            assert_eq!(peek!(bench, seen), params(seen));
            assert_eq!(peek!(bench, seen_scale), scale(seen));
            assert_eq!(peek!(bench, seen_summary), summary(seen));
            assert_eq!(peek!(bench, front_params), params(front));
        }
        bench.finish();
    }
}
