//! Which instruments a capture is about: the venue's numbers, names and terms.
//!
//! Invariants:
//! * numbers come from the capture's definitions; those of the configuration fill in where the capture
//!   has none, and never stand against it;
//! * damage is named before what may be missing because of it.

use std::collections::BTreeMap;
use std::fmt;

use super::ReplayError;
use crate::capture::{CaptureError, CaptureFile};
use crate::config::{Plan, UnderlyingPlan};
use crate::deribit::legacy::{
    Books, DecodeError, Frame, InstrumentDefinition, InstrumentKind, InstrumentState, OptionRight, PaddedText,
    PayoffType, SettlementPeriod, Wire,
};
use crate::instrument::Instrument;

/// One instrument.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listing {
    /// Name as the venue writes it.
    pub name: String,
    /// What the name says; `None` for spot and combinations.
    pub instrument: Option<Instrument>,
    tick: Option<f64>,
    contract_size: Option<f64>,
}

/// What kept the reading of definitions from seeing all of a capture.
#[derive(Debug, Default)]
pub struct DefinitionDamage {
    /// What ended the capture before its end.
    pub error: Option<CaptureError>,
    /// Packets that could not be decoded, or not to their end.
    pub bad_packets: u64,
}

impl DefinitionDamage {
    fn is_none(&self) -> bool {
        self.error.is_none() && self.bad_packets == 0
    }
}

impl fmt::Display for DefinitionDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) if self.bad_packets == 0 => write!(f, "{error}"),
            Some(error) => write!(f, "{error}; {} packets before that cannot be decoded", self.bad_packets),
            None => write!(f, "{} packets cannot be decoded", self.bad_packets),
        }
    }
}

/// All instruments of a capture, by the venue's number.
#[derive(Debug, Default)]
pub(super) struct Directory {
    listings: BTreeMap<u32, Listing>,
}

impl Directory {
    /// Reads every definition of the capture, and checks what the plan says against them. `books` get
    /// a book for every instrument defined.
    pub fn read(file: &CaptureFile, plan: &Plan, books: &mut Books) -> Result<Self, ReplayError> {
        let mut directory = Self::default();
        let damage = directory.read_definitions(file, books)?;
        directory.fill_in(plan)?;
        directory.check(plan).map_err(|error| match error {
            ReplayError::UnknownInstruments { names } if !damage.is_none() => {
                ReplayError::DamagedDefinitions { damage, names }
            }
            error => error,
        })?;
        for underlying in &plan.underlyings {
            directory.define_book(underlying, books);
        }
        Ok(directory)
    }

    /// Reads what can be read: damage that costs no instrument is left to the replay to report.
    fn read_definitions(&mut self, file: &CaptureFile, books: &mut Books) -> Result<DefinitionDamage, ReplayError> {
        let mut damage = DefinitionDamage::default();
        for datagram in file.datagrams()? {
            match datagram {
                Ok(datagram) => damage.bad_packets += u64::from(self.packet(datagram.payload, books).is_err()),
                Err(error) => damage.error = Some(error),
            }
        }
        Ok(damage)
    }

    fn packet(&mut self, payload: &[u8], books: &mut Books) -> Result<(), DecodeError> {
        for message in Frame::new(payload)?.messages() {
            if let Some(definition) = message?.definition() {
                self.define(&definition);
                books.define(&definition);
            }
        }
        Ok(())
    }

    /// Takes configured numbers of instruments that the capture does not define.
    fn fill_in(&mut self, plan: &Plan) -> Result<(), ReplayError> {
        for (name, id) in &plan.instrument_ids {
            if self.id_of(name).is_some() {
                continue;
            }
            if let Some(listing) = self.listings.get(id) {
                let found = listing.name.clone();
                return Err(ReplayError::InstrumentNumber { name: name.clone(), id: *id, found });
            }
            self.define(&bare_definition(*id, name, None));
        }
        Ok(())
    }

