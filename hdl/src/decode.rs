//! Reads commands: the bits that must be zero, the fields by name, and the range of each.
//!
//! ```text
//!   words --+--> Reserved   known, stray     one mask per kind
//!           +--> Read<R>    record, ok       one slice and one comparison per field
//!                  |
//!                  +--> ReadScale, ReadRow, ReadQuote: what a field's range depends on another for
//! ```
//!
//! Combinational, but for verdicts that may come a cycle later. Where a field is comes from the tables of `hedgewire_abi`, looked up by name when
//! the Verilog is made; what it may be stands once, in the table below, for simulation and Verilog
//! alike.

use std::ops::RangeInclusive;

use hedgewire_abi::command::{self, LAYOUTS, code};
use hedgewire_abi::format::{
    A_MAX, B_MAX, BAND_MAX, BAND_SCALE_MAX, BAND_SHIFT_MAX, COIN_MAGNITUDE_BITS, CONTRACT_BITS, CONTRACT_SHIFT_MAX,
    DENSITY_BITS, DURATION_MAX_NS, EDGE_MAX, GAMMA_CUT, GUARD_BITS, ORDER_MAX, ORDER_SLOTS, POSITION_MAX, QUANTITY_MAX,
    STEP_SHIFT, WEIGHT_BITS, WEIGHT_SHIFT_MAX,
};
use hedgewire_abi::{Command, Reason, RecordLayout};
use rust_hdl::prelude::*;

use crate::record;
use crate::signal::{S, U, bits_lit, signed_cast_same, signed_cast_wide, unsigned_cast_pos};

#[cfg(test)]
mod tests;

/// A command's words as the record of bytes that `hedgewire_abi` reads.
fn command_of(words: &record::Words) -> Command {
    let record::Words { w0, w1, w2, w3, w4, w5, w6, w7 } = words;
    Command::from_words([w0, w1, w2, w3, w4, w5, w6, w7].map(|word| word.word()))
}

/// Whether the kind exists, and whether a bit is set that no field of that kind covers.
#[derive(LogicBlock, Default)]
pub struct Reserved {
    /// The command.
    pub words: Signal<In, record::Words>,
    /// There is a command of this kind.
    pub known: Signal<Out, Bit>,
    /// Bit `i`: a reserved bit of word `i` is set; all clear where the kind is not known.
    pub strays: Signal<Out, U<8>>,
}

impl Logic for Reserved {
    fn update(&mut self) {
        let command = command_of(&self.words.val());
        let layout = LAYOUTS.iter().find(|layout| layout.kind == command.kind());
        let reserved = layout.map_or([0; 8], RecordLayout::reserved_words);
        self.known.next = layout.is_some();
        let strays = command.words().into_iter().zip(reserved).map(|(word, reserved)| word & reserved != 0);
        self.strays.next = U::new(strays.enumerate().map(|(i, is_stray)| u128::from(is_stray) << i).sum());
    }
    fn connect(&mut self) {
        self.known.connect();
        self.strays.connect();
    }
    fn hdl(&self) -> Verilog {
        // Byte by byte, so that what the kind decides is beside the looking and not before it.
        let kinds = |is_listed: &dyn Fn(&RecordLayout) -> bool| -> String {
            let listed = LAYOUTS.iter().filter(|layout| is_listed(layout));
            let tests: Vec<_> = listed.map(|layout| format!("words[7:0] == 8'd{}", layout.kind)).collect();
            if tests.is_empty() { "1'b0".into() } else { tests.join(" || ") }
        };
        let mut words = String::new();
        let mut text = format!("wire is_known = {};\nwire [63:0] stray_bytes;\n", kinds(&|_| true));
        for byte in 0..64 {
            let reserved = |layout: &RecordLayout| layout.reserved_words()[byte / 8].to_le_bytes()[byte % 8];
            let mut masks: Vec<u8> = LAYOUTS.iter().map(reserved).filter(|&mask| mask != 0).collect();
            masks.sort_unstable();
            masks.dedup();
            let terms: Vec<_> = masks
                .iter()
                .map(|&mask| {
                    let at = 8 * byte;
                    let looked_at = kinds(&|layout| reserved(layout) == mask);
                    format!("(|(words[{}:{at}] & 8'd{mask}) && ({looked_at}))", at + 7)
                })
                .collect();
            let term = if terms.is_empty() { "1'b0".into() } else { terms.join(" || ") };
            text += &format!("assign stray_bytes[{byte}] = {term};\n");
        }
        for word in 0..8 {
            let (low, high) = (8 * word, 8 * word + 7);
            words += &format!("strays[{word}] = |stray_bytes[{high}:{low}];\n");
        }
        Verilog::Custom(text + "always @(*) begin\nknown = is_known;\n" + &words + "end")
    }
}

