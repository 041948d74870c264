//! A gateway that loses, repeats, delays and hangs up, from a seed: every report is given once, in order,
//! or told as lost; any bytes leave the session whole.

use super::config;
use super::peer::{Bytes, Received, Report, gap_fill, heartbeat, logged_out, logon_conf, message};
use super::session::{Line, SECOND, Told};
use hedgewire_host::deribit::starbase::orders::session::{Event, Phase};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The gateway: every message it ever sent, by number from 1.
struct Gateway {
    random: ChaCha8Rng,
    /// Reports are resent; the session's own messages are filled.
    log: Vec<Option<Report>>,
    last_processed: i64,
    /// Bytes on their way to the client.
    wire: Vec<u8>,
    /// Oldest number that it can resend.
    kept_from: usize,
}

impl Gateway {
    fn new(seed: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed);
        Self { random, log: vec![], last_processed: 0, wire: vec![], kept_from: 1 }
    }

    fn says(&mut self, report: Report, is_report: bool, is_dropped: bool) {
        self.log.push(is_report.then(|| report.clone()));
        if !is_dropped {
            self.wire.extend(message(&report, 0, self.log.len() as i64, self.last_processed));
        }
    }

    /// A report; and now and then one again that the client has had.
    fn trades(&mut self, client_expects: i64) {
        let is_dropped = self.random.random_ratio(1, 12);
        // Its number is in the report, so that what arrives can be compared.
        let report = (240, Bytes::zeros(36).i64(16, self.log.len() as i64 + 1));
        self.says(report, true, is_dropped);
        if self.random.random_ratio(1, 15) {
            let seq = self.random.random_range(0..client_expects as usize);
            self.resend_one(seq.max(1));
        }
    }

    fn resend_one(&mut self, seq: usize) {
        if let Some(report) = &self.log[seq - 1] {
            self.wire.extend(message(report, 1, seq as i64, self.last_processed));
        }
    }

    fn resend(&mut self, from: usize) {
        let mut seq = from.max(self.kept_from);
        while seq <= self.log.len() {
            if self.log[seq - 1].is_some() {
                self.resend_one(seq);
                seq += 1;
                continue;
            }
            let next = (seq..=self.log.len()).find(|seq| self.log[seq - 1].is_some());
            let next = next.unwrap_or(self.log.len() + 1);
            self.wire.extend(message(&gap_fill(next as i64), 1, seq as i64, self.last_processed));
            seq = next;
        }
    }

    fn hears(&mut self, message: &Received) {
        assert_eq!(message.version, 15);
        if message.template == 1 {
            assert_eq!(message.body.len(), 68);
            if message.body[64] == 1 {
                (self.log, self.kept_from, self.last_processed) = (vec![], 1, 0);
            }
        }
        // What was written when the connection broke is lost, and its number with it.
        assert!(message.seq > self.last_processed, "numbers go on");
        self.last_processed = message.seq;
        match message.template {
            1 => self.says(logon_conf(10, 15), false, false),
            11 => self.says(heartbeat(message.i64(0)), false, false),
            20 => self.resend(message.i64(0) as usize),
            4 => self.says(logged_out("bye"), false, false),
            10 | 120 => {}
            other => panic!("unexpected template {other}"),
        }
    }
}

