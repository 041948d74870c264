//! The register file against `abi`'s table, by its bus, in RustHDL and in Verilog.

use hedgewire_abi::register::{Access, FLAGS, REGISTERS, RING_SIZE_LOG2_MAX};

use super::super::stimulus::Random;
use super::*;
use crate::testbench::TestBench;
use crate::{cycle, peek, poke};

const IDENTITY: Identity =
    Identity { lanes: 2, rows: 1024, intervals: 256, underlyings: 4, build: [1, 2, 3, 4, 5, 6, 7, 0xff] };

/// What a write asked of the card in the cycle in which it acted.
#[derive(Debug, Default, PartialEq)]
struct Pulses {
    reset: bool,
    consumer: Option<u32>,
    heartbeat: bool,
}

struct Host {
    bench: TestBench<Registers>,
    random: Random,
}

impl Host {
    fn new(name: &'static str, seed: u64) -> Self {
        let mut bench = TestBench::new(name, Registers::new(IDENTITY));
        poke!(bench, s_axil_awvalid, false);
        poke!(bench, s_axil_awaddr, U::new(0));
        poke!(bench, s_axil_wvalid, false);
        poke!(bench, s_axil_wdata, U::new(0));
        poke!(bench, s_axil_wstrb, U::new(0));
        poke!(bench, s_axil_bready, false);
        poke!(bench, s_axil_arvalid, false);
        poke!(bench, s_axil_araddr, U::new(0));
        poke!(bench, s_axil_rready, false);
        poke!(bench, is_busy, false);
        poke!(bench, tripped, false);
        poke!(bench, ring_full, false);
        poke!(bench, consumed, U::new(0));
        poke!(bench, events, U::new(0));
        poke!(bench, built, U::new(0));
        poke!(bench, consumer_refused, false);
        poke!(bench, command_taken, false);
        poke!(bench, command_incomplete, false);
        poke!(bench, command_lost, false);
        poke!(bench, clear, true);
        poke!(bench, reset, true);
        cycle!(bench);
        poke!(bench, clear, false);
        poke!(bench, reset, false);
        Self { bench, random: Random(seed) }
    }

    /// A write with stalls anywhere: whether it was accepted, and what it asked for.
    fn write(&mut self, offset: u32, data: u32, strobe: u8) -> (bool, Pulses) {
        let Self { bench, random } = self;
        let (mut address, mut word) = (false, false);
        let mut pulses = Pulses::default();
        for _ in 0..200 {
            // A valid that was shown stays until it is taken.
            if !bench.unit.s_axil_awvalid.val() {
                poke!(bench, s_axil_awvalid, !address && random.chance(50));
                poke!(bench, s_axil_awaddr, U::new(u128::from(offset)));
            }
            if !bench.unit.s_axil_wvalid.val() {
                poke!(bench, s_axil_wvalid, !word && random.chance(50));
                poke!(bench, s_axil_wdata, U::new(u128::from(data)));
                poke!(bench, s_axil_wstrb, U::new(u128::from(strobe)));
            }
            poke!(bench, s_axil_bready, random.chance(50));
            cycle!(bench, settle);
            let aw = bench.unit.s_axil_awvalid.val() && peek!(bench, s_axil_awready);
            let w = bench.unit.s_axil_wvalid.val() && peek!(bench, s_axil_wready);
            let answered = peek!(bench, s_axil_bvalid);
            let done = answered && bench.unit.s_axil_bready.val();
            assert!(!answered || address && word, "no answer before its question");
            pulses.reset |= peek!(bench, reset_request);
            pulses.heartbeat |= peek!(bench, heartbeat);
            if peek!(bench, consumer_write) {
                pulses.consumer = Some(peek!(bench, consumer).word() as u32);
            }
            let answer = answered.then(|| peek!(bench, s_axil_bresp).raw());
            cycle!(bench);
            if aw {
                address = true;
                poke!(bench, s_axil_awvalid, false);
            }
            if w {
                word = true;
                poke!(bench, s_axil_wvalid, false);
            }
            cycle!(bench, settle);
            if done {
                poke!(bench, s_axil_bready, false);
                let answer = answer.expect("answered");
                assert!(answer == 0 || answer == 2);
                return (answer == 0, pulses);
            }
        }
        panic!("a write of {offset:#x} was not answered");
    }

