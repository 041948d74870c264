//! One coin of the demo: inventory of options, working hedges, banks, and the series drawn from them.
//!
//! ```text
//!   lots held ──► marks (Black-76) + cash ──► unhedged PnL ─┐
//!   hedge orders ──► Fills ──► account ─────────────────────┴──► hedged PnL
//! ```
//!
//! Invariant: the cash and lots here and the quantities in the kernel change together, by the same
//! trade.

use std::collections::BTreeMap;

use hedgewire_abi::command::{Quote, Trade, code};
use hedgewire_abi::event::{FLAG_URGENT, Hedge, Ledger, Refused, Risk};
use hedgewire_abi::format::CONTRACT_BITS;
use hedgewire_abi::{Event, MAX_EVENTS_PER_COMMAND};
use hedgewire_host::black76::InputError;
use hedgewire_host::compiler::{
    Band, FittedLadder, HedgeInstrument, Holding, Ladder, Market, Numeraire, PriceUnit, Settings, SkewRule, SlotRange,
    compile,
};
use hedgewire_host::driver::Stopwatch;
use hedgewire_host::fills::{FillModel, Fills, from_wire_coin, to_wire_coin};
use hedgewire_host::instrument::{Instrument, Payoff};

use crate::demo::{
    CoinRun, DemoError, HedgeOrder, SAMPLE_NS, SLOTS_PER_COIN, Sample, Shared, Timed, change_deviation, limits,
};
use crate::market::{Chain, CoinSettings, OptionFill, START_NS, Surface, TopOfBook};
use crate::random::Random;

/// Options held at the start.
const HELD_AT_START: usize = 24;
/// Largest step of the ladder, as a part of the price: 2.4 bp. A bank with a steeper option gets a finer one.
const STEP_PART: f64 = 2.4e-4;
/// Intervals of the ladder.
const INTERVALS: u32 = 256;
/// Longest use of a bank, ns: three times the interval of the vols.
const BANK_AGE_MAX_NS: u64 = 30_000_000_000;
/// From the venue to us, ns.
const FEED_DELAY_NS: u64 = 150_000;
/// Streams of random numbers for the first inventories: after those of the market.
const INVENTORY_STREAM: u64 = 100;

/// How the demo hedges.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Absolute risk aversion, per USD.
    pub risk_aversion_per_usd: f64,
    /// Exit fraction.
    pub exit: f64,
    /// Fee of a hedge, a fraction of its value.
    pub taker_fee: f64,
    /// Seed of the first inventory.
    pub seed: u64,
}

/// The events of one command.
#[derive(Clone, Copy)]
struct Answer {
    events: [Event; MAX_EVENTS_PER_COMMAND],
    count: usize,
}

impl Answer {
    fn new(events: &[Event]) -> Self {
        let mut answer = Self { events: [Event::ZERO; MAX_EVENTS_PER_COMMAND], count: events.len() };
        answer.events[..events.len()].copy_from_slice(events);
        answer
    }

    fn events(&self) -> &[Event] {
        &self.events[..self.count]
    }
}

/// One coin's desk.
pub struct CoinDesk {
    underlying: u8,
    name: String,
    hedge: HedgeInstrument,
    unit: PriceUnit,
    lot_coin: f64,
    terms: Terms,
    chain: Chain,
    surface: Surface,
    /// Lots held, by option.
    lots: Vec<i32>,
    cash_coin: f64,
    /// Value of the first inventory, coin.
    start_coin: f64,
    fills: Fills,
    last_quote: Quote,
    /// Open hedge orders, contracts: bought, sold.
    open: [i64; 2],
    /// A bank is being built.
    is_loaded: bool,
    bank_id: u16,
    next_risk_ns: u64,
    now: Sample,
    run: CoinRun,
}

