//! Faults from a seed: what the network does to packets, what the gateway does to reports, and what happens to
//! lines, sessions and instruments from time to time. Each has a switch, a stream of random numbers and a count of
//! its own, so that one does not disturb another.

use crate::random::Random;

/// Probabilities are in `0 ..= 1`, means and durations ns; a fault with a probability or mean of 0 is off.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaultSettings {
    /// A multicast packet is lost on a line.
    pub loss: f64,
    /// A multicast packet comes twice.
    pub duplicate: f64,
    /// A multicast packet comes late, after others.
    pub reorder: f64,
    /// How late.
    pub reorder_ns: i64,
    /// A report is numbered and kept but not written.
    pub report_drop: f64,
    /// A report, and all after it on its connection, is late.
    pub report_delay: f64,
    /// How late.
    pub report_delay_ns: i64,
    /// A new order is refused with a system error.
    pub reject: f64,
    /// Mean time between disconnects of a session.
    pub disconnect_mean_ns: i64,
    /// Mean time between halts of an instrument.
    pub halt_mean_ns: i64,
    /// How long a halt is.
    pub halt_ns: i64,
    /// Mean time between fail-overs from one line to the other.
    pub fail_over_mean_ns: i64,
    /// How long nothing is sent at a fail-over.
    pub fail_over_ns: i64,
    /// Mean time between silences of feed and sessions.
    pub silence_mean_ns: i64,
    /// How long a silence is.
    pub silence_ns: i64,
}

impl FaultSettings {
    /// Every fault on, at rates that a test of seconds meets.
    pub fn all() -> Self {
        Self {
            loss: 0.02,
            duplicate: 0.02,
            reorder: 0.02,
            reorder_ns: 2_000_000,
            report_drop: 0.02,
            report_delay: 0.05,
            report_delay_ns: 20_000_000,
            reject: 0.02,
            disconnect_mean_ns: 10_000_000_000,
            halt_mean_ns: 10_000_000_000,
            halt_ns: 1_000_000_000,
            fail_over_mean_ns: 15_000_000_000,
            fail_over_ns: 50_000_000,
            silence_mean_ns: 30_000_000_000,
            silence_ns: 7_000_000_000,
        }
    }
}

/// How often each fault happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FaultCounts {
    /// Packets lost by chance.
    pub lost: u64,
    /// Packets doubled.
    pub duplicated: u64,
    /// Packets late.
    pub reordered: u64,
    /// Packets not sent in fail-overs and silences.
    pub withheld: u64,
    /// Reports not written.
    pub reports_dropped: u64,
    /// Reports late.
    pub reports_delayed: u64,
    /// Orders refused.
    pub rejects: u64,
    /// Sessions disconnected.
    pub disconnects: u64,
    /// Halts.
    pub halts: u64,
    /// Fail-overs.
    pub fail_overs: u64,
    /// Silences.
    pub silences: u64,
}

/// Something that happens from time to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incident {
    /// A session loses its connection; which, of so many, is drawn by [`Faults::choose`].
    Disconnect,
    /// An instrument is halted.
    Halt,
    /// The halt is over.
    HaltEnd,
    /// The other line takes over.
    FailOver,
    /// It sends again.
    FailOverEnd,
    /// Feed and sessions fall silent.
    Silence,
    /// They are heard again.
    SilenceEnd,
}

/// A kind of incident: when the next one begins, and when the present one ends.
#[derive(Debug)]
struct Clock {
    random: Random,
    mean_ns: i64,
    duration_ns: i64,
    begin: Incident,
    end: Option<Incident>,
    due_ns: i64,
    is_on: bool,
}

impl Clock {
    fn draw(&mut self, now_ns: i64) {
        self.due_ns = if self.mean_ns > 0 {
            now_ns.saturating_add(self.random.exponential(self.mean_ns as f64) as i64 + 1)
        } else {
            i64::MAX
        };
    }

    fn fire(&mut self) -> Incident {
        let now_ns = self.due_ns;
        match self.end {
            Some(end) if self.is_on => {
                self.is_on = false;
                self.draw(now_ns);
                end
            }
            Some(_) => {
                self.is_on = true;
                self.due_ns = now_ns.saturating_add(self.duration_ns);
                self.begin
            }
            None => {
                self.draw(now_ns);
                self.begin
            }
        }
    }
}