/// A field of a record: whence it is read, and what it may be.
pub struct Rule {
    /// Name in the record.
    pub field: &'static str,
    /// Name in the command.
    pub name: &'static str,
    /// Legal values.
    pub range: RangeInclusive<i128>,
}

/// A record that is read out of a command of one kind.
pub trait Decoded: Synth {
    /// The command's table.
    const LAYOUT: RecordLayout;
    /// Every field of the record, in any order.
    const RULES: &'static [Rule];
    /// The record, and whether all fields are in range. Of one that is not, the low bits.
    fn read(command: &Command) -> (Self, bool);
}

/// What a field's value becomes on a wire of its record.
trait FromWire {
    fn from_wire(value: i128) -> Self;
}

impl<const N: usize> FromWire for U<N> {
    fn from_wire(value: i128) -> Self {
        U::new(value as u128)
    }
}

impl FromWire for Bit {
    fn from_wire(value: i128) -> Self {
        value & 1 == 1
    }
}

macro_rules! decoded {
    ($($record:ident from $command:ident { $($field:ident: $name:ident in $range:expr;)* })*) => {$(
        impl Decoded for record::$record {
            const LAYOUT: RecordLayout = command::$command::LAYOUT;
            const RULES: &'static [Rule] =
                &[$(Rule { field: stringify!($field), name: stringify!($name), range: $range }),*];
            fn read(command: &Command) -> (Self, bool) {
                let read = command::$command::decode(command);
                let record = Self { $($field: FromWire::from_wire(i128::from(read.$name))),* };
                let ranges: [RangeInclusive<i128>; _] = [$($range),*];
                let values = [$(i128::from(read.$name)),*];
                (record, ranges.iter().zip(values).all(|(range, value)| range.contains(&value)))
            }
        }
    )*};
}

const ANY: RangeInclusive<i128> = i128::MIN..=i128::MAX;
const DURATION: RangeInclusive<i128> = 0..=DURATION_MAX_NS as i128;
const COIN: RangeInclusive<i128> = -COIN_MAX..=COIN_MAX;
const COIN_MAX: i128 = (1 << COIN_MAGNITUDE_BITS) - 1;
const WEIGHT: RangeInclusive<i128> = *WEIGHT_BITS.start() as i128..=*WEIGHT_BITS.end() as i128;
const SHIFT: RangeInclusive<i128> = 0..=WEIGHT_SHIFT_MAX as i128;