impl CoinDesk {
    /// Draws an inventory, sets the kernel up and loads the first bank.
    pub fn open(
        underlying: u8,
        coin: &CoinSettings,
        chain: Chain,
        surface: Surface,
        terms: Terms,
        shared: &mut Shared,
    ) -> Result<Self, DemoError> {
        let hedge =
            HedgeInstrument { payoff: Payoff::Inverse, contract_size: coin.contract_usd, tick_usd: coin.tick_usd };
        let model = FillModel::NextOpposingQuote { time_to_live_ns: limits::ORDER_LIFE_NS };
        let mut random = Random::new(terms.seed, INVENTORY_STREAM + u64::from(underlying));
        let lots = first_inventory(chain.options.len(), coin.trade_lots, &mut random);
        let mut desk = Self {
            underlying,
            name: coin.name.clone(),
            hedge,
            unit: PriceUnit::of_tick(coin.tick_usd)?,
            lot_coin: coin.lot_coin,
            terms,
            chain,
            surface,
            lots,
            cash_coin: 0.0,
            start_coin: 0.0,
            fills: Fills::new(model, &hedge, terms.taker_fee)?,
            last_quote: Quote::default(),
            open: [0; 2],
            is_loaded: false,
            bank_id: 0,
            next_risk_ns: START_NS,
            now: Sample { price_usd: coin.price_usd, ..Sample::default() },
            run: CoinRun {
                name: coin.name.clone(),
                samples: Vec::new(),
                hedges: Vec::new(),
                option_fills: 0,
                swaps: 0,
                error_bound_contracts: 0.0,
                steep_rows: 0,
                traded_contracts: 0,
                hedge_cost_usd: 0.0,
                hedged_deviation_usd: 0.0,
                unhedged_deviation_usd: 0.0,
            },
        };
        desk.start_coin = desk.value_coin(START_NS)?;
        desk.set_up(shared)?;
        Ok(desk)
    }

    fn set_up(&mut self, shared: &mut Shared) -> Result<(), DemoError> {
        let setup = limits::setup(self.underlying, self.hedge.contract_size, self.terms.exit);
        let driver = &mut shared.driver;
        driver.set_up(self.underlying, START_NS, &setup)?;
        let held = (self.first_slot()..).zip(&self.lots).map(|(slot, &quantity)| Trade { slot, quantity, cash: 0 });
        driver.hold(self.underlying, START_NS, held)?;
        self.load(shared, START_NS)?;
        self.swap(shared, START_NS)?;
        shared.driver.arm(self.underlying, START_NS)?;
        Ok(())
    }

    fn first_slot(&self) -> u32 {
        u32::from(self.underlying) * SLOTS_PER_COIN
    }

    // ---- market events -----------------------------------------------------------------------

    /// The book has moved: working orders may fill, and the kernel decides anew.
    pub fn on_quote(&mut self, shared: &mut Shared, now_ns: u64, top: TopOfBook) -> Result<(), DemoError> {
        let quote = self.quote(now_ns, top);
        self.now.price_usd = self.unit.to_usd(quote.price);
        let mut updates = Vec::new();
        self.fills.on_quote(&quote, now_ns, &mut updates);
        for update in updates {
            let watch = Stopwatch::start();
            let answer = Answer::new(shared.driver.carry_out(self.underlying, now_ns, &update)?);
            shared.stop(Timed::OrderUpdate, watch);
            self.hear(shared, now_ns, &answer);
        }
        self.last_quote = quote;
        let watch = Stopwatch::start();
        let answer = Answer::new(shared.driver.send(self.underlying, now_ns, &quote)?);
        shared.stop(Timed::Quote, watch);
        self.hear(shared, now_ns, &answer);
        Ok(())
    }

    fn quote(&mut self, now_ns: u64, top: TopOfBook) -> Quote {
        let ticks = |ticks: u32| ticks << hedgewire_abi::format::PRICE_BITS;
        let wants_risk = now_ns >= self.next_risk_ns;
        if wants_risk {
            self.next_risk_ns = now_ns + SAMPLE_NS;
        }
        let (bid, ask) = (ticks(top.bid_ticks), ticks(top.ask_ticks));
        let middle = bid + (ask - bid) / 2;
        Quote {
            flags: if wants_risk { code::WANT_RISK } else { 0 },
            feed_seq: self.last_quote.feed_seq.wrapping_add(1),
            bid,
            ask,
            bid_size: top.bid_size,
            ask_size: top.ask_size,
            price: middle,
            hedge_price: middle,
            last_trade: 0,
            feed_ns: now_ns - FEED_DELAY_NS,
        }
    }

    /// A customer traded: cash and inventory change, and the kernel decides anew.
    pub fn on_fill(&mut self, shared: &mut Shared, now_ns: u64, fill: OptionFill) -> Result<(), DemoError> {
        self.run.option_fills += 1;
        self.lots[fill.option] += fill.lots;
        self.cash_coin -= f64::from(fill.lots) * self.lot_coin * fill.price_coin;
        let trade = Trade {
            slot: self.first_slot() + fill.option as u32,
            quantity: self.lots[fill.option],
            cash: to_wire_coin(self.cash_coin),
        };
        let watch = Stopwatch::start();
        let answer = Answer::new(shared.driver.send(self.underlying, now_ns, &trade)?);
        shared.stop(Timed::Trade, watch);
        self.hear(shared, now_ns, &answer);
        Ok(())
    }