    /// A read with stalls anywhere.
    fn read(&mut self, offset: u32) -> Result<u32, u32> {
        let Self { bench, random } = self;
        while random.chance(30) {
            cycle!(bench);
        }
        poke!(bench, s_axil_araddr, U::new(u128::from(offset)));
        poke!(bench, s_axil_arvalid, true);
        cycle!(bench, settle);
        assert!(peek!(bench, s_axil_arready));
        for _ in 0..Registers::READ_LATENCY {
            assert!(!peek!(bench, s_axil_rvalid));
            cycle!(bench);
            poke!(bench, s_axil_arvalid, false);
            poke!(bench, s_axil_araddr, U::new(0xfffc));
            cycle!(bench, settle);
        }
        while random.chance(40) {
            assert!(peek!(bench, s_axil_rvalid) && !peek!(bench, s_axil_arready));
            cycle!(bench);
        }
        assert!(peek!(bench, s_axil_rvalid));
        let (data, answer) = (peek!(bench, s_axil_rdata).word() as u32, peek!(bench, s_axil_rresp).raw());
        poke!(bench, s_axil_rready, true);
        cycle!(bench);
        poke!(bench, s_axil_rready, false);
        cycle!(bench, settle);
        if answer == 0 { Ok(data) } else { Err(data) }
    }
}

#[test]
fn every_register_of_the_table_is_there_and_nothing_else() {
    let mut host = Host::new("registers_table", 31);
    for offset in (0..0x100).step_by(4).chain([0x400, 0xffc, 0x1000, 0x4040, 0xfffc]) {
        let access = REGISTERS.iter().find(|register| register.offset == offset).map(|register| register.access);
        let (readable, writable) = match access {
            None => (false, false),
            Some(Access::ReadOnly) => (true, false),
            Some(Access::ReadWrite) => (true, true),
            Some(Access::WriteOnly) => (false, true),
        };
        match host.read(offset) {
            Ok(_) => assert!(readable, "{offset:#x}"),
            Err(data) => assert!(!readable && data == 0, "{offset:#x}"),
        }
        // The consumer index alone needs an enabled card.
        let accepted = writable && offset != register::CONSUMER.offset;
        assert_eq!(host.write(offset, 0, 0xf).0, accepted, "{offset:#x}");
        assert!(!host.write(offset, 0, 0x7).0, "{offset:#x} takes part of a word");
    }
    host.bench.finish();
}

#[test]
fn identity_is_what_the_card_was_made_with() {
    let mut host = Host::new("registers_identity", 32);
    let expected = [
        (register::MAGIC, u32::from_le_bytes(*b"HGWR")),
        (register::VERSION, VERSION.into()),
        (register::LAYOUT_HASH_LOW, LAYOUT_HASH as u32),
        (register::LAYOUT_HASH_HIGH, (LAYOUT_HASH >> 32) as u32),
        (register::LANES, 2),
        (register::ROWS, 1024),
        (register::INTERVALS, 256),
        (register::UNDERLYINGS, 4),
        (register::BUILD_LOW, 0x0403_0201),
        (register::BUILD_HIGH, 0xff07_0605),
    ];
    for (register, value) in expected {
        assert_eq!(host.read(register.offset), Ok(value), "{}", register.name);
    }
    host.bench.finish();
}

