//! Gates of the quote: its age and that of the rows, the book that it shows, and how far from it an order may go.

use hedgewire_abi::Reason;
use hedgewire_abi::command::code;

use crate::scenario::Scenario;
use crate::support::START_NS;

#[test]
fn quote_may_be_as_old_as_its_limit_and_no_older() {
    let aged = |age_ns: u64| {
        Scenario::selling().with(|s| (s.price.quote_age_max_ns, s.quote.feed_ns) = (500, START_NS - age_ns)).reason()
    };
    assert_eq!(aged(501), Reason::QuoteStale);
    assert_eq!(aged(500), Reason::None);
    // Nor as far in the future: then the clocks disagree, and age means nothing.
    let ahead = |ns: u64| {
        Scenario::selling().with(|s| (s.price.quote_age_max_ns, s.quote.feed_ns) = (500, START_NS + ns)).reason()
    };
    assert_eq!(ahead(501), Reason::QuoteStale);
    assert_eq!(ahead(500), Reason::None);
}

#[test]
fn rows_may_be_hedged_on_up_to_their_time_and_not_after() {
    let valid = |until_ns| Scenario::selling().with(|s| s.bank.valid_until_ns = until_ns).reason();
    assert_eq!(valid(START_NS - 1), Reason::RowsStale);
    assert_eq!(valid(START_NS), Reason::None);
}

#[test]
fn untrusted_book_is_not_traded_against() {
    assert_eq!(Scenario::selling().with(|s| s.quote.flags = code::QUOTE_UNTRUSTED).reason(), Reason::BookUntrusted);
    assert_eq!(Scenario::selling().with(|s| s.quote.flags = code::WANT_RISK).reason(), Reason::None);
}

#[test]
fn one_sided_book_is_not_traded_against_whichever_side_is_missing() {
    assert_eq!(Scenario::selling().with(|s| s.quote.ask = 0).reason(), Reason::OneSided);
    assert_eq!(Scenario::selling().with(|s| s.quote.bid = 0).reason(), Reason::OneSided);
}

#[test]
fn spread_may_be_as_wide_as_its_limit_and_no_wider() {
    // Five basis points of 30,000,000 are 15,000.
    let wide = |width: u32| {
        Scenario::selling()
            .with(|s| {
                s.price.width_max_bp = 5;
                (s.quote.bid, s.quote.ask) = (30_000_000, 30_000_000 + width);
            })
            .reason()
    };
    assert_eq!(wide(15_001), Reason::Wide);
    assert_eq!(wide(15_000), Reason::None);
}

#[test]
fn size_at_the_touch_that_is_hit_counts() {
    let thin = |scenario: Scenario, bid_size, ask_size| {
        scenario.with(|s| (s.price.size_min, s.quote.bid_size, s.quote.ask_size) = (7, bid_size, ask_size)).reason()
    };
    assert_eq!(thin(Scenario::selling(), 6, 7), Reason::Thin);
    assert_eq!(thin(Scenario::selling(), 7, 0), Reason::None);
    assert_eq!(thin(Scenario::buying(), 7, 6), Reason::Thin);
    assert_eq!(thin(Scenario::buying(), 0, 7), Reason::None);
}

#[test]
fn limit_price_stays_in_the_collar_around_the_reference() {
    // Ten basis points of 30,000,000 are 30,000.
    let collar = |scenario: Scenario, cross| {
        let change = |s: &mut Scenario| {
            (s.price.collar_bp, s.price.cross) = (10, cross);
            (s.quote.bid, s.quote.hedge_price, s.quote.ask) = (29_999_000, 30_000_000, 30_001_000);
        };
        scenario.with(change).reason()
    };
    assert_eq!(collar(Scenario::selling(), 29_001), Reason::CollarReference);
    assert_eq!(collar(Scenario::selling(), 29_000), Reason::None);
    assert_eq!(collar(Scenario::buying(), 29_001), Reason::CollarReference);
    assert_eq!(collar(Scenario::buying(), 29_000), Reason::None);
}

#[test]
fn limit_price_stays_in_the_collar_around_the_last_trade_if_there_was_one() {
    let collar = |last_trade| {
        let change = |s: &mut Scenario| {
            s.price.collar_last_bp = 10;
            (s.quote.bid, s.quote.last_trade) = (29_970_000, last_trade);
        };
        Scenario::selling().with(change).reason()
    };
    assert_eq!(collar(30_000_001), Reason::CollarLast);
    assert_eq!(collar(30_000_000), Reason::None);
    assert_eq!(collar(0), Reason::None);
}
