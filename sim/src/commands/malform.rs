//! Commands that must be refused, or just barely not.

use hedgewire_abi::command::{self, Configure, Header, LAYOUTS, Quote, Swap, Time, Trade, WriteRow};
use hedgewire_abi::{Command, VERSION};
use rand::RngExt;

use super::{CommandStream, with_now};

impl CommandStream {
    /// A malformed command, on its way at once. Those with a wrong version or sequence number do
    /// not use a number up.
    pub(super) fn malformed(&mut self) -> Command {
        let desk = self.some_desk();
        let body = self.any_body(desk);
        let next = self.seq.wrapping_add(1);
        let fine = with_now(body, self.now_ns).with_seq(next);
        match self.rng.random_range(0..10) {
            0 => self.with_version(fine),
            1 => self.with_wrong_seq(fine),
            2 => self.back_in_time(fine),
            choice => {
                self.seq = next;
                self.bent(choice, fine, desk)
            }
        }
    }

    fn with_version(&mut self, mut command: Command) -> Command {
        command.0[1] = self.pick(&[0, VERSION + 1, 255]);
        command
    }

    fn with_wrong_seq(&mut self, command: Command) -> Command {
        let next = command.seq();
        let wrong = self.pick(&[0, 1, next.wrapping_sub(1), next.wrapping_add(1), u64::MAX]);
        if wrong == next {
            // The first command of a stream has the number 1.
            self.seq = next;
        }
        command.with_seq(wrong)
    }

    fn back_in_time(&mut self, command: Command) -> Command {
        self.seq = command.seq();
        let back = self.pick(&[1, 2, 1_000, u64::MAX]);
        with_now(command, self.now_ns.saturating_sub(back))
    }

    /// Bends the body of a command whose header is right.
    fn bent(&mut self, choice: u32, mut command: Command, desk: usize) -> Command {
        match choice {
            3 => command.0[0] = self.pick(&[0, 10, 15, 20, 31, 36, 255]),
            4 => self.set_reserved_bit(&mut command),
            5 => command.0[2] = self.pick(&[self.sizes.underlyings.min(255) as u8, 255, self.desks[desk].index]),
            6 => return self.misplaced(command, desk),
            7 => return self.bad_quote(command, desk),
            _ => self.flip_field_bits(&mut command),
        }
        command
    }

    fn set_reserved_bit(&mut self, command: &mut Command) {
        let Some(layout) = LAYOUTS.iter().find(|layout| layout.kind == command.kind()) else { return };
        let reserved = layout.reserved_words();
        let bits: Vec<usize> = (0..512).filter(|bit| reserved[bit / 64] >> (bit % 64) & 1 == 1).collect();
        if !bits.is_empty() {
            let bit = self.pick(&bits);
            command.0[bit / 8] |= 1 << (bit % 8);
        }
    }

    /// Flips bits that a field covers, in the body only.
    fn flip_field_bits(&mut self, command: &mut Command) {
        let Some(layout) = LAYOUTS.iter().find(|layout| layout.kind == command.kind()) else { return };
        if layout.fields.is_empty() {
            return;
        }
        for _ in 0..self.rng.random_range(1..4) {
            let field = &layout.fields[self.rng.random_range(0..layout.fields.len())];
            let byte = field.offset + self.rng.random_range(0..field.bytes);
            command.0[byte] ^= 1 << self.rng.random_range(0..8);
        }
    }

    /// A slot or a range of slots that is somebody else's, or nobody's.
    fn misplaced(&mut self, command: Command, desk: usize) -> Command {
        let header = Header { underlying: self.desks[desk].index, now_ns: self.now_ns, seq: command.seq() };
        let rows = self.sizes.rows as u32;
        let (first, count) = self.desks[desk].slots.unwrap_or((0, 64));
        let slot = self.pick(&[first.wrapping_sub(1), first + count, rows, u32::MAX]);
        let first_slot = self.pick(&[first + 1, first.wrapping_sub(64), rows, u32::MAX - 63]);
        let slot_count = self.pick(&[0, 63, count + 64, rows + 64, u32::MAX - 63]);
        match self.rng.random_range(0..4) {
            0 => Trade { slot, quantity: 1, cash: 0 }.encode(header),
            1 => WriteRow { slot, ..WriteRow::default() }.encode(header),
            2 => Configure { first_slot: first, slot_count, exact_mode: 0 }.encode(header),
            _ => Configure { first_slot, slot_count: count, exact_mode: 0 }.encode(header),
        }
    }

    fn bad_quote(&mut self, command: Command, desk: usize) -> Command {
        let header = Header { underlying: self.desks[desk].index, now_ns: self.now_ns, seq: command.seq() };
        let quote = self.quote_body(desk);
        // Half a turn back is as much ahead; one more is ahead.
        let back = self.pick(&[0, 1, 2, 1 << 31, (1 << 31) - 1, (1 << 31) + 1]);
        let bent = match self.rng.random_range(0..5) {
            0 => Quote { price: 0, ..quote },
            1 => Quote { hedge_price: 0, ..quote },
            2 => Quote { bid: quote.ask, ..quote },
            3 => Quote { bid: quote.ask, ask: quote.bid, ..quote },
            _ => Quote { feed_seq: self.desks[desk].quote.feed_seq.wrapping_sub(back), ..quote },
        };
        bent.encode(header)
    }

    /// A command of any kind, of plausible content.
    fn any_body(&mut self, desk: usize) -> Command {
        if self.chance(50)
            && let Some(planned) = self.plan.front()
        {
            return planned.command;
        }
        let header = Header { underlying: self.desks[desk].index, ..Header::default() };
        match self.rng.random_range(0..4) {
            0 => Swap {}.encode(header),
            1 => Time { flags: 0 }.encode(header),
            2 => {
                let settings = self.settings_bodies(desk);
                self.pick(&settings)
            }
            _ => self.market_action(desk).command,
        }
    }

    /// The settings of a desk as commands.
    pub(super) fn settings_bodies(&self, desk: usize) -> [Command; 6] {
        let desk = &self.desks[desk];
        let header = Header { underlying: desk.index, ..Header::default() };
        [
            desk.trigger.encode(header),
            desk.price.encode(header),
            desk.size.encode(header),
            desk.rate.encode(header),
            desk.status.encode(header),
            command::SetTarget { ..desk.target }.encode(header),
        ]
    }
}