    /// The venue repeats definitions, and states the finest tick in one of its two kinds only.
    fn define(&mut self, definition: &InstrumentDefinition<'_>) {
        let listing = self.listings.entry(definition.instrument_id).or_insert_with(|| Listing {
            name: definition.name.to_owned(),
            instrument: definition.name.parse().ok(),
            tick: None,
            contract_size: None,
        });
        let finest = [listing.tick, definition.tick_size].into_iter().flatten().reduce(f64::min);
        listing.tick = finest;
        listing.contract_size = definition.contract_size.or(listing.contract_size);
    }

    /// A hedge instrument known by its configured number only gets a book too.
    fn define_book(&self, underlying: &UnderlyingPlan, books: &mut Books) {
        if let Some(id) = self.id_of(&underlying.hedge_name)
            && books.book(id).is_none()
        {
            books.define(&bare_definition(id, &underlying.hedge_name, Some(underlying.compiler.hedge.tick_usd)));
        }
    }

    /// The venue's number of a name.
    pub fn id_of(&self, name: &str) -> Option<u32> {
        self.listings.iter().find(|(_, listing)| listing.name == name).map(|(&id, _)| id)
    }

    /// All instruments, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Listing)> {
        self.listings.iter().map(|(&id, listing)| (id, listing))
    }

    /// Refuses a plan whose names the capture does not have, or whose terms it has otherwise.
    fn check(&self, plan: &Plan) -> Result<(), ReplayError> {
        let holdings = |underlying: &UnderlyingPlan| {
            let holdings = underlying.portfolio.holdings.iter().map(|holding| &holding.instrument);
            let named = holdings.filter(|instrument| !matches!(instrument, Instrument::Range(_)));
            named.map(Instrument::to_string).collect::<Vec<_>>()
        };
        let named = plan
            .underlyings
            .iter()
            .flat_map(|underlying| std::iter::once(underlying.hedge_name.clone()).chain(holdings(underlying)));
        let names: Vec<String> = named.filter(|name| self.id_of(name).is_none()).collect();
        if !names.is_empty() {
            return Err(ReplayError::UnknownInstruments { names });
        }
        plan.underlyings.iter().try_for_each(|underlying| self.check_terms(underlying))
    }

    fn check_terms(&self, underlying: &UnderlyingPlan) -> Result<(), ReplayError> {
        let Some(listing) = self.id_of(&underlying.hedge_name).and_then(|id| self.listings.get(&id)) else {
            return Ok(());
        };
        let hedge = &underlying.compiler.hedge;
        let terms =
            [("tick_usd", listing.tick, hedge.tick_usd), ("contract_size", listing.contract_size, hedge.contract_size)];
        for (field, found, configured) in terms {
            if let Some(found) = found.filter(|found| (found - configured).abs() > 1e-9 * configured) {
                let instrument = underlying.hedge_name.clone();
                return Err(ReplayError::Definition { instrument, field, found, configured });
            }
        }
        Ok(())
    }
}

/// A definition that says no more than a number, a name and perhaps a tick.
fn bare_definition(instrument_id: u32, name: &str, tick_size: Option<f64>) -> InstrumentDefinition<'_> {
    let blank = PaddedText::<8>::read(&[0; 8], 0);
    InstrumentDefinition {
        instrument_id,
        name,
        state: InstrumentState::Unknown(u8::MAX),
        kind: InstrumentKind::Unknown(u8::MAX),
        payoff: PayoffType::Unknown(u8::MAX),
        right: OptionRight::Unknown(u8::MAX),
        settlement_period: SettlementPeriod::Unknown(u8::MAX),
        base_currency: blank,
        quote_currency: blank,
        settlement_currency: blank,
        size_currency: blank,
        expiry_ms: 0,
        strike: None,
        contract_size: None,
        min_trade_amount: None,
        tick_size,
        maker_commission: None,
        taker_commission: None,
    }
}
