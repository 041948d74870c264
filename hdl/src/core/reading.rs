//! What the head says, if it is a slow command: its kind, its fields, and whether they are in their ranges.
//!
//! ```text
//!   words --> decoders of all kinds --> records       in the same cycle, but for what a decoder registers
//!                                   +-> ok            two cycles later, one bit a kind
//!         --> kinds, is_current                       a cycle later
//! ```
//!
//! All decoders read every head; the sequencer looks at what its kind makes of it.

use rust_hdl::prelude::*;

use super::record::Oks;
use crate::decode::{
    ReadBuild, ReadConfigure, ReadControl, ReadOrderUpdate, ReadPriceLimits, ReadRateLimits, ReadReconciliation,
    ReadScale, ReadSizeLimits, ReadStatus, ReadTarget, ReadTrade, ReadTrigger,
};
use crate::record;
use crate::signal::*;

/// Reads slow commands.
#[derive(LogicBlock)]
pub struct Reading {
    pub clock: Signal<In, Clock>,
    pub words: Signal<In, record::Words>,
    /// Bit `k`: the head is a command of kind `k`.
    pub kinds: Signal<Out, U<64>>,
    /// Of the version that is spoken.
    pub is_current: Signal<Out, Bit>,
    pub ok: Signal<Out, Oks>,
    pub trigger: Signal<Out, record::Trigger>,
    pub price_limits: Signal<Out, record::PriceLimits>,
    pub size_limits: Signal<Out, record::SizeLimits>,
    pub rate_limits: Signal<Out, record::RateLimits>,
    pub status: Signal<Out, record::Status>,
    pub scale: Signal<Out, record::Scale>,
    pub configure: Signal<Out, record::Configure>,
    pub target: Signal<Out, record::Target>,
    pub reconciliation: Signal<Out, record::Reconciliation>,
    pub control: Signal<Out, record::Control>,
    pub build: Signal<Out, record::Build>,
    pub trade: Signal<Out, record::Trade>,
    pub update: Signal<Out, record::OrderUpdate>,
    read_trigger: ReadTrigger,
    read_price: ReadPriceLimits,
    read_size: ReadSizeLimits,
    read_rate: ReadRateLimits,
    read_status: ReadStatus,
    read_scale: ReadScale,
    read_configure: ReadConfigure,
    read_target: ReadTarget,
    read_reconciliation: ReadReconciliation,
    read_control: ReadControl,
    read_build: ReadBuild,
    read_trade: ReadTrade,
    read_update: ReadOrderUpdate,
    oks: DFF<Oks>,
    kind_bits: DFF<U<64>>,
    is_spoken: DFF<Bit>,
    word: Signal<Local, U<64>>,
    kind: Signal<Local, U<8>>,
    version: Signal<Local, U<8>>,
    one_64: Constant<U<64>>,
}

impl Default for Reading {
    fn default() -> Self {
        with_defaults!({
            one_64: Constant::new(U::new(1)),
        }
            clock words kinds is_current ok trigger price_limits size_limits rate_limits status scale
            configure target reconciliation control build trade update read_trigger read_price read_size
            read_rate read_status read_scale read_configure read_target read_reconciliation read_control
            read_build read_trade read_update oks kind_bits is_spoken word kind version
        )
    }
}

impl Logic for Reading {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, read_trigger, read_price, read_size, read_rate, read_status, read_scale);
        clock!(self, clock, read_configure, read_target, read_reconciliation, read_control, read_build);
        clock!(self, clock, read_trade, read_update, oks, kind_bits, is_spoken);

        self.word.next = self.words.val().w0;
        self.kind.next = self.word.val().get_bits::<8>(0);
        self.version.next = self.word.val().get_bits::<8>(8);
        self.kind_bits.d.next = self.one_64.val() << self.kind.val();
        self.kinds.next = self.kind_bits.q.val();
        self.is_spoken.d.next = self.version.val() == bits_lit::<8>(1);
        self.is_current.next = self.is_spoken.q.val();
        self.ok.next = self.oks.q.val();

        self.read_trigger.words.next = self.words.val();
        self.trigger.next = self.read_trigger.record.val();
        self.oks.d.next.trigger = self.read_trigger.was_ok.val();
        self.read_price.words.next = self.words.val();
        self.price_limits.next = self.read_price.record.val();
        self.oks.d.next.price = self.read_price.was_ok.val();
        self.read_size.words.next = self.words.val();
        self.size_limits.next = self.read_size.record.val();
        self.oks.d.next.size = self.read_size.was_ok.val();
        self.read_rate.words.next = self.words.val();
        self.rate_limits.next = self.read_rate.record.val();
        self.oks.d.next.rate = self.read_rate.was_ok.val();
        self.read_status.words.next = self.words.val();
        self.status.next = self.read_status.record.val();
        self.oks.d.next.status = self.read_status.was_ok.val();
        self.read_scale.words.next = self.words.val();
        self.scale.next = self.read_scale.scale.val();
        self.oks.d.next.scale = self.read_scale.ok.val();
        self.read_configure.words.next = self.words.val();
        self.configure.next = self.read_configure.record.val();
        self.oks.d.next.configure = self.read_configure.was_ok.val();
        self.read_target.words.next = self.words.val();
        self.target.next = self.read_target.record.val();
        self.oks.d.next.target = self.read_target.was_ok.val();
        self.read_reconciliation.words.next = self.words.val();
        self.reconciliation.next = self.read_reconciliation.record.val();
        self.oks.d.next.reconciliation = self.read_reconciliation.was_ok.val();
        self.read_control.words.next = self.words.val();
        self.control.next = self.read_control.record.val();
        self.oks.d.next.control = self.read_control.was_ok.val();
        self.read_build.words.next = self.words.val();
        self.build.next = self.read_build.record.val();
        self.oks.d.next.build = self.read_build.was_ok.val();
        self.read_trade.words.next = self.words.val();
        self.trade.next = self.read_trade.record.val();
        self.oks.d.next.trade = self.read_trade.was_ok.val();
        self.read_update.words.next = self.words.val();
        self.update.next = self.read_update.record.val();
    }
}
