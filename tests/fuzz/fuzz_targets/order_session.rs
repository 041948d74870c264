//! Any bytes from a gateway, in any pieces and at any times: the session ends or goes on, without a panic
//! and in bounded memory, and the orders behind it keep their sums.
//!
//! The first byte of each piece says what happens: time passes, the connection breaks or comes back, raw
//! bytes arrive, or the bytes arrive as the body of a message with a good header, so that they reach the
//! decoder and the orders.
#![no_main]

use hedgewire_host::deribit::starbase::orders::oms::{Oms, OmsOptions, Style, Wanted};
use hedgewire_host::deribit::starbase::orders::session::{Event, Phase, Session, SessionOptions};
use hedgewire_host::deribit::starbase::orders::value::{HedgeTerms, Side};
use hedgewire_host::deribit::starbase::orders::{Credential, Decimal72, Framing, HEADER_BYTES, LAYOUTS, Price9};
use hedgewire_host::instrument::Payoff;
use libfuzzer_sys::fuzz_target;

const MS: u64 = 1_000_000;

fn options() -> SessionOptions {
    SessionOptions {
        client_id: Credential::new("fuzz").expect("it fits"),
        secret: Credential::new("secret").expect("it fits"),
        framing: Framing { is_padded: false, message_bytes_max: 4_096 },
        cancel_on_disconnect: true,
        logon_timeout_ns: 1_000 * MS,
        logout_timeout_ns: 1_000 * MS,
        resend_timeout_ns: 1_000 * MS,
        reconnect_min_ns: MS,
        reconnect_max_ns: 100 * MS,
        outgoing_bytes_max: 4_096,
    }
}

fn orders() -> Oms {
    let terms = HedgeTerms {
        instrument_id: 0,
        payoff: Payoff::Inverse,
        contract_nano: 10_000_000_000,
        contract_quantity: Decimal72 { mantissa: 1, exponent: 0 },
        tick_nano: 500_000_000,
        maker_fee_nano: 0,
        taker_fee_nano: 500_000,
    };
    let options = OmsOptions {
        first_client_order_id: 0,
        places_log2: 2,
        response_timeout_ns: 1_000 * MS,
        cancel_on_disconnect: true,
        mmp: false,
        self_match_prevention_id: None,
    };
    let mut oms = Oms::new(options, vec![terms]);
    for side in [Side::Buy, Side::Sell] {
        let (price, style) = (Price9(60_000_000_000_000), Style::PostOnly);
        let wanted = Wanted { terms_index: 0, hedge: (0, 0), side, contracts: 5, price, style, arrival: 30_720_000 };
        oms.place(&wanted).expect("there is room");
    }
    oms
}

/// The bytes as the body of a message that comes in order.
fn framed(session: &Session, kind: u8, body: &[u8]) -> Vec<u8> {
    let layout = LAYOUTS[usize::from(kind) % LAYOUTS.len()];
    let length = (HEADER_BYTES + body.len()) as u16;
    let mut bytes = vec![0xdb, 0];
    bytes.extend(length.to_le_bytes());
    bytes.extend(layout.template.to_le_bytes());
    bytes.extend(15u16.to_le_bytes());
    bytes.extend(session.sequences().expected_in.to_le_bytes());
    bytes.extend(session.acknowledged_seq().to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

fn assert_sound(oms: &Oms) {
    let sums = oms.quantities();
    let parts = [sums.filled, sums.cancelled, sums.rejected, sums.open, sums.unknown];
    assert_eq!(parts.iter().sum::<i64>(), sums.sent);
    assert!(parts.iter().all(|part| *part >= 0));
}

fuzz_target!(|input: &[u8]| {
    let (mut session, mut oms, mut now_ns) = (Session::new(options(), None), orders(), 0);
    for piece in input.chunks(67) {
        let (kind, bytes) = (piece[0], &piece[1..]);
        let mut sink = |event: Event<'_>| match event {
            Event::Report { message, .. } => oms.on_report(message, &mut |_| {}),
            Event::Ready { is_continuous } => oms.caught_up(is_continuous),
            Event::GapOpened { .. } => oms.fell_behind(),
            Event::Lost { .. } => oms.lost(),
            Event::Closed(_) => oms.disconnected(),
            Event::Connect | Event::GapFilled { .. } => {}
        };
        match kind {
            0 => session.connected(now_ns),
            1 => session.disconnected(now_ns, &mut sink),
            2 => session.log_out(now_ns, "fuzz", &mut sink),
            3..32 => {
                now_ns += u64::from(kind) * 100 * MS;
                session.on_time(now_ns, &mut sink);
            }
            32..64 => session.on_bytes(now_ns, bytes, &mut sink),
            _ => {
                let bytes = framed(&session, kind, bytes);
                session.on_bytes(now_ns, &bytes, &mut sink);
            }
        }
        assert!(!session.is_ready() || session.phase() == Phase::LoggedOn);
        assert!(session.outgoing().len() < 70_000);
        session.written(usize::MAX);
        assert_sound(&oms);
    }
});