decoded! {
    Trigger from SetTrigger {
        theta: theta in 0..=1 << CONTRACT_BITS;
        band_scale_buy: band_scale_buy in 0..=BAND_SCALE_MAX as i128;
        band_scale_sell: band_scale_sell in 0..=BAND_SCALE_MAX as i128;
        clip_min: clip_min in 1..=i128::MAX;
        clip_max: clip_max in 0..=ORDER_MAX as i128;
        band_min: band_min in 0..=BAND_MAX as i128;
        band_max: band_max in 0..=BAND_MAX as i128;
    }
    PriceLimits from SetPriceLimits {
        width_max_bp: width_max_bp in ANY;
        quote_age_max_ns: quote_age_max_ns in DURATION;
        cool_down_ns: cool_down_ns in DURATION;
        duplicate_window_ns: duplicate_window_ns in DURATION;
        collar_bp: collar_bp in ANY;
        collar_last_bp: collar_last_bp in ANY;
        size_min: size_min in ANY;
        cross: cross in ANY;
    }
    SizeLimits from SetSizeLimits {
        order_max: order_max in 0..=ORDER_MAX as i128;
        band_emergency: band_emergency in 0..=BAND_MAX as i128;
        position_max: position_max in 0..=POSITION_MAX as i128;
        gross_max: gross_max in 0..=POSITION_MAX as i128;
        notional_max: notional_max in ANY;
    }
    RateLimits from SetRateLimits {
        order_interval_ns: order_interval_ns in DURATION;
        order_burst_ns: order_burst_ns in DURATION;
        loss_max: loss_max in ANY;
        hedges_per_minute: hedges_per_minute in ANY;
        attempts_max: attempts_max in ANY;
        open_orders_max: open_orders_max in 0..=ORDER_SLOTS as i128;
    }
    Status from SetStatus {
        oracle: oracle in 0..=code::ORACLE_REJECTED as i128;
        restricted: restricted in 0..=1;
        margin_buy: margin_buy in 0..=POSITION_MAX as i128;
        margin_sell: margin_sell in 0..=POSITION_MAX as i128;
        own_bid: own_bid in ANY;
        own_ask: own_ask in ANY;
    }
    Scale from OpenBank {
        bank_id: bank_id in 0..=u16::MAX as i128;
        price_ref: price_ref in 1..=i128::MAX;
        delta_bits: delta_bits in WEIGHT;
        gamma_bits: gamma_bits in WEIGHT;
        vega_bits: vega_bits in WEIGHT;
        contract_scale: contract_scale in 1 << 31..=i128::MAX;
        contract_shift: contract_shift in 0..=CONTRACT_SHIFT_MAX as i128;
        linear_hedge: hedge_kind in 0..=code::HEDGE_LINEAR as i128;
        usd: numeraire in 0..=code::NUMERAIRE_USD as i128;
        band_kind: band_kind in 0..=code::BAND_WHALLEY_WILMOTT as i128;
        band_factor: band_factor in ANY;
        band_shift: band_shift in 0..=BAND_SHIFT_MAX as i128;
        valid_until_ns: valid_until_ns in ANY;
    }
    Spec from WriteRow {
        kind: row_kind in 0..=code::RANGE as i128;
        linear: group in 0..=code::GROUP_LINEAR as i128;
        a: a in ANY;
        b: b in -(1 << 47)..=(1 << 47) - 1;
        omega_delta: omega_delta in ANY;
        omega_gamma: omega_gamma in ANY;
        omega_vega: omega_vega in ANY;
        shift_delta: shift_delta in SHIFT;
        shift_gamma: shift_gamma in SHIFT;
        shift_vega: shift_vega in SHIFT;
    }
    Quote from Quote {
        flags: flags in ANY;
        feed_seq: feed_seq in ANY;
        bid: bid in ANY;
        ask: ask in ANY;
        bid_size: bid_size in ANY;
        ask_size: ask_size in ANY;
        price: price in 1..=i128::MAX;
        hedge_price: hedge_price in 1..=i128::MAX;
        last_trade: last_trade in ANY;
        feed_ns: feed_ns in ANY;
    }
    Configure from Configure {
        first_slot: first_slot in ANY;
        slot_count: slot_count in 1..=i128::MAX;
        exact_mode: exact_mode in 0..=1;
    }
    Target from SetTarget {
        target: target in COIN;
        cash: cash in COIN;
    }
    Reconciliation from Reconcile {
        position: position in -(POSITION_MAX as i128)..=POSITION_MAX as i128;
        hedge_coin: hedge_coin in COIN;
    }
    Control from Control {
        action: action in 0..=code::CLEAR_KILL as i128;
    }
    Build from Build {
        centre: centre in ANY;
        intervals: intervals in 2..=i128::MAX;
        step_shift: step_shift in *STEP_SHIFT.start() as i128..=*STEP_SHIFT.end() as i128;
    }
    Trade from Trade {
        slot: slot in ANY;
        quantity: quantity in -(QUANTITY_MAX as i128)..=QUANTITY_MAX as i128;
        cash: cash in COIN;
    }
    OrderUpdate from OrderUpdate {
        status: status in 0..=code::ORDER_UNKNOWN as i128;
        order_id: order_id in ANY;
        filled: filled in ANY;
        coin: coin in ANY;
        cost: cost in ANY;
    }
}

/// Reads a record out of a command of its kind.
#[derive(LogicBlock, Default)]
pub struct Read<R: Decoded> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// The command.
    pub words: Signal<In, record::Words>,
    /// Every field is in its range.
    pub ok: Signal<Out, Bit>,
    /// Every field was in its range in the cycle before: the comparisons are in registers, to be joined here.
    pub was_ok: Signal<Out, Bit>,
    /// The fields; of one out of range, the low bits.
    pub record: Signal<Out, R>,
}