#[test]
fn writes_do_what_the_table_says() {
    let mut host = Host::new("registers_writes", 33);
    let none = Pulses::default;
    let offset = |register: Register| register.offset;
    // No ring, no enable.
    assert_eq!(host.write(offset(register::CONTROL), register::ENABLE.mask(), 0xf), (false, none()));
    assert_eq!(host.read(offset(register::CONTROL)), Ok(0));
    assert!(!host.write(offset(register::CONSUMER), 7, 0xf).0);
    // A base off a slot's edge, a ring too large.
    for bad in [1, 0x20, 0xffff_ffff] {
        assert!(!host.write(offset(register::RING_BASE_LOW), bad, 0xf).0);
    }
    for bad in [RING_SIZE_LOG2_MAX + 1, 32, 1 << 31] {
        assert!(!host.write(offset(register::RING_SIZE_LOG2), bad, 0xf).0);
    }
    for size in [RING_SIZE_LOG2_MAX, 1, 5] {
        assert!(host.write(offset(register::RING_SIZE_LOG2), size, 0xf).0);
        assert_eq!(host.read(offset(register::RING_SIZE_LOG2)), Ok(size));
        let bench = &mut host.bench;
        assert_eq!(peek!(bench, ring_mask).raw(), (1 << size) - 1);
    }
    assert!(host.write(offset(register::RING_BASE_LOW), 0xfedc_ba40, 0xf).0);
    assert!(host.write(offset(register::RING_BASE_HIGH), 0x8765_4321, 0xf).0);
    assert_eq!(host.read(offset(register::RING_BASE_LOW)), Ok(0xfedc_ba40));
    assert_eq!(host.read(offset(register::RING_BASE_HIGH)), Ok(0x8765_4321));
    assert!(host.write(offset(register::WATCHDOG_PERIOD), 0xdead_beef, 0xf).0);
    assert_eq!(host.read(offset(register::WATCHDOG_PERIOD)), Ok(0xdead_beef));
    assert_eq!(host.write(offset(register::HEARTBEAT), 0, 0xf), (true, Pulses { heartbeat: true, ..none() }));
    assert_eq!(host.write(offset(register::HEARTBEAT), 0, 0x3), (false, none()));

    // Enabled: the ring stands still, and the consumer index goes out.
    assert!(host.write(offset(register::CONTROL), register::ENABLE.mask(), 0xf).0);
    assert!(host.write(offset(register::CONTROL), 0, 0xf).0);
    assert_eq!(host.read(offset(register::CONTROL)), Ok(register::ENABLE.mask()));
    for register in [register::RING_BASE_LOW, register::RING_BASE_HIGH, register::RING_SIZE_LOG2] {
        assert!(!host.write(register.offset, 0, 0xf).0, "{}", register.name);
    }
    assert_eq!(
        host.write(offset(register::CONSUMER), 0x1234, 0xf),
        (true, Pulses { consumer: Some(0x1234), ..none() })
    );
    {
        let bench = &mut host.bench;
        assert!(peek!(bench, enable));
        assert_eq!(peek!(bench, ring_base).word(), 0x8765_4321_fedc_ba40);
        assert_eq!(peek!(bench, ring_mask).word(), 31);
        assert_eq!(peek!(bench, watchdog_period).word(), 0xdead_beef);
    }

    // A reset is asked for; while it lasts writes are refused, and all is as it was.
    let both = register::ENABLE.mask() | register::RESET.mask();
    assert_eq!(host.write(offset(register::CONTROL), both, 0xf), (true, Pulses { reset: true, ..none() }));
    let bench = &mut host.bench;
    poke!(bench, clear, true);
    cycle!(bench);
    assert!(!host.write(offset(register::HEARTBEAT), 0, 0xf).0);
    assert_eq!(host.read(offset(register::STATUS)), Ok(register::RESETTING.mask()));
    let bench = &mut host.bench;
    poke!(bench, clear, false);
    cycle!(bench);
    for register in REGISTERS.iter().filter(|register| register.access == Access::ReadWrite) {
        assert_eq!(host.read(register.offset), Ok(0), "{}", register.name);
    }
    host.bench.finish();
}

