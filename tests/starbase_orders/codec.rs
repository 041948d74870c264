//! What is written is what is read, for every message; what contradicts itself is an error.

use super::config;
use hedgewire_host::deribit::starbase::orders::*;
use proptest::prelude::*;

const VERSION: u16 = SCHEMA_VERSION;

fn header() -> Header {
    Header {
        flags: HeaderFlags::IS_RESEND,
        message_bytes: 0,
        template: 0,
        version: VERSION,
        seq: 5,
        last_processed_seq: 4,
        send_time_ns: 3,
    }
}

/// A body of a layout from a supply of bytes.
fn body_of(layout: &Layout, counts: &[u16], bytes: &mut impl Iterator<Item = u8>) -> Vec<u8> {
    let mut body: Vec<u8> = bytes.take(layout.block_bytes).collect();
    for ((_, entry), count) in layout.groups.iter().zip(counts) {
        body.extend((entry.block_bytes as u16).to_le_bytes());
        body.extend(count.to_le_bytes());
        body.extend(bytes.take(entry.block_bytes * usize::from(*count)));
    }
    if layout.text.is_some() {
        let length = bytes.next().unwrap_or(0) % 40;
        body.push(length);
        body.extend(bytes.take(usize::from(length)));
    }
    body
}

/// Reads a body and writes what was read.
macro_rules! rewrite {
    ($template:expr, $body:expr, $($name:ident [$($group:ident)*] $($text:ident)?;)*) => {{
        let mut out = vec![];
        match Message::decode($template, VERSION, $body).expect("it is well formed") {
            $(Message::$name(view) => {
                let encoder = Encoder::new(&mut out, header(), &*view);
                $(let encoder = encoder.group(&view.$group().collect::<Vec<_>>());)*
                $(let encoder = encoder.text(view.$text()).expect("it fits");)?
                encoder.finish(false).expect("it fits");
            })*
            Message::Unknown { template } => panic!("template {template} is in the table"),
        }
        out
    }};
}

fn rewritten(template: u16, body: &[u8]) -> Vec<u8> {
    rewrite!(template, body,
        Logon []; LogonConf []; Logout [] reason; LoggedOut [] reason; Heartbeat []; TestRequest []; ResendRequest [];
        GapFill []; Reject [] details; NewOrderRequest []; AmendOrderRequest []; CancelOrderRequest [];
        CancelOrderByIdRequest []; MassQuoteRequest [quotes]; MassCancelRequest []; MassQuoteCancelRequest [];
        GetMassQuoteMmpStatusRequest []; GetOrdersMmpStatusRequest []; NewOrderResponse [fills legs];
        NewOrderReject [] details; AmendOrderResponse [fills legs]; AmendOrderReject [] details; CancelOrderResponse [];
        CancelOrderReject [] details; MassQuoteResponse [quotes bid_fills ask_fills legs]; MassQuoteReject [] details;
        MassCancelResponse []; MassCancelReject [] details; GetMassQuoteMmpStatusResponse [];
        GetMassQuoteMmpStatusReject []; GetOrdersMmpStatusResponse []; GetOrdersMmpStatusReject [];
        OrderFilled [fills legs]; OrdersCanceled [orders]; OrderPlaced [fills legs];
        MassQuoteOrdersPlaced [orders fills legs]; MassQuoteMmpTriggered []; OrdersMmpTriggered [];
        MassQuoteMmpUnfrozen []; OrdersMmpUnfrozen [];
    )
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn every_message_reads_back_as_it_was_written(
        counts in prop::array::uniform4(0u16..4),
        supply in prop::collection::vec(any::<u8>(), 900),
    ) {
        for layout in LAYOUTS {
            let body = body_of(layout, &counts, &mut supply.iter().copied().cycle());
            let out = rewritten(layout.template, &body);
            prop_assert_eq!(&out[HEADER_BYTES..], &body[..], "{}", layout.name);
            let head = Header::read(out[..HEADER_BYTES].try_into().expect("a header"));
            let expected = Header { message_bytes: out.len() as u16, template: layout.template, ..header() };
            prop_assert_eq!(head, expected);
        }
    }

    #[test]
    fn a_cut_message_is_an_error_and_a_longer_one_too(
        counts in prop::array::uniform4(0u16..3),
        cut in any::<prop::sample::Index>(),
        excess in 1usize..20,
    ) {
        for layout in LAYOUTS {
            let body = body_of(layout, &counts, &mut [1].into_iter().cycle());
            if !body.is_empty() {
                let cut = cut.index(body.len());
                prop_assert!(Message::decode(layout.template, VERSION, &body[..cut]).is_err(), "{}", layout.name);
            }
            let longer = [&body[..], &vec![1; excess]].concat();
            prop_assert!(Message::decode(layout.template, VERSION, &longer).is_err(), "{}", layout.name);
            let padded = [&body[..], &vec![0; excess]].concat();
            prop_assert_eq!(Message::decode(layout.template, VERSION, &padded).is_ok(), excess < 8, "{}", layout.name);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        template in prop::sample::select(LAYOUTS.iter().map(|layout| layout.template).collect::<Vec<_>>()),
        version in 0u16..20,
        body in prop::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..400),
    ) {
        if let Ok(message) = Message::decode(template, version, &body) {
            prop_assert_eq!(message.template(), template);
            let shown = format!("{message:?}");
            prop_assert!(!shown.is_empty());
        }
    }

    #[test]
    fn a_longer_entry_is_read_up_to_what_is_known(longer in 0u16..30, count in 0u16..5) {
        let mut body = vec![0; 17];
        body.extend((35 + longer).to_le_bytes());
        body.extend(count.to_le_bytes());
        for entry in 0..count {
            body.extend(i64::from(entry).to_le_bytes());
            body.extend(vec![0xff; usize::from(27 + longer)]);
        }
        let Ok(Message::OrdersCanceled(canceled)) = Message::decode(310, VERSION, &body) else {
            panic!("entries may be longer")
        };
        let ids: Vec<i64> = canceled.orders().map(|order| order.client_order_id).collect();
        prop_assert_eq!(ids, (0..i64::from(count)).collect::<Vec<_>>());
    }

    #[test]
    fn quantities_convert_exactly_or_not_at_all(contracts in 0i64..1 << 36, exponent in -12i8..4, unit in 1i64..1000) {
        let unit_quantity = Decimal72 { mantissa: unit, exponent: 0 };
        let usd = i128::from(contracts) * i128::from(unit);
        let scale = 10i128.pow(u32::from(exponent.unsigned_abs()));
        let mantissa = if exponent <= 0 { usd * scale } else { usd / scale };
        let is_exact = exponent <= 0 || usd % scale == 0;
        if let Ok(mantissa) = i64::try_from(mantissa) {
            let read = Decimal72 { mantissa, exponent }.in_units(unit_quantity);
            if is_exact {
                prop_assert_eq!(read, Some(contracts));
            } else {
                prop_assert_ne!(read, Some(contracts));
            }
        }
    }
}