/// `hedgewire_kernel::trigger::check_trigger`.
pub type ReadTrigger = Read<record::Trigger>;
/// `hedgewire_kernel::trigger::check_price`.
pub type ReadPriceLimits = Read<record::PriceLimits>;
/// `hedgewire_kernel::trigger::check_size`.
pub type ReadSizeLimits = Read<record::SizeLimits>;
/// `hedgewire_kernel::trigger::check_rate`.
pub type ReadRateLimits = Read<record::RateLimits>;
/// `hedgewire_kernel::trigger::check_status`.
pub type ReadStatus = Read<record::Status>;
/// But for alignment and the card's slots, which the sequencer checks.
pub type ReadConfigure = Read<record::Configure>;
/// What `SetTarget` is refused for.
pub type ReadTarget = Read<record::Target>;
/// What `Reconcile` is refused for.
pub type ReadReconciliation = Read<record::Reconciliation>;
/// What `Control` is refused for.
pub type ReadControl = Read<record::Control>;
/// But for the card's most intervals, which the sequencer checks.
pub type ReadBuild = Read<record::Build>;
/// What `Trade` is refused for, after its slot.
pub type ReadTrade = Read<record::Trade>;
/// Of an update only the status can be refused; the ledger looks at the rest.
pub type ReadOrderUpdate = Read<record::OrderUpdate>;

impl<R: Decoded> Logic for Read<R> {
    fn update(&mut self) {
        let (record, ok) = R::read(&command_of(&self.words.val()));
        self.record.next = record;
        if self.clock.pos_edge() {
            self.was_ok.next = self.ok.val();
        }
        self.ok.next = ok;
    }
    fn connect(&mut self) {
        self.ok.connect();
        self.was_ok.connect();
        self.record.connect();
    }
    fn hdl(&self) -> Verilog {
        let mut text = String::new();
        let mut tests = vec!["1'b1".to_string()];
        for rule in R::RULES {
            declare_field(&mut text, &mut tests, &R::LAYOUT, rule);
        }
        let TypeKind::Composite(fields) = R::descriptor().kind else { unreachable!("a record is a composite") };
        let slices: Vec<String> = fields
            .iter()
            .rev()
            .map(|field| {
                let rule = R::RULES.iter().find(|rule| rule.field == field.fieldname).expect("every field has a rule");
                let (TypeKind::Bits(bits) | TypeKind::Signed(bits)) = field.kind.kind else {
                    unreachable!("a field of a decoded record is a number")
                };
                format!("f_{}[{}:0]", rule.name, bits - 1)
            })
            .collect();
        text +=
            &format!("wire [{top}:0] fits = {{{}}};\nreg [{top}:0] fitted;\n", tests.join(", "), top = tests.len() - 1);
        text += "initial fitted = 0;\nalways @(posedge clock) fitted <= fits;\n";
        text += &format!("always @(*) begin\nrecord = {{{}}};\nok = &fits;\nwas_ok = &fitted;\nend", slices.join(", "));
        Verilog::Custom(text)
    }
}

/// Declares a wire with a field of the command, and adds the comparisons of its range that can fail.
fn declare_field(text: &mut String, tests: &mut Vec<String>, layout: &RecordLayout, rule: &Rule) {
    let field = layout.fields.iter().find(|field| field.name == rule.name).expect("the command has the field");
    let (bits, low) = (8 * field.bytes, 8 * field.offset);
    let is_signed = field.type_name.starts_with('i');
    let (least, most) = if is_signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) };
    let name = format!("f_{}", field.name);
    let sign = if is_signed { "signed " } else { "" };
    *text += &format!("wire {sign}[{}:0] {name} = words[{}:{low}];\n", bits - 1, low + bits - 1);
    let literal = |value: i128| {
        let base = if is_signed { "sh" } else { "h" };
        format!("{bits}'{base}{:x}", value as u128 & ((1 << bits) - 1))
    };
    let (start, end) = (*rule.range.start(), *rule.range.end());
    // Ranges that end at powers of two are tested by bits, which is shallower than by carries.
    let power = |value: i128| (value > 0 && value & (value - 1) == 0).then(|| value.trailing_zeros() as usize);
    let slices = |place: usize| (format!("{name}[{}:{place}]", bits - 1), format!("{name}[{}:0]", place - 1));
    if is_signed && start == -end && start > least {
        if let Some(place) = power(end + 1).filter(|&place| place > 0) {
            let (high, low) = slices(place);
            tests.push(format!("(!(|{high}) || (&{high} && |{low}))"));
            return;
        }
        if let Some(place) = power(end).filter(|&place| place > 0) {
            let (high, low) = slices(place);
            tests.push(format!("(!(|{high}) || &{high} || ({high} == 1 && !(|{low})))"));
            return;
        }
    }
    if !is_signed && start == 1 {
        tests.push(format!("|{name}"));
    } else if start > least {
        tests.push(format!("{name} >= {}", literal(start)));
    }
    if end < most {
        tests.push(match (power(end + 1), power(end)) {
            (Some(place), _) if !is_signed && place > 0 => format!("!(|{})", slices(place).0),
            (_, Some(place)) if !is_signed && place > 0 && place + 1 < bits => {
                let (high, low) = (slices(place + 1).0, slices(place).1);
                format!("(!(|{high}) && !({name}[{place}] && |{low}))")
            }
            _ => format!("{name} <= {}", literal(end)),
        });
    }
}