#[test]
fn write_latency_is_as_stated() {
    let mut bench = Host::new("registers_latency", 36).bench;
    poke!(bench, s_axil_awvalid, true);
    poke!(bench, s_axil_awaddr, U::new(register::HEARTBEAT.offset.into()));
    poke!(bench, s_axil_wvalid, true);
    poke!(bench, s_axil_wstrb, U::new(15));
    for _ in 0..Registers::WRITE_LATENCY {
        cycle!(bench, settle);
        assert!(!peek!(bench, heartbeat));
        cycle!(bench);
    }
    assert!(peek!(bench, heartbeat));
    bench.finish();
}

#[test]
fn status_shows_each_flag_in_its_place() {
    let mut host = Host::new("registers_status", 34);
    assert_eq!(host.read(register::STATUS.offset), Ok(0));
    let bench = &mut host.bench;
    poke!(bench, is_busy, true);
    assert_eq!(host.read(register::STATUS.offset), Ok(register::BUSY.mask()));
    let bench = &mut host.bench;
    poke!(bench, is_busy, false);
    poke!(bench, tripped, true);
    assert_eq!(host.read(register::STATUS.offset), Ok(register::TRIPPED.mask()));
    let bench = &mut host.bench;
    poke!(bench, tripped, false);
    poke!(bench, ring_full, true);
    assert_eq!(host.read(register::STATUS.offset), Ok(register::RING_FULL.mask()));
    let bench = &mut host.bench;
    poke!(bench, ring_full, false);

    // Sticky ones, and what they count.
    let mut expected = 0;
    for (i, flag) in
        [register::CONSUMER_REFUSED, register::COMMAND_INCOMPLETE, register::COMMAND_LOST].into_iter().enumerate()
    {
        let bench = &mut host.bench;
        for level in [true, false] {
            poke!(bench, consumer_refused, level && i == 0);
            poke!(bench, command_incomplete, level && i == 1);
            poke!(bench, command_lost, level && i == 2);
            cycle!(bench);
        }
        expected |= flag.mask();
        assert_eq!(host.read(register::STATUS.offset), Ok(expected));
        assert_eq!(host.read(register::COMMANDS_LOST.offset), Ok(i as u32));
    }
    let all = FLAGS.iter().filter(|flag| flag.register == register::STATUS.offset);
    assert_eq!(all.count(), 7, "every flag of the table was tried");
    host.bench.finish();
}

#[test]
fn a_value_of_64_bits_does_not_tear() {
    let mut host = Host::new("registers_64", 35);
    let bench = &mut host.bench;
    poke!(bench, events, U::new(0x1_ffff_ffff));
    poke!(bench, consumed, U::new(77));
    poke!(bench, built, U::new(0x8000_0001));
    assert_eq!(host.read(register::EVENTS_LOW.offset), Ok(0xffff_ffff));
    let bench = &mut host.bench;
    poke!(bench, events, U::new(0x2_0000_0000));
    assert_eq!(host.read(register::EVENTS_HIGH.offset), Ok(1));
    assert_eq!(host.read(register::EVENTS_LOW.offset), Ok(0));
    assert_eq!(host.read(register::EVENTS_HIGH.offset), Ok(2));
    assert_eq!(host.read(register::CONSUMER.offset), Ok(77));
    assert_eq!(host.read(register::BUILT.offset), Ok(0x8000_0001));
    let bench = &mut host.bench;
    poke!(bench, command_taken, true);
    for _ in 0..5 {
        cycle!(bench);
    }
    poke!(bench, command_taken, false);
    assert_eq!(host.read(register::COMMANDS_LOW.offset), Ok(5));
    assert_eq!(host.read(register::COMMANDS_HIGH.offset), Ok(0));
    host.bench.finish();
}