    /// Vols have moved: a new bank, built in the shadow while quotes go on.
    pub fn on_vols(&mut self, shared: &mut Shared, now_ns: u64, surface: Surface) -> Result<(), DemoError> {
        self.surface = surface;
        self.load(shared, now_ns)
    }

    /// Takes the shadow bank into use once its ladder is built.
    pub fn swap_if_built(&mut self, shared: &mut Shared, now_ns: u64) -> Result<(), DemoError> {
        if self.is_loaded && shared.driver.is_built(self.underlying) {
            self.swap(shared, now_ns)?;
        }
        Ok(())
    }

    // ---- events of the kernel ----------------------------------------------------------------

    fn hear(&mut self, shared: &mut Shared, now_ns: u64, answer: &Answer) {
        for event in answer.events() {
            match event.kind() {
                Hedge::KIND => self.on_hedge(shared, now_ns, event),
                Refused::KIND => {
                    let refused = Refused::decode(event);
                    if refused.band != 0 {
                        self.note_exposure(refused.exposure, refused.band);
                    }
                }
                Risk::KIND => {
                    let risk = Risk::decode(event);
                    self.now.option_delta_coin = from_wire_coin(risk.delta);
                    self.now.gamma_coin = from_wire_coin(risk.gamma);
                    self.now.vega_coin = from_wire_coin(risk.vega);
                }
                Ledger::KIND => {
                    let ledger = Ledger::decode(event);
                    self.open = [
                        i64::from(ledger.open_buy) + i64::from(ledger.unknown_buy),
                        i64::from(ledger.open_sell) + i64::from(ledger.unknown_sell),
                    ];
                    self.now.position_contracts = ledger.position;
                }
                _ => {}
            }
        }
    }

    fn on_hedge(&mut self, shared: &mut Shared, now_ns: u64, event: &Event) {
        let hedge = Hedge::decode(event);
        let side = usize::from(hedge.quantity < 0);
        shared.check_over_hedge(hedge.exposure, hedge.quantity, self.open[side]);
        self.open[side] += hedge.quantity.abs();
        self.note_exposure(hedge.exposure, hedge.band);
        self.run.hedges.push(HedgeOrder {
            seconds: seconds(now_ns),
            contracts: hedge.quantity,
            limit_usd: self.unit.to_usd(hedge.limit_price),
            net_delta_coin: self.now.net_delta_coin,
            is_urgent: event.flags() & FLAG_URGENT != 0,
        });
        // This fill model never fills at once, so there is no update to hand on.
        let at_once = self.fills.on_hedge(&hedge, &self.last_quote, now_ns);
        debug_assert!(at_once.is_none(), "Invariant: working orders fill on a later quote");
    }

    /// Contracts of the hedge are worth USD: `N cs / P` coin.
    fn note_exposure(&mut self, exposure: i64, band: i64) {
        let coin = self.hedge.contract_size / self.now.price_usd / f64::from(1u32 << CONTRACT_BITS);
        self.now.net_delta_coin = exposure as f64 * coin;
        self.now.band_coin = band as f64 * coin;
    }

    // ---- banks -------------------------------------------------------------------------------

    /// Compiles the inventory and starts a build. A bank that is still being built is replaced.
    fn load(&mut self, shared: &mut Shared, now_ns: u64) -> Result<(), DemoError> {
        self.bank_id = self.bank_id.wrapping_add(1);
        let range = SlotRange { first_slot: self.first_slot(), slot_count: SLOTS_PER_COIN };
        let bank = compile(self.bank_id, range, &self.holdings(), &self.market(now_ns), &self.settings())?;
        let step = f64::from(bank.open.price_ref) * STEP_PART;
        let step_shift = (step.log2().floor() as u8).clamp(4, 16);
        let coarsest = Ladder { step_shift, intervals: INTERVALS };
        let FittedLadder { ladder, steep_rows } = coarsest.fitted(bank.open.price_ref, &bank);
        self.run.steep_rows = self.run.steep_rows.max(steep_rows);
        let build = ladder.build(bank.open.price_ref);
        let watch = Stopwatch::start();
        shared.driver.load(self.underlying, now_ns, &bank.open, &bank.rows, &build)?;
        shared.stop(Timed::Bank, watch);
        self.is_loaded = true;
        Ok(())
    }