/// `hedgewire_kernel::bank::Scale::read`.
#[derive(LogicBlock)]
pub struct ReadScale {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// The `OpenBank` command.
    pub words: Signal<In, record::Words>,
    /// Every field was in its range in the cycle before.
    pub ok: Signal<Out, Bit>,
    /// The scale.
    pub scale: Signal<Out, record::Scale>,
    read: Read<record::Scale>,
    scale_read: Signal<Local, record::Scale>,
    delta_bits: Signal<Local, S<8>>,
    gamma_bits: Signal<Local, S<8>>,
    cut: DFF<S<10>>,
    cut_offset: Constant<S<10>>,
    cut_min: Constant<S<10>>,
    cut_max: Constant<S<10>>,
}

impl Default for ReadScale {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            words: Signal::default(),
            ok: Signal::default(),
            scale: Signal::default(),
            read: Read::default(),
            scale_read: Signal::default(),
            delta_bits: Signal::default(),
            gamma_bits: Signal::default(),
            cut: DFF::default(),
            cut_offset: Constant::new(S::new(DENSITY_BITS as i128 - GUARD_BITS as i128)),
            cut_min: Constant::new(S::new(*GAMMA_CUT.start() as i128)),
            cut_max: Constant::new(S::new(*GAMMA_CUT.end() as i128)),
        }
    }
}

impl Logic for ReadScale {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, read, cut);
        self.read.words.next = self.words.val();
        self.scale_read.next = self.read.record.val();
        self.scale.next = self.read.record.val();
        // The cut from gamma sums to ladder units: kg + 23 - kd.
        self.delta_bits.next = signed_cast_same(self.scale_read.val().delta_bits);
        self.gamma_bits.next = signed_cast_same(self.scale_read.val().gamma_bits);
        self.cut.d.next = signed_cast_wide::<10, 8>(self.gamma_bits.val()) + self.cut_offset.val()
            - signed_cast_wide::<10, 8>(self.delta_bits.val());
        self.ok.next = self.read.was_ok.val()
            & (self.cut.q.val() >= self.cut_min.val())
            & (self.cut.q.val() <= self.cut_max.val());
    }
}

/// `hedgewire_kernel::bank::RowSpec::read`.
#[derive(LogicBlock)]
pub struct ReadRow {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// The `WriteRow` command.
    pub words: Signal<In, record::Words>,
    /// Every field was in its range in the cycle before.
    pub ok: Signal<Out, Bit>,
    /// The row.
    pub spec: Signal<Out, record::Spec>,
    read: Read<record::Spec>,
    read_spec: Signal<Local, record::Spec>,
    kind: Signal<Local, U<3>>,
    a: Signal<Local, U<32>>,
    b: Signal<Local, S<48>>,
    a_wide: Signal<Local, S<48>>,
    // Comparisons in registers, joined in the next cycle like those of the fields.
    is_option: DFF<Bit>,
    is_range: DFF<Bit>,
    is_inside: DFF<Bit>,
    is_ordered: DFF<Bit>,
    is_nothing: DFF<Bit>,
    zero: Constant<S<48>>,
    call: Constant<U<3>>,
    put: Constant<U<3>>,
    range: Constant<U<3>>,
    a_max: Constant<S<48>>,
    b_max: Constant<S<48>>,
    b_min: Constant<S<48>>,
    edge_max: Constant<S<48>>,
}

