//! A small market, and what is held in it.

use std::collections::BTreeMap;

use hedgewire_host::compiler::{
    Band, Bank, ExpiryMarket, HedgeInstrument, Holding, Market, Numeraire, Settings, SkewRule, SlotRange, Smile,
    compile,
};
use hedgewire_host::instrument::{EuropeanOption, Future, Instrument, Payoff, Right};

pub const NOW_NS: u64 = 1_769_921_642_172_460_000;
pub const SECOND_NS: u64 = 1_000_000_000;
pub const MINUTE_NS: u64 = 60 * SECOND_NS;
pub const DAY_NS: u64 = 86_400 * SECOND_NS;
pub const RANGE: SlotRange = SlotRange { first_slot: 64, slot_count: 64 };
pub const BOTH: [Right; 2] = [Right::Call, Right::Put];

pub fn settings(numeraire: Numeraire) -> Settings {
    Settings {
        numeraire,
        skew: SkewRule::StickyStrike,
        hedge: HedgeInstrument { payoff: Payoff::Inverse, contract_size: 10.0, tick_usd: 0.5 },
        band: Band::Fixed { contracts: 2.0 },
        age_max_ns: 10 * SECOND_NS,
        coin_max: 1e6,
    }
}

pub fn market(expiry_ns: u64, forward_usd: f64, smile: Smile) -> Market {
    let expiry = ExpiryMarket { forward_usd, smile, dvol_dprice: 0.0 };
    Market {
        underlying: "BTC".to_owned(),
        now_ns: NOW_NS,
        price_ref_usd: 78_926.0,
        expiries: BTreeMap::from([(expiry_ns, expiry)]),
    }
}

pub fn option(expiry_ns: u64, strike_usd: f64, right: Right, payoff: Payoff) -> Instrument {
    Instrument::Option(EuropeanOption { underlying: "BTC".to_owned(), expiry_ns, strike_usd, right, payoff })
}

pub fn future(expiry_ns: Option<u64>, payoff: Payoff) -> Instrument {
    Instrument::Future(Future { underlying: "BTC".to_owned(), expiry_ns, payoff })
}

pub fn hold(slot: u32, instrument: Instrument) -> Holding {
    Holding { slot, instrument, quantity_max_lots: 1, lot_size: 1.0, vol: None, entry_price_usd: None }
}

pub fn compiled(holdings: &[Holding], market: &Market, settings: &Settings) -> Bank {
    compile(7, RANGE, holdings, market, settings).expect("the portfolio compiles")
}

pub fn parsed(name: &str) -> Instrument {
    name.parse().expect("a valid name")
}
