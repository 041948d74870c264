//! The session by the byte: what it sends, when, and what it makes of a gateway that errs.

use super::peer::{
    Bytes, Received, Report, gap_fill, heartbeat, logged_out, logon_conf, message, received, test_request,
};
use hedgewire_host::deribit::starbase::orders::session::{
    CloseReason, Event, Phase, SendError, Sequences, Session, SessionOptions, Violation,
};
use hedgewire_host::deribit::starbase::orders::{
    AmendOrderRequest, CancelOrderByIdRequest, CancelOrderRequest, Credential, Decimal72, FrameError, Framing,
    MassCancelRequest, MassQuoteFlags, MassQuoteRequest, Message, OrderFlags, Price9, ProductType, Quote,
    ReplaceOrderFlags, Side, Wire,
};

pub const SECOND: u64 = 1_000_000_000;
const SECRET: &str = "correct-horse-battery-staple";

pub fn options() -> SessionOptions {
    SessionOptions {
        client_id: Credential::new("desk-7").expect("it fits"),
        secret: Credential::new(SECRET).expect("it fits"),
        framing: Framing { is_padded: false, message_bytes_max: u16::MAX },
        cancel_on_disconnect: true,
        logon_timeout_ns: 5 * SECOND,
        logout_timeout_ns: 3 * SECOND,
        resend_timeout_ns: 4 * SECOND,
        reconnect_min_ns: SECOND,
        reconnect_max_ns: 8 * SECOND,
        outgoing_bytes_max: 1_000,
    }
}

/// What an event said, to be kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    Connect,
    Ready(bool),
    Report(i64),
    GapOpened(i64),
    GapFilled(i64, i64),
    Lost(i64, i64),
    Closed(CloseReason),
}

pub fn told(event: &Event<'_>) -> Told {
    match event {
        Event::Connect => Told::Connect,
        Event::Ready { is_continuous } => Told::Ready(*is_continuous),
        Event::Report { header, .. } => Told::Report(header.seq),
        Event::GapOpened { from } => Told::GapOpened(*from),
        Event::GapFilled { from, to } => Told::GapFilled(*from, *to),
        Event::Lost { from, to } => Told::Lost(*from, *to),
        Event::Closed(reason) => Told::Closed(reason.clone()),
    }
}

/// A session and what it said.
pub struct Line {
    pub session: Session,
    pub now_ns: u64,
    pub told: Vec<Told>,
}

impl Line {
    pub fn new(sequences: Option<Sequences>) -> Self {
        Self { session: Session::new(options(), sequences), now_ns: 1_000 * SECOND, told: vec![] }
    }

    /// Logged on, with a heartbeat every 10 s, and everything said so far forgotten.
    pub fn logged_on() -> Self {
        let mut line = Self::new(None);
        line.session.connected(line.now_ns);
        line.written();
        line.gives(&logon_conf(10, 15), 0, 1, 1);
        assert_eq!(line.take(), [Told::Ready(false)]);
        line
    }

    pub fn gives(&mut self, report: &Report, flags: u8, seq: i64, last_processed: i64) {
        self.bytes(&message(report, flags, seq, last_processed));
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        let said = &mut self.told;
        self.session.on_bytes(self.now_ns, bytes, &mut |event| said.push(told(&event)));
    }

    pub fn at(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
        let said = &mut self.told;
        self.session.on_time(now_ns, &mut |event| said.push(told(&event)));
    }