impl Default for ReadRow {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            words: Signal::default(),
            ok: Signal::default(),
            spec: Signal::default(),
            read: Read::default(),
            read_spec: Signal::default(),
            kind: Signal::default(),
            a: Signal::default(),
            b: Signal::default(),
            a_wide: Signal::default(),
            is_option: DFF::default(),
            is_range: DFF::default(),
            is_inside: DFF::default(),
            is_ordered: DFF::default(),
            is_nothing: DFF::default(),
            zero: Constant::new(S::new(0)),
            call: Constant::new(U::new(code::CALL.into())),
            put: Constant::new(U::new(code::PUT.into())),
            range: Constant::new(U::new(code::RANGE.into())),
            a_max: Constant::new(S::new(A_MAX.into())),
            b_max: Constant::new(S::new(B_MAX.into())),
            b_min: Constant::new(S::new((-B_MAX).into())),
            edge_max: Constant::new(S::new(EDGE_MAX.into())),
        }
    }
}

impl Logic for ReadRow {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, read, is_option, is_range, is_inside, is_ordered, is_nothing);
        self.read.words.next = self.words.val();
        self.read_spec.next = self.read.record.val();
        self.spec.next = self.read.record.val();
        self.kind.next = self.read_spec.val().kind;
        self.a.next = self.read_spec.val().a;
        self.b.next = signed_cast_same(self.read_spec.val().b);
        self.a_wide.next = unsigned_cast_pos(self.a.val());
        self.is_option.d.next = (self.kind.val() == self.call.val()) | (self.kind.val() == self.put.val());
        self.is_range.d.next = self.kind.val() == self.range.val();
        self.is_inside.d.next = (self.a_wide.val() <= self.a_max.val())
            & (self.b.val() >= self.b_min.val())
            & (self.b.val() <= self.b_max.val());
        self.is_ordered.d.next = (self.a_wide.val() <= self.b.val()) & (self.b.val() <= self.edge_max.val());
        self.is_nothing.d.next = (self.a_wide.val() == self.zero.val()) & (self.b.val() == self.zero.val());
        self.ok.next = self.read.was_ok.val() & self.is_nothing.q.val();
        if self.is_option.q.val() {
            self.ok.next = self.read.was_ok.val() & self.is_inside.q.val();
        } else if self.is_range.q.val() {
            self.ok.next = self.read.was_ok.val() & self.is_ordered.q.val();
        }
    }
}

/// What `hedgewire_kernel`'s `take_quote` says between reserved words and feed sequence.
#[derive(LogicBlock)]
pub struct ReadQuote {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// The `Quote` command.
    pub words: Signal<In, record::Words>,
    /// 0, or why it is refused.
    pub reason: Signal<Out, U<8>>,
    /// The quote.
    pub quote: Signal<Out, record::Quote>,
    read: Read<record::Quote>,
    quote_read: Signal<Local, record::Quote>,
    unknown_flags: Signal<Local, U<8>>,
    bid: Signal<Local, U<32>>,
    ask: Signal<Local, U<32>>,
    known_flags: Constant<U<8>>,
    reserved_bits: Constant<U<8>>,
    value_range: Constant<U<8>>,
    crossed: Constant<U<8>>,
}

impl Default for ReadQuote {
    fn default() -> Self {
        Self {
            clock: Signal::default(),
            words: Signal::default(),
            reason: Signal::default(),
            quote: Signal::default(),
            read: Read::default(),
            quote_read: Signal::default(),
            unknown_flags: Signal::default(),
            bid: Signal::default(),
            ask: Signal::default(),
            known_flags: Constant::new(U::new((code::QUOTE_UNTRUSTED | code::WANT_RISK).into())),
            reserved_bits: Constant::new(U::new(Reason::ReservedBits as u128)),
            value_range: Constant::new(U::new(Reason::ValueRange as u128)),
            crossed: Constant::new(U::new(Reason::Crossed as u128)),
        }
    }
}

impl Logic for ReadQuote {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, read);
        self.read.words.next = self.words.val();
        self.quote_read.next = self.read.record.val();
        self.quote.next = self.read.record.val();
        self.unknown_flags.next = self.quote_read.val().flags & !self.known_flags.val();
        self.bid.next = self.quote_read.val().bid;
        self.ask.next = self.quote_read.val().ask;
        self.reason.next = bits_lit::<8>(0);
        if self.unknown_flags.val().any() {
            self.reason.next = self.reserved_bits.val();
        } else if !self.read.ok.val() {
            self.reason.next = self.value_range.val();
        } else if self.ask.val().any() & (self.ask.val() <= self.bid.val()) {
            // Then there is a bid, too.
            self.reason.next = self.crossed.val();
        }
    }
}