    fn swap(&mut self, shared: &mut Shared, now_ns: u64) -> Result<(), DemoError> {
        let swapped = shared.driver.swap(self.underlying, now_ns)?;
        self.is_loaded = false;
        self.run.swaps += 1;
        let bound = swapped.error_bound as f64 / f64::from(1u32 << CONTRACT_BITS);
        self.run.error_bound_contracts = self.run.error_bound_contracts.max(bound);
        Ok(())
    }

    /// Every listed option has a slot, so that customers can trade any of them.
    fn holdings(&self) -> Vec<Holding> {
        let held = (self.first_slot()..).zip(self.chain.options.iter().zip(&self.lots));
        held.map(|(slot, (option, lots))| Holding {
            slot,
            instrument: Instrument::Option(option.clone()),
            // Room for what customers may trade until the next bank.
            quantity_max_lots: 2 * lots.unsigned_abs() + 500,
            lot_size: self.lot_coin,
            vol: None,
            entry_price_usd: None,
        })
        .collect()
    }

    fn market(&self, now_ns: u64) -> Market {
        let price_usd = self.now.price_usd;
        let expiry =
            |&expiry_ns: &u64| (expiry_ns, self.chain.expiry_market(expiry_ns, &self.surface, price_usd, now_ns));
        Market {
            underlying: self.name.clone(),
            now_ns,
            price_ref_usd: price_usd,
            expiries: self.chain.expiries_ns.iter().map(expiry).collect::<BTreeMap<_, _>>(),
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            numeraire: Numeraire::Coin,
            skew: SkewRule::StickyStrike,
            hedge: self.hedge,
            band: Band::WhalleyWilmott {
                lambda: self.terms.taker_fee,
                risk_aversion_per_usd: self.terms.risk_aversion_per_usd,
            },
            age_max_ns: BANK_AGE_MAX_NS,
            coin_max: 10_000.0,
        }
    }

    // ---- profit ------------------------------------------------------------------------------

    /// What the options are worth at Black-76, coin.
    fn value_coin(&self, now_ns: u64) -> Result<f64, InputError> {
        let held = self.chain.options.iter().zip(&self.lots).filter(|(_, lots)| **lots != 0);
        held.map(|(option, &lots)| {
            let model = Chain::black76(option, &self.surface, self.now.price_usd, now_ns)?;
            Ok(f64::from(lots) * self.lot_coin * model.coin_mark(option.right))
        })
        .sum()
    }

    /// Adds a point to the series.
    pub fn sample(&mut self, now_ns: u64) -> Result<(), InputError> {
        let price_usd = self.now.price_usd;
        let unhedged_coin = self.value_coin(now_ns)? + self.cash_coin - self.start_coin;
        let hedge_coin = self.fills.account().net_profit(price_usd);
        self.run.samples.push(Sample {
            seconds: seconds(now_ns),
            hedged_usd: (unhedged_coin + hedge_coin) * price_usd,
            unhedged_usd: unhedged_coin * price_usd,
            hedge_cost_usd: self.fills.account().cost_coin(price_usd) * price_usd,
            ..self.now
        });
        Ok(())
    }

    /// The coin's hour.
    pub fn finish(mut self) -> CoinRun {
        let account = self.fills.account();
        self.run.traded_contracts = account.traded_contracts;
        self.run.hedge_cost_usd = account.cost_coin(self.now.price_usd) * self.now.price_usd;
        let series = |of: fn(&Sample) -> f64| self.run.samples.iter().map(of).collect::<Vec<f64>>();
        self.run.hedged_deviation_usd = change_deviation(&series(|sample| sample.hedged_usd));
        self.run.unhedged_deviation_usd = change_deviation(&series(|sample| sample.unhedged_usd));
        self.run
    }
}

fn seconds(now_ns: u64) -> f64 {
    (now_ns - START_NS) as f64 / 1e9
}

/// What the day has left on the books so far: a market maker is more often short than long.
fn first_inventory(options: usize, trade_lots: f64, random: &mut Random) -> Vec<i32> {
    let mut lots = vec![0; options];
    for _ in 0..HELD_AT_START {
        let size = 1 + random.exponential(5.0 * trade_lots) as i32;
        let option = random.index(options);
        lots[option] += if random.chance(0.65) { -size } else { size };
    }
    lots
}
