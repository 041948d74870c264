//! Names of instruments: read, written, and refused with a reason.

use hedgewire_host::instrument::{EuropeanOption, Future, Instrument, Payoff, Right};

use crate::market::{SECOND_NS, parsed};

#[test]
fn deribit_names_parse_and_display_as_they_were() {
    for name in [
        "BTC-6FEB26-88000-P",
        "BTC-25SEP26-135000-C",
        "XRP_USDC-27MAR26-0d55-C",
        "ETH_USDC-31DEC26-2450-P",
        "BTC-PERPETUAL",
        "ETH_USDC-PERPETUAL",
        "BTC-25SEP26",
        "SOL_USDC-29FEB28",
    ] {
        assert_eq!(parsed(name).to_string(), name);
    }
    let Instrument::Option(option) = parsed("BTC-6FEB26-88000-P") else { panic!("an option") };
    assert_eq!((option.strike_usd, option.right, option.payoff), (88_000.0, Right::Put, Payoff::Inverse));
    // 6 Feb 2026 08:00 UTC.
    assert_eq!(option.expiry_ns, 1_770_364_800 * SECOND_NS);
    let Instrument::Option(option) = parsed("XRP_USDC-27MAR26-0d55-C") else { panic!("an option") };
    assert_eq!((option.strike_usd, option.payoff, option.underlying.as_str()), (0.55, Payoff::Linear, "XRP"));
    assert_eq!(parsed("BTC-PERPETUAL").expiry_ns(), None);
    assert_eq!(parsed("BTC-06FEB26"), parsed("BTC-6FEB26"));
}

#[test]
fn names_that_are_no_instrument_say_why() {
    for (name, reason) in [
        ("", "coin"),
        ("BTC", "parts"),
        ("btc-PERPETUAL", "coin"),
        ("BTC_EUR-PERPETUAL", "EUR"),
        ("BTC-31FEB26", "31FEB26"),
        ("BTC-6FEV26-1-C", "6FEV26"),
        ("BTC-+6FEB26-1-C", "+6FEB26"),
        ("BTC-6FEB26-88000-X", "right"),
        ("BTC-6FEB26-0-C", "strike"),
        ("BTC-6FEB26--5-C", "parts"),
        ("BTC-6FEB26-1e5-C", "strike"),
        ("BTC-6FEB26-1d-C", "strike"),
        ("BTC-6FEBé6-1-C", "6FEBé6"),
        ("BTC-6FEB26-88000", "parts"),
    ] {
        let error = name.parse::<Instrument>().expect_err("no instrument");
        assert!(error.reason.contains(reason), "{name}: {error}");
        assert!(error.to_string().contains("BTC-PERPETUAL"), "{error}");
    }
    assert!("BTC-PERPETUAL".parse::<EuropeanOption>().is_err());
    assert!("BTC-6FEB26-88000-P".parse::<Future>().is_err());
}
