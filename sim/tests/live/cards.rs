//! Engines whose decisions a card takes: one that is greedy, and ones that fail in the middle of a day.

use std::sync::Arc;
use std::time::Duration;

use hedgewire_abi::event::{Header, Hedge};
use hedgewire_abi::{Command, Event, Reason};
use hedgewire_host::card::{Card, Change, OnFault, Session, SessionOptions};
use hedgewire_host::control::{KillCause, KillSwitch};
use hedgewire_host::driver::Driver;
use hedgewire_host::live::{Request, card_changed, names};
use hedgewire_host::telemetry::{AlarmKind, Telemetry};
use hedgewire_kernel::{Form, Kernel, Sizes};
use hedgewire_sim::card::campaign::{DynCard, in_microseconds};
use hedgewire_sim::card::{
    Engine as CardEngine, FaultKind, FaultPlan, FaultyCard, InProcess, KernelEngine, Side as CardSide,
};
use hedgewire_sim::venue::{FaultSettings, VenueSettings};

use super::plans::plan_with;
use super::rig::{Rig, UNIT, settings};

/// A card whose hedges are a hundred times too large once it has answered some.
struct Greedy {
    kernel: KernelEngine,
    hedges: u32,
}

impl CardEngine for Greedy {
    fn sizes(&self) -> Sizes {
        self.kernel.sizes()
    }
    fn lanes(&self) -> u32 {
        self.kernel.lanes()
    }
    fn build(&self) -> [u8; 8] {
        self.kernel.build()
    }
    fn reset(&mut self) {
        self.kernel.reset();
    }
    fn offer(&mut self, command: &Command) -> bool {
        self.kernel.offer(command)
    }
    fn event(&mut self) -> Option<Event> {
        let event = self.kernel.event()?;
        if event.kind() != Hedge::KIND {
            return Some(event);
        }
        self.hedges += 1;
        let hedge = Hedge::decode(&event);
        let header = Header {
            underlying: event.underlying(),
            reason: Reason::None,
            flags: event.flags(),
            bank_id: event.bank_id(),
            now_ns: event.now_ns(),
            command_seq: event.command_seq(),
            seq: 0,
        };
        let greedy = Hedge { quantity: 100 * hedge.quantity, ..hedge };
        Some(if self.hedges > 1 { greedy.encode(header) } else { event })
    }
    fn advance(&mut self) -> bool {
        self.kernel.advance()
    }
    fn is_busy(&self) -> bool {
        self.kernel.is_busy()
    }
    fn built(&self) -> u32 {
        self.kernel.built()
    }
}

/// With a card that is compared afterwards, as cards are.
fn on_a_greedy_card() -> Rig {
    let plan = plan_with(&[]);
    let sizes = plan.sizes;
    let settings = VenueSettings { flow: None, ..settings(1, FaultSettings::default()) };
    let mut rig = Rig::with(settings, plan, |_| {
        let options = SessionOptions { retry_every: None, ..SessionOptions::default() };
        let slots = 1 << options.card.ring_size_log2;
        let connect = Box::new(move || {
            let greedy = Greedy { kernel: KernelEngine::new(sizes, 8), hedges: 0 };
            Ok(Box::new(InProcess::new(greedy, slots)) as Box<dyn Card>)
        });
        let session = Session::open(Kernel::new(sizes, Form::Scalar), options, connect, Box::new(|_| ()));
        Driver::with_card(session.expect("a card"), None).unmeasured()
    });
    rig.market(59_995, 60_005, 100_000);
    rig
}

/// A card that fails in the middle of a day, and a good one in its place; and who pulled the kill.
pub fn on_a_card_that_dies(kind: FaultKind, on_fault: OnFault) -> (Rig, Option<KillCause>) {
    let plan = plan_with(&[]);
    let (sizes, kill) = (plan.sizes, Arc::new(KillSwitch::default()));
    let settings = VenueSettings { flow: None, ..settings(1, FaultSettings::default()) };
    let telemetry = Arc::new(Telemetry::new(names(&plan), 0).expect("names of a plan"));
    let pulled = Arc::clone(&kill);
    let mut rig = Rig::with(settings, plan, |_| {
        let options = SessionOptions { on_fault, deadline: Duration::from_secs(5), ..in_microseconds() };
        let mut cards = 0;
        let connect = Box::new(move || {
            cards += 1;
            let card = InProcess::new(KernelEngine::new(sizes, 2), 1 << options.card.ring_size_log2);
            let fault = FaultPlan { side: CardSide::Card, kind, after: 700, seed: 1 };
            Ok(if cards == 1 { Box::new(FaultyCard::new(card, fault)) as DynCard } else { Box::new(card) as DynCard })
        });
        let observer = Box::new(move |change: &Change| card_changed(change, &telemetry, &pulled));
        let session = Session::open(Kernel::new(sizes, Form::Scalar), options, connect, observer);
        Driver::with_card(session.expect("a card"), None).unmeasured()
    });
    rig.market(59_995, 60_005, 100_000);
    for trade in 0..400 {
        rig.run(UNIT / 10);
        if rig.engine().is_hedging(0) && trade % 8 == 0 {
            rig.buy_calls(1);
        }
    }
    (rig, kill.pulled())
}

#[test]
fn a_watchdog_that_tripped_kills() {
    let (rig, pulled) = on_a_card_that_dies(FaultKind::Tripped, OnFault::FallBack);
    assert!(rig.count(AlarmKind::CardDown) > 0);
    assert_eq!(pulled, Some(KillCause::Watchdog));
    let (rig, pulled) = on_a_card_that_dies(FaultKind::Dead, OnFault::FallBack);
    assert!(rig.count(AlarmKind::CardDown) > 0 && pulled.is_none(), "any other failure changes nothing");
}

pub fn over_hedge() -> Rig {
    let mut rig = on_a_greedy_card();
    rig.run(6 * UNIT);
    rig.buy_calls(2);
    rig.run(UNIT);
    rig
}

#[test]
fn a_hedge_across_the_target_is_told_and_does_not_leave() {
    let mut rig = over_hedge();
    let largest = rig.plan.underlyings[0].setup.trigger.clip_max;
    assert!(rig.count(AlarmKind::OverHedge) > 0 && !rig.engine().is_hedging(0), "{:?}", rig.alarms);
    assert_eq!(rig.engine().open_orders(), 0);
    assert!(rig.largest_order <= i64::from(largest), "{} contracts were ordered", rig.largest_order);
    assert_eq!(rig.engine().driver().is_on_card(), Some(false), "the difference was found, and the CPU goes on");
    rig.request(&Request::Arm);
    rig.run(3 * UNIT);
    let (ours, theirs) = rig.positions();
    assert!(ours == theirs && rig.engine().is_hedging(0), "armed again by people: {:?}", rig.alarms);
}