    pub fn take(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// What the session wrote since the last time.
    pub fn written(&mut self) -> Vec<Received> {
        let messages = received(self.session.outgoing());
        self.session.written(usize::MAX);
        messages
    }

    fn violation(&mut self) -> Violation {
        match self.take().pop() {
            Some(Told::Closed(CloseReason::Violation(violation))) => violation,
            other => panic!("expected a violation, got {other:?}"),
        }
    }
}

fn cancel() -> CancelOrderRequest {
    CancelOrderRequest { client_order_id: 1, correlation_id: 2, instrument_id: 3 }
}

#[test]
fn the_logon_is_as_the_byte_table_says() {
    let mut line = Line::new(None);
    assert_eq!(line.session.deadline_ns(), None, "nobody wants a session");
    line.session.start(line.now_ns);
    line.at(line.now_ns);
    assert_eq!(line.take(), [Told::Connect]);
    line.session.connected(line.now_ns);
    let expected = Bytes::zeros(100)
        .put(0, &[0xdb, 0, 100, 0, 1, 0, 15, 0])
        .i64(8, 1)
        .i64(16, 0)
        .i64(24, line.now_ns.cast_signed())
        .put(32, b"desk-7")
        .put(48, SECRET.as_bytes())
        .put(96, &[1, 15, 0, 1]);
    assert_eq!(line.session.outgoing(), expected.0);
    assert_eq!(line.session.phase(), Phase::LoggingOn);
    line.written();
    line.gives(&logon_conf(10, 14), 0, 1, 1);
    assert_eq!(line.take(), [Told::Ready(false)], "numbers began anew: what was before is not known");
    assert_eq!(line.session.send(line.now_ns, &cancel()), Ok(2));
    let sent = line.written();
    assert_eq!((sent[0].template, sent[0].version, sent[0].seq, sent[0].last_processed), (120, 14, 2, 1));
}

#[test]
fn the_secret_is_in_no_text() {
    let mut line = Line::new(None);
    line.session.connected(line.now_ns);
    let mut texts = vec![format!("{:?} {:?} {:?}", options(), line.session, options().secret)];
    let logon = received(line.session.outgoing()).remove(0);
    texts.push(format!("{:?}", Message::decode(1, 15, &logon.body)));
    line.gives(&logged_out(&format!("no such key: {SECRET}")), 0, 1, 1);
    texts.push(format!("{:?}", line.told));
    let Some(Told::Closed(reason)) = line.told.last() else { panic!("{:?}", line.told) };
    assert!(matches!(reason, CloseReason::LogonRefused(_)));
    texts.push(reason.to_string());
    for text in texts {
        assert!(!text.contains("correct") && !text.contains("desk-7"), "{text}");
        assert!(!text.contains("99, 111, 114, 114"), "not as numbers either: {text}");
    }
}

#[test]
fn a_reason_is_shown_without_control_characters() {
    let mut line = Line::logged_on();
    line.gives(&logged_out("closing\x1b[2J\n"), 0, 2, 1);
    let told = line.take();
    let Some(Told::Closed(reason)) = told.last() else { panic!("{told:?}") };
    assert!(matches!(reason, CloseReason::EndedByGateway(_)));
    assert!(reason.to_string().contains("closing") && !reason.to_string().contains('\x1b'));
}

#[test]
fn only_known_schema_versions_are_agreed_on() {
    for (version, is_known) in [(0, false), (11, false), (12, true), (15, true), (16, false), (22, false)] {
        let mut line = Line::new(None);
        line.session.connected(line.now_ns);
        line.gives(&logon_conf(10, version), 0, 1, 1);
        if is_known {
            assert_eq!(line.take(), [Told::Ready(false)]);
        } else {
            assert_eq!(line.violation(), Violation::SchemaVersion { answered: version });
        }
    }
    for seconds in [0, -1, i32::MIN, 3_601] {
        let mut line = Line::new(None);
        line.session.connected(line.now_ns);
        line.gives(&logon_conf(seconds, 15), 0, 1, 1);
        assert_eq!(line.violation(), Violation::HeartbeatInterval { seconds });
    }
}

#[test]
fn each_violation_has_its_own_reason() {
    type Case = (Report, u8, i64, i64, Violation);
    let cases: Vec<Case> = vec![
        (heartbeat(0), 0, 1, 1, Violation::SequenceTooLow { expected: 2, seq: 1 }),
        (heartbeat(0), 0, 0, 1, Violation::SequenceInvalid { seq: 0 }),
        (heartbeat(0), 0, -4, 1, Violation::SequenceInvalid { seq: -4 }),
        (heartbeat(0), 0, i64::MAX, 1, Violation::SequenceInvalid { seq: i64::MAX }),
        (heartbeat(0), 0, 2, 9, Violation::AcknowledgedUnsent { acknowledged: 9, sent: 1 }),
        (heartbeat(0), 0, 2, 0, Violation::AcknowledgedBackwards { acknowledged: 0, before: 1 }),
        (gap_fill(1), 0, 2, 1, Violation::GapFillBackwards { next: 1, expected: 3 }),
        (logon_conf(10, 15), 0, 2, 1, Violation::OutOfPhase { template: 2, phase: Phase::LoggedOn }),
        ((120, Bytes::zeros(24)), 0, 2, 1, Violation::ClientMessage { template: 120 }),
        ((20, Bytes::zeros(16)), 0, 2, 1, Violation::ClientMessage { template: 20 }),
    ];
    for (report, flags, seq, last, expected) in cases {
        let mut line = Line::logged_on();
        line.gives(&report, flags, seq, last);
        assert_eq!(line.violation(), expected);
        assert_eq!(line.session.phase(), Phase::Disconnected);
        assert_eq!(line.session.send(line.now_ns, &cancel()), Err(SendError::NotLoggedOn(Phase::Disconnected)));
        line.gives(&heartbeat(0), 0, 3, 1);
        assert_eq!(line.take(), [], "nothing more is read");
    }
    let mut line = Line::logged_on();
    line.gives(&(300, Bytes::zeros(3)), 0, 2, 1);
    assert!(matches!(line.violation(), Violation::Decode { seq: 2, .. }));
    let mut line = Line::logged_on();
    line.bytes(b"nonsense");
    assert_eq!(line.violation(), Violation::Frame(FrameError::Protocol { found: b'n' }));
    let mut line = Line::new(None);
    line.session.connected(line.now_ns);
    line.gives(&heartbeat(0), 0, 1, 1);
    assert_eq!(line.violation(), Violation::OutOfPhase { template: 10, phase: Phase::LoggingOn });
}

#[test]
fn heartbeats_fill_the_silence_and_test_requests_are_answered() {
    let mut line = Line::logged_on();
    let start = line.now_ns;
    assert_eq!(line.session.deadline_ns(), Some(start + 10 * SECOND));
    line.at(start + 10 * SECOND - 1);
    assert_eq!(line.written(), []);
    line.gives(&heartbeat(0), 0, 2, 1);
    line.at(start + 10 * SECOND);
    let beat = line.written();
    assert_eq!((beat.len(), beat[0].template, beat[0].seq, beat[0].i64(0)), (1, 10, 2, 0));
    assert_eq!(beat[0].last_processed, 2);
    line.gives(&test_request(77), 0, 3, 2);
    let beat = line.written();
    assert_eq!((beat[0].template, beat[0].i64(0), beat[0].seq), (10, 77, 3));
    assert_eq!(line.take(), []);
}

#[test]
fn a_silent_gateway_is_asked_and_then_given_up() {
    let mut line = Line::logged_on();
    let start = line.now_ns;
    line.at(start + 10 * SECOND);
    let test = line.written();
    assert_eq!((test.len(), test[0].template), (1, 11));
    // Any message is an answer.
    line.now_ns = start + 19 * SECOND;
    line.gives(&heartbeat(test[0].i64(0)), 0, 2, 2);
    line.at(start + 29 * SECOND);
    assert_eq!(line.written().last().map(|message| message.template), Some(11));
    line.at(start + 39 * SECOND - 1);
    assert_eq!(line.take(), []);
    line.at(start + 39 * SECOND);
    assert_eq!(line.violation(), Violation::Silent { silent_ns: 20 * SECOND });
    assert_eq!(line.session.counts().test_requests, 2);
}

#[test]
fn missing_reports_are_asked_for_and_given_in_order() {
    let mut line = Line::logged_on();
    let report = (240, Bytes::zeros(36));
    line.gives(&report, 0, 2, 1);
    line.gives(&report, 0, 5, 1);
    assert_eq!(line.take(), [Told::Report(2), Told::GapOpened(3)]);
    assert!(!line.session.is_ready());
    let asked = line.written();
    assert_eq!((asked.len(), asked[0].template, asked[0].i64(0), asked[0].i64(8)), (1, 20, 3, 0));
    assert_eq!(asked[0].last_processed, 2);
    line.gives(&report, 0, 6, 1);
    assert_eq!(line.take(), [], "early ones come again");
    line.gives(&report, 1, 2, 1);
    line.gives(&report, 1, 3, 1);
    line.gives(&gap_fill(5), 1, 4, 1);
    line.gives(&report, 1, 5, 1);
    assert_eq!(line.take(), [Told::Report(3), Told::GapFilled(4, 4), Told::Report(5)]);
    line.gives(&report, 1, 6, 1);
    assert_eq!(line.take(), [Told::Report(6), Told::Ready(true)]);
    let counts = line.session.counts();
    assert_eq!((counts.gaps, counts.early, counts.duplicates, counts.lost), (1, 1, 1, 0));
    // Even a cancel may be sent while reports are missing.
    line.gives(&report, 0, 9, 1);
    assert!(line.session.send(line.now_ns, &cancel()).is_ok());
}

#[test]
fn what_the_gateway_no_longer_has_is_told_as_lost() {
    let mut line = Line::logged_on();
    let report = (240, Bytes::zeros(36));
    line.gives(&report, 0, 9, 1);
    line.gives(&report, 1, 6, 1);
    assert_eq!(line.take(), [Told::GapOpened(2), Told::Lost(2, 5), Told::Report(6)]);
    line.gives(&gap_fill(10), 1, 7, 1);
    assert_eq!(line.take(), [Told::GapFilled(7, 9), Told::Ready(false)]);
    assert_eq!(line.session.counts().lost, 4);
}

#[test]
fn reports_that_do_not_come_end_the_session_and_its_numbers() {
    let mut line = Line::logged_on();
    let start = line.now_ns;
    line.gives(&heartbeat(0), 0, 4, 1);
    line.at(start + 4 * SECOND - 1);
    assert_eq!(line.take(), [Told::GapOpened(2)]);
    line.at(start + 4 * SECOND);
    assert_eq!(line.violation(), Violation::ResendTimeout { from: 2, waited_ns: 4 * SECOND });
    line.session.connected(line.now_ns);
    let logon = line.written();
    assert_eq!((logon[0].seq, logon[0].last_processed, logon[0].body[64]), (1, 0, 1), "numbers begin anew");
}

#[test]
fn a_reconnect_goes_on_with_both_numbers_and_asks_for_what_it_missed() {
    let mut line = Line::logged_on();
    let report = (240, Bytes::zeros(36));
    line.gives(&report, 0, 2, 1);
    line.session.send(line.now_ns, &cancel()).expect("it is logged on");
    let said = &mut line.told;
    line.session.disconnected(line.now_ns, &mut |event| said.push(told(&event)));
    assert_eq!(line.take(), [Told::Report(2), Told::Closed(CloseReason::ConnectionLost)]);
    assert_eq!(line.session.sequences(), Sequences { next_out: 3, expected_in: 3 });
    line.at(line.now_ns + SECOND);
    assert_eq!(line.take(), [Told::Connect]);
    line.session.connected(line.now_ns);
    let logon = line.written();
    assert_eq!((logon.len(), logon[0].seq, logon[0].last_processed, logon[0].body[64]), (1, 3, 2, 0));
    line.gives(&logon_conf(10, 15), 0, 6, 3);
    assert_eq!(line.take(), [Told::GapOpened(3)], "not ready before the reports have come");
    let asked = line.written();
    assert_eq!((asked[0].template, asked[0].seq, asked[0].i64(0), asked[0].i64(8)), (20, 4, 3, 0));
    for seq in 3..6 {
        line.gives(&report, 1, seq, 1);
    }
    line.gives(&gap_fill(7), 1, 6, 1);
    let expected = [Told::Report(3), Told::Report(4), Told::Report(5), Told::GapFilled(6, 6), Told::Ready(true)];
    assert_eq!(line.take(), expected);
}

#[test]
fn a_restarted_program_goes_on_with_the_numbers_it_kept() {
    let mut line = Line::new(Some(Sequences { next_out: 41, expected_in: 90 }));
    line.session.connected(line.now_ns);
    let logon = line.written();
    assert_eq!((logon[0].seq, logon[0].last_processed, logon[0].body[64]), (41, 89, 0));
    line.gives(&logon_conf(10, 15), 0, 90, 41);
    assert_eq!(line.take(), [Told::Ready(true)]);
}

#[test]
fn a_gateway_that_counts_anew_is_followed_at_the_next_logon() {
    let mut line = Line::new(Some(Sequences { next_out: 41, expected_in: 90 }));
    line.session.connected(line.now_ns);
    line.written();
    line.gives(&logon_conf(10, 15), 0, 1, 41);
    assert_eq!(line.violation(), Violation::SequenceTooLow { expected: 90, seq: 1 });
    line.session.connected(line.now_ns);
    assert_eq!(line.written()[0].body[64], 1);
    line.gives(&logon_conf(10, 15), 0, 1, 1);
    assert_eq!(line.take(), [Told::Ready(false)]);
}

#[test]
fn each_failure_doubles_the_wait_up_to_its_limit() {
    let mut line = Line::new(None);
    line.session.start(line.now_ns);
    for wait in [1, 2, 4, 8, 8, 8] {
        line.at(line.session.deadline_ns().expect("it is due"));
        assert_eq!(line.take(), [Told::Connect]);
        assert_eq!(line.session.deadline_ns(), None);
        line.session.connection_failed(line.now_ns);
        assert_eq!(line.session.deadline_ns(), Some(line.now_ns + wait * SECOND));
    }
    line.session.connected(line.now_ns);
    line.at(line.now_ns + 5 * SECOND);
    assert_eq!(line.violation(), Violation::LogonTimeout { waited_ns: 5 * SECOND });
    line.session.connected(line.now_ns);
    line.gives(&logon_conf(10, 15), 0, 1, 1);
    line.take();
    line.gives(&logged_out("maintenance"), 0, 2, 1);
    assert_eq!(line.session.deadline_ns(), Some(line.now_ns + SECOND), "a logon that went well starts over");
}

#[test]
fn reports_still_come_between_logout_and_its_answer() {
    let mut line = Line::logged_on();
    let mut silent = |_: Event<'_>| panic!("nothing to tell yet");
    line.session.log_out(line.now_ns, "end of day", &mut silent);
    let logout = line.written();
    assert_eq!((logout[0].template, &logout[0].body[..]), (4, &b"\x0aend of day"[..]));
    assert!(line.session.send(line.now_ns, &cancel()).is_err());
    line.gives(&(240, Bytes::zeros(36)), 0, 2, 2);
    line.gives(&logged_out("bye"), 0, 3, 2);
    let said = line.take();
    assert_eq!(said[0], Told::Report(2));
    assert!(matches!(&said[1], Told::Closed(CloseReason::LoggedOut(_))));
    assert_eq!(line.session.deadline_ns(), None, "nobody wants another session");

    let mut line = Line::logged_on();
    line.session.log_out(line.now_ns, "", &mut |_| {});
    line.at(line.now_ns + 3 * SECOND);
    assert_eq!(line.violation(), Violation::LogoutTimeout { waited_ns: 3 * SECOND });
    assert_eq!(line.session.deadline_ns(), None);
}

#[test]
fn a_connection_that_takes_nothing_stops_the_sending() {
    let mut line = Line::logged_on();
    let mut sent = 0;
    let full = loop {
        match line.session.send(line.now_ns, &cancel()) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((sent, full), (18, SendError::Full { pending_bytes: 18 * 56 }));
    assert_eq!(line.session.sequences().next_out, 20);
    line.session.written(100);
    assert!(line.session.send(line.now_ns, &cancel()).is_ok());
}

#[test]
fn requests_are_as_the_byte_tables_say() {
    let mut line = Line::logged_on();
    let quantity = Decimal72 { mantissa: 25, exponent: -1 };
    let show_qty = Decimal72::NULL;
    let flags = ReplaceOrderFlags::POST_ONLY;
    let amend = AmendOrderRequest {
        client_order_id: 1,
        correlation_id: 2,
        instrument_id: 3,
        price: Price9(4),
        quantity,
        show_qty,
        flags,
    };
    line.session.send(line.now_ns, &amend).expect("it is logged on");
    let cancel = CancelOrderByIdRequest { order_id: 5, correlation_id: 6, instrument_id: 7 };
    line.session.send(line.now_ns, &cancel).expect("it is logged on");
    let all = MassCancelRequest {
        correlation_id: 8,
        currency_pair_id: 9,
        instrument_id: i64::NULL,
        product_type: ProductType::Futures,
        side: Side::Both,
    };
    line.session.send(line.now_ns, &all).expect("it is logged on");
    let request = MassQuoteRequest {
        quote_id: 10,
        correlation_id: 11,
        mmp_group_id: 12,
        self_match_prevention_id: 13,
        flags: MassQuoteFlags::RESET_MMP,
    };
    let quote = Quote {
        instrument_id: 14,
        bid_price: Price9(15),
        ask_price: Price9::NULL,
        bid_qty: quantity,
        ask_qty: Decimal72::NULL,
        bid_flags: OrderFlags::MMP.with(OrderFlags::POST_ONLY),
        ask_flags: OrderFlags::CANCEL_ON_DISCONNECT,
    };
    line.session.send_quotes(line.now_ns, &request, &[quote, quote]).expect("it is logged on");
    let entry = Bytes::zeros(46)
        .i64(0, 14)
        .i64(8, 15)
        .i64(16, i64::MIN)
        .i64(24, 25)
        .i8(32, -1)
        .i64(33, i64::MIN)
        .put(42, &[0b1_0010, 0, 1, 0]);
    let expected = [
        (
            110,
            Bytes::zeros(52)
                .i64(0, 1)
                .i64(8, 2)
                .i64(16, 3)
                .i64(24, 4)
                .i64(32, 25)
                .i8(40, -1)
                .i64(41, i64::MIN)
                .i8(50, 2),
        ),
        (125, Bytes::zeros(24).i64(0, 5).i64(8, 6).i64(16, 7)),
        (140, Bytes::zeros(26).i64(0, 8).i64(8, 9).i64(16, i64::MIN).put(24, &[2, 0])),
        (
            130,
            Bytes::zeros(33)
                .i64(0, 10)
                .i64(8, 11)
                .i64(16, 12)
                .i64(24, 13)
                .put(32, &[1])
                .group(46, &[entry.clone(), entry]),
        ),
    ];
    let sent = line.written();
    assert_eq!(sent.len(), expected.len());
    for (sent, (template, body)) in sent.iter().zip(expected) {
        assert_eq!((sent.template, &sent.body), (template, &body.0));
    }
}