/// What becomes of a packet: extra delays of its copies, ns.
pub type Copies = [Option<i64>; 2];

/// The source of faults.
#[derive(Debug)]
pub struct Faults {
    settings: FaultSettings,
    packets: Random,
    reports: Random,
    rejects: Random,
    choices: Random,
    clocks: [Clock; 4],
    /// How often each happened.
    pub counts: FaultCounts,
}

/// Streams of random numbers; those of the flow are below.
const STREAM: u64 = 1_000;

impl Faults {
    /// Faults of a seed, from a time on.
    pub fn new(settings: FaultSettings, seed: u64, now_ns: i64) -> Self {
        let clock = |place, mean_ns, duration_ns, begin, end| {
            let random = Random::new(seed, STREAM + 10 + place);
            let mut clock = Clock { random, mean_ns, duration_ns, begin, end, due_ns: i64::MAX, is_on: false };
            clock.draw(now_ns);
            clock
        };
        use Incident as I;
        let clocks = [
            clock(0, settings.disconnect_mean_ns, 0, I::Disconnect, None),
            clock(1, settings.halt_mean_ns, settings.halt_ns, I::Halt, Some(I::HaltEnd)),
            clock(2, settings.fail_over_mean_ns, settings.fail_over_ns, I::FailOver, Some(I::FailOverEnd)),
            clock(3, settings.silence_mean_ns, settings.silence_ns, I::Silence, Some(I::SilenceEnd)),
        ];
        Self {
            settings,
            packets: Random::new(seed, STREAM),
            reports: Random::new(seed, STREAM + 1),
            rejects: Random::new(seed, STREAM + 2),
            choices: Random::new(seed, STREAM + 3),
            clocks,
            counts: FaultCounts::default(),
        }
    }

    /// Draws what becomes of a packet on a line.
    pub fn packet(&mut self) -> Copies {
        let FaultSettings { loss, duplicate, reorder, reorder_ns, .. } = self.settings;
        // Three draws whatever they say: one fault's rate does not move another's.
        let [is_lost, is_double, is_late] = [loss, duplicate, reorder].map(|chance| self.packets.chance(chance));
        if is_lost {
            self.counts.lost += 1;
            return [None, None];
        }
        self.counts.duplicated += u64::from(is_double);
        self.counts.reordered += u64::from(is_late);
        let delay_ns = if is_late { reorder_ns } else { 0 };
        [Some(delay_ns), is_double.then_some(delay_ns)]
    }

    /// Draws whether a report is not written.
    pub fn drops_report(&mut self) -> bool {
        let is_dropped = self.reports.chance(self.settings.report_drop);
        self.counts.reports_dropped += u64::from(is_dropped);
        is_dropped
    }

    /// Draws how late a report is, ns.
    pub fn report_delay_ns(&mut self) -> i64 {
        let is_late = self.reports.chance(self.settings.report_delay);
        self.counts.reports_delayed += u64::from(is_late);
        if is_late { self.settings.report_delay_ns } else { 0 }
    }

    /// Draws whether a new order is refused.
    pub fn rejects_order(&mut self) -> bool {
        let is_refused = self.rejects.chance(self.settings.reject);
        self.counts.rejects += u64::from(is_refused);
        is_refused
    }

    /// Draws one of so many; there must be one.
    pub fn choose(&mut self, count: usize) -> usize {
        self.choices.index(count)
    }

    /// When the next incident is, ns.
    pub fn deadline_ns(&self) -> i64 {
        self.clocks.iter().map(|clock| clock.due_ns).min().unwrap_or(i64::MAX)
    }

    /// The incident that is due.
    pub fn fire(&mut self, now_ns: i64) -> Option<Incident> {
        let clock = self.clocks.iter_mut().filter(|clock| clock.due_ns <= now_ns).min_by_key(|clock| clock.due_ns)?;
        let incident = clock.fire();
        match incident {
            Incident::Disconnect => self.counts.disconnects += 1,
            Incident::Halt => self.counts.halts += 1,
            Incident::FailOver => self.counts.fail_overs += 1,
            Incident::Silence => self.counts.silences += 1,
            Incident::HaltEnd | Incident::FailOverEnd | Incident::SilenceEnd => {}
        }
        Some(incident)
    }
}
