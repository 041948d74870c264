//! The instruments that `hedgewire-venue` lists: for BTC and ETH an inverse perpetual without a speed bump and, with
//! one, a dated future and options around the money, made up or of a recorded chain ([`chain`]). A channel for each coin.
//! And a venue that lists them, for tests.

pub mod chain;

use hedgewire_host::instrument::{EuropeanOption, Future, Payoff, Right};

use super::instrument::{Index, Instrument, Kind};
use super::{
    FaultSettings, FlowSettings, GatewaySettings, Lines, Member, RetransmitSettings, SPEED_BUMP_NS, VenueSettings,
};

/// Channel of BTC; ETH has the next one. The venue's sample uses these numbers.
pub const FIRST_CHANNEL_ID: i32 = 44_849;
/// Number of BTC-PERPETUAL.
pub const BTC_PERPETUAL_ID: i64 = 210_838;
const UNIT: i64 = 1_000_000_000;
const NS_PER_DAY: i64 = 86_400 * UNIT;
const DAYS: i64 = 30;
/// Of one coin's instruments to the next one's.
pub const ID_STEP: i64 = 10_000;

/// A coin that is listed.
struct Coin {
    base: &'static str,
    /// Price to begin with, USD.
    price: i64,
    /// Tick of the perpetual, 10^-9.
    tick: i64,
    /// Between two strikes, USD.
    strike_step: i64,
}

/// The coins whose inverse perpetuals have no speed bump.
const COINS: [Coin; 2] = [
    Coin { base: "BTC", price: 60_000, tick: UNIT / 2, strike_step: 1_000 },
    Coin { base: "ETH", price: 3_000, tick: UNIT / 20, strike_step: 50 },
];

impl Coin {
    /// The index and the perpetual of the coin at this place, at a price of 10^-9.
    fn begin(&self, place: usize, price: i64) -> (Index, Instrument) {
        let index = Index { id: 1 + place as i64, name: format!("{}_usd", self.base.to_lowercase()), price };
        let (id, channel_id) = (BTC_PERPETUAL_ID + ID_STEP * place as i64, FIRST_CHANNEL_ID + place as i32);
        (index, Instrument::inverse_perpetual(id, self.base, place, channel_id, self.tick, price))
    }

    /// A dated future beside the perpetual.
    fn future(&self, perpetual: &Instrument, id: i64, expiry_ns: i64, price: i64) -> Instrument {
        let (underlying, expiry) = (self.base.to_owned(), Some(expiry_ns.cast_unsigned()));
        let future = Future { underlying, expiry_ns: expiry, payoff: Payoff::Inverse };
        perpetual.clone().dated_future(id, &future.to_string(), expiry_ns, price)
    }
}

/// Indexes and instruments at an opening time, ns, with so many strikes of options (a call and a put each) per
/// coin. `coins` are at most two: BTC, then ETH.
pub fn listing(now_ns: i64, coins: usize, strikes: i64) -> (Vec<Index>, Vec<Instrument>) {
    let (mut indexes, mut instruments) = (vec![], vec![]);
    for (place, coin) in COINS.iter().enumerate().take(coins) {
        let Coin { base, price, strike_step, .. } = *coin;
        let (index, perpetual) = coin.begin(place, price * UNIT);
        indexes.push(index);
        let first_id = perpetual.id;
        let expiry_ns = (now_ns / NS_PER_DAY + DAYS) * NS_PER_DAY + NS_PER_DAY / 3;
        instruments.push(perpetual.clone());
        instruments.push(coin.future(&perpetual, first_id + 1, expiry_ns, price * UNIT));
        for strike in 0..strikes {
            let dollars = price + (strike - strikes / 2) * strike_step;
            for is_put in [false, true] {
                let id = first_id + 2 + 2 * strike + i64::from(is_put);
                let option = EuropeanOption {
                    underlying: base.to_owned(),
                    expiry_ns: expiry_ns.cast_unsigned(),
                    strike_usd: dollars as f64,
                    right: if is_put { Right::Put } else { Right::Call },
                    payoff: Payoff::Inverse,
                };
                let kind = Kind::Option { expiry_ns, strike: dollars * UNIT, is_put };
                let (mark, slope) = option_mark(price, dollars, is_put);
                instruments.push(perpetual.clone().inverse_option(id, &option.to_string(), kind, mark, slope));
            }
        }
    }
    (indexes, instruments)
}

/// A venue that lists them, with a lively public, patient gateways and nothing that goes wrong; `members` are names and
/// secrets of the keys.
pub fn venue(seed: u64, now_ns: i64, (coins, strikes): (usize, i64), members: &[(&str, &str)]) -> VenueSettings {
    let (indexes, instruments) = listing(now_ns, coins, strikes);
    let member = |(client_id, secret): &(&str, &str)| Member {
        client_id: (*client_id).to_owned(),
        secret: (*secret).to_owned(),
    };
    VenueSettings {
        seed,
        indexes,
        instruments,
        gateway: GatewaySettings {
            members: members.iter().map(member).collect(),
            heartbeat_seconds: 1,
            is_padded: false,
            history_messages: 1_000_000,
        },
        rate_limit: None,
        protections: vec![],
        bump_ns: SPEED_BUMP_NS,
        retransmit: RetransmitSettings { history_messages: 100_000, burst: 100, refill_ns: 1_000_000 },
        snapshot_cycle_ns: 200_000_000,
        lines: Lines::Active,
        flow: Some(FlowSettings { rate: 60.0, ..FlowSettings::default() }),
        faults: FaultSettings::default(),
    }
}

/// A mark in coin and its slope, 10^-9: worth at expiry and a time value that falls off with the distance. What an
/// option is worth is the client's business; the venue's marks need only move with the index.
fn option_mark(price: i64, strike: i64, is_put: bool) -> (i64, i64) {
    let inside = if is_put { strike - price } else { price - strike };
    let distance = i128::from((price - strike).abs()) * i128::from(UNIT) / i128::from(price);
    let time_value = 40_000_000 * i128::from(UNIT) / (i128::from(UNIT) + 10 * distance);
    let worth = i128::from(inside.max(0)) * i128::from(UNIT) / i128::from(price);
    let half_delta: i64 = if is_put { -UNIT / 2 } else { UNIT / 2 };
    // A coin price moves by delta over the price of the coin.
    (i64::try_from(worth + time_value).unwrap_or(UNIT) / 100_000 * 100_000, half_delta / price)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_perpetuals_alone_have_no_speed_bump() {
        let (indexes, instruments) = listing(0, 2, 3);
        assert_eq!((indexes.len(), instruments.len()), (2, 16));
        for instrument in instruments {
            assert_eq!(instrument.is_bumped, instrument.kind != Kind::Perpetual, "{}", instrument.name);
            let (low, high) = instrument.band().expect("a mark");
            let mark = instrument.mark.expect("a mark");
            assert!(low <= mark && mark <= high && low % instrument.tick == 0 && high % instrument.tick == 0);
        }
    }
}