/// Runs a session against a gateway; returns the numbers of the reports given, and of those lost.
fn run(seed: u64, forgets: bool) -> (Gateway, Vec<i64>, Vec<(i64, i64)>) {
    let (mut gateway, mut line) = (Gateway::new(seed), Line::new(None));
    let (mut given, mut lost) = (vec![], vec![]);
    line.session.start(line.now_ns);
    for step in 0..600 {
        let is_quiet = step > 500;
        let now_ns = line.now_ns + gateway.random.random_range(0..SECOND / 2);
        line.at(now_ns);
        let roll = gateway.random.random_range(0..100);
        match line.session.phase() {
            Phase::Disconnected if line.told.contains(&Told::Connect) => {
                line.told.retain(|told| *told != Told::Connect);
                line.session.connected(line.now_ns);
            }
            Phase::LoggedOn if roll < 40 && !is_quiet => gateway.trades(line.session.sequences().expected_in),
            Phase::LoggedOn if roll < 44 && !is_quiet => {
                gateway.wire.clear();
                line.session.disconnected(line.now_ns, &mut |_| {});
                if forgets {
                    gateway.kept_from = gateway.log.len() + 1;
                }
            }
            Phase::LoggedOn if is_quiet => gateway.says(heartbeat(0), false, false),
            _ => {}
        }
        for message in line.written() {
            gateway.hears(&message);
        }
        let part = gateway.random.random_range(0..=gateway.wire.len());
        let part = if is_quiet { gateway.wire.len() } else { part };
        let bytes: Vec<u8> = gateway.wire.drain(..part).collect();
        if line.session.phase() != Phase::Disconnected {
            line.bytes(&bytes);
        }
        for told in line.take() {
            match told {
                Told::Report(seq) => given.push(seq),
                Told::Lost(from, to) => lost.push((from, to)),
                Told::Closed(reason) => panic!("seed={seed}: {reason}"),
                Told::Connect => line.told.push(told),
                Told::Ready(_) | Told::GapOpened(_) | Told::GapFilled(..) => {}
            }
        }
    }
    assert!(line.session.is_ready(), "seed={seed}");
    (gateway, given, lost)
}

#[test]
fn every_report_is_given_once_and_in_order() {
    for seed in 0..40 {
        let (gateway, given, lost) = run(seed, false);
        let reports = (1..=gateway.log.len()).filter(|seq| gateway.log[seq - 1].is_some());
        assert_eq!(given, reports.map(|seq| seq as i64).collect::<Vec<_>>(), "seed={seed}");
        assert_eq!(lost, [], "seed={seed}");
        assert!(given.len() > 50, "seed={seed}: only {}", given.len());
    }
}

#[test]
fn a_gateway_that_forgets_costs_reports_but_none_in_silence() {
    let mut lost_runs = 0;
    for seed in 0..40 {
        let (gateway, given, lost) = run(seed, true);
        assert!(given.windows(2).all(|pair| pair[0] < pair[1]), "seed={seed}: in order, each once");
        let is_lost = |seq: i64| lost.iter().any(|(from, to)| (*from..=*to).contains(&seq));
        for seq in (1..=gateway.log.len()).filter(|seq| gateway.log[seq - 1].is_some()).map(|seq| seq as i64) {
            assert!(given.contains(&seq) != is_lost(seq), "seed={seed}: report {seq}");
        }
        lost_runs += usize::from(!lost.is_empty());
    }
    assert!(lost_runs > 5, "only {lost_runs} runs lost anything");
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn any_bytes_and_times_leave_the_session_whole(
        steps in prop::collection::vec(
            (0u8..8, prop::collection::vec(prop_oneof![Just(0u8), Just(0xdb), any::<u8>()], 0..120), any::<u32>()),
            1..60,
        ),
    ) {
        let mut line = Line::logged_on();
        for (kind, bytes, jump) in steps {
            match kind {
                0 => line.session.connected(line.now_ns),
                1 => line.session.disconnected(line.now_ns, &mut |_: Event<'_>| {}),
                2 => line.at(line.now_ns + u64::from(jump) * 10),
                // Behind a good header the bytes reach the decoder.
                3 => {
                    const TEMPLATES: [u16; 13] = [2, 5, 10, 20, 21, 30, 200, 220, 230, 300, 310, 312, 314];
                    let template = TEMPLATES[bytes.len() % TEMPLATES.len()];
                    let seq = line.session.sequences().expected_in;
                    line.gives(&(template, Bytes(bytes)), (jump % 2) as u8, seq + i64::from(jump % 3), 1);
                }
                4 => line.gives(&logon_conf(10, 15), 0, i64::from(jump % 9), i64::from(jump % 4)),
                _ => line.bytes(&bytes),
            }
            let before = line.session.sequences();
            prop_assert!(before.next_out >= 1 && before.expected_in >= 1);
            prop_assert!(line.session.is_ready() <= (line.session.phase() == Phase::LoggedOn));
            line.written();
        }
    }
}