#[test]
fn short_entries_and_texts_are_told_by_name() {
    let mut body = vec![0; 17];
    body.extend([34, 0, 1, 0]);
    body.extend([0; 34]);
    let error = Message::decode(310, VERSION, &body).expect_err("the entry is too short");
    let expected =
        DecodeError::GroupEntry { message: "OrdersCanceled", group: "orders", declared_bytes: 34, known_bytes: 35 };
    assert_eq!(error, expected);
    assert!(error.to_string().contains("OrdersCanceled") && error.to_string().contains("orders"));
    let error = Message::decode(5, VERSION, &[9, b'x']).expect_err("the text is cut");
    assert!(error.to_string().contains("expected 9 bytes of a text, found 1"), "{error}");
}

#[test]
fn what_does_not_fit_the_wire_leaves_the_buffer_as_it_was() {
    let mut out = vec![1, 2, 3];
    let long = Encoder::new(&mut out, header(), &Logout {}).text(&[b'x'; 256]);
    assert!(matches!(long, Err(EncodeError::Text { text_bytes: 256 })));
    assert_eq!(out, [1, 2, 3]);
    let entry = CanceledOrder {
        client_order_id: 0,
        order_id: 0,
        instrument_id: 0,
        total_filled: Decimal72::NULL,
        cancel_reason: CancelReason::Admin,
        flags: CancelFlags::default(),
    };
    let canceled = OrdersCanceled { timestamp: 0, exec_id: 0, flags: MultiPartEventFlags::default() };
    let long = Encoder::new(&mut out, header(), &canceled).group(&vec![entry; 70_000]).finish(true);
    assert!(matches!(long, Err(EncodeError::TooLong { .. })));
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn an_unknown_value_stays_what_it_was() {
    assert_eq!(OrderRejectReason::from_wire(34), OrderRejectReason::Unknown(34));
    assert_eq!(OrderRejectReason::Unknown(34).to_wire(), 34);
    assert!(matches!(Message::decode(9_998, VERSION, &[1, 2]), Ok(Message::Unknown { template: 9_998 })));
}
