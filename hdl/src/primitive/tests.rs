//! Every primitive, simulation against Verilog, on random words and on edges.

use rust_hdl::prelude::*;

use super::*;
use crate::prove::{By, emitted, holds};
use crate::signal::{S, U};
use crate::testbench::TestBench;
use crate::{cycle, peek, poke};

/// A seeded word: all ones, zero, one bit, small or random.
pub(crate) fn word(state: &mut u64) -> u128 {
    let mut next = || {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    };
    let wide = u128::from(next()) << 64 | u128::from(next());
    match next() % 6 {
        0 => u128::MAX,
        1 => 0,
        2 => 1 << (next() % 128),
        3 => wide >> (next() % 128),
        4 => !(wide >> (next() % 128)),
        _ => wide,
    }
}

macro_rules! multiply_tests {
    ($($name:ident $a:literal $b:literal;)*) => {$(
        #[test]
        fn $name() {
            type Unit = Multiply<$a, $b, { $a + $b }>;
            for is_ultrascale in [false, true] {
                let mut bench = TestBench::new(stringify!($name), Unit::default());
                if is_ultrascale {
                    bench.define("ULTRASCALE_MULTIPLIER");
                }
                let mut state = 0x9e37_79b9_7f4a_7c15;
                let mut expected = Vec::new();
                for i in 0..300 {
                    let (a, b) = (S::new(word(&mut state) as i128), S::new(word(&mut state) as i128));
                    expected.push(a.raw() * b.raw());
                    poke!(bench, a, a);
                    poke!(bench, b, b);
                    cycle!(bench);
                    if i + 1 >= Unit::LATENCY {
                        let product = peek!(bench, p);
                        assert_eq!(product.raw(), expected[i + 1 - Unit::LATENCY], "vector {i}");
                    }
                }
                bench.finish();
            }
        }
    )*};
}

multiply_tests! {
    multiply_18_18 18 18;
    multiply_25_18 25 18;
    multiply_32_32 32 32;
    multiply_48_17 48 17;
    multiply_52_33 52 33;
    multiply_66_35 66 35;
    multiply_64_64 64 64;
    multiply_5_3 5 3;
}

fn check_delay<const D: usize>(name: &'static str) {
    let mut bench = TestBench::new(name, Delay::<U<40>, D>::default());
    let mut state = 7;
    let words: Vec<U<40>> = (0..50 + 3 * D).map(|_| U::new(word(&mut state))).collect();
    for i in 0..words.len() {
        poke!(bench, d, words[i]);
        cycle!(bench);
        let q = peek!(bench, q);
        assert_eq!(q, if i + 1 >= D { words[i + 1 - D] } else { U::new(0) });
    }
    bench.finish();
}

#[test]
fn delay_waits_as_many_cycles_as_it_says() {
    check_delay::<1>("delay_1");
    check_delay::<5>("delay_5");
    // One ring, of the fewest and the most places; two; three.
    check_delay::<6>("delay_6");
    check_delay::<17>("delay_17");
    check_delay::<18>("delay_18");
    check_delay::<23>("delay_23");
    check_delay::<40>("delay_40");
}

#[test]
fn saturate_equals_its_definition() {
    let mut bench = TestBench::new("saturate", Saturate::<60, 44>::default());
    let mut state = 11;
    let limit = (1i128 << 43) - 1;
    let edges = [0, limit, limit + 1, limit + 2, -limit, -limit - 1, -limit - 2];
    let random = (0..400).map(|_| word(&mut state) as i128);
    for x in edges.into_iter().chain(random) {
        let x = S::<60>::new(x);
        poke!(bench, x, x);
        cycle!(bench, settle);
        let (y, clipped) = hedgewire_abi::format::saturate(x.raw(), 43);
        assert_eq!(peek!(bench, y).raw(), i128::from(y));
        assert_eq!(peek!(bench, clipped), clipped);
    }
    bench.finish();
}

#[test]
fn saturate_equals_its_definition_for_all_8_bit_values() {
    let mut bench = TestBench::new("saturate_8", Saturate::<8, 5>::default());
    let mut sides = TestBench::new("limit_8", Limit::<8, 5>::default());
    for x in -128..128 {
        poke!(sides, x, S::<8>::new(x));
        cycle!(sides);
        assert_eq!(peek!(sides, is_above), x > 15);
        assert_eq!(peek!(sides, is_below), x < -15);
        poke!(bench, x, S::<8>::new(x));
        cycle!(bench, settle);
        let (y, clipped) = hedgewire_abi::format::saturate(x, 4);
        assert_eq!(peek!(bench, y).raw(), i128::from(y));
        assert_eq!(peek!(bench, clipped), clipped);
    }
    bench.finish();
    sides.finish();
}

#[test]
fn shifts_equal_their_definitions() {
    let mut right = TestBench::new("shift_right", ShiftRight::<104, 7>::default());
    let mut left = TestBench::new("shift_left", ShiftLeft::<70, 7>::default());
    let mut state = 13;
    for _ in 0..400 {
        let (x, by) = (word(&mut state) as i128, U::<7>::new(word(&mut state)));
        poke!(right, x, S::<104>::new(x));
        poke!(right, by, by);
        cycle!(right, settle);
        assert_eq!(peek!(right, y).raw(), S::<104>::new(x).raw() >> by.raw());
        poke!(left, x, S::<70>::new(x));
        poke!(left, by, by);
        cycle!(left, settle);
        assert_eq!(peek!(left, y), S::new(x << by.raw()));
    }
    right.finish();
    left.finish();
}

#[test]
fn leading_zeros_are_counted() {
    let mut bench = TestBench::new("leading_zeros", LeadingZeros::<128, 8>::default());
    let mut state = 17;
    for i in 0..400 {
        let x = if i < 128 { 1u128 << i } else { word(&mut state) };
        poke!(bench, x, U::<128>::new(x));
        cycle!(bench, settle);
        assert_eq!(peek!(bench, zeros).raw(), u128::from(x.leading_zeros()));
    }
    bench.finish();
}

#[test]
fn memories_return_what_was_written() {
    let mut ram = TestBench::new("ram", Ram::<U<70>, 4>::new(11));
    let mut look_up = TestBench::new("look_up", LookUp::<U<70>, 4>::new(11));
    let mut wrapping = TestBench::new("wrapping", LookUp::<U<70>, 4>::wrapping(3));
    let mut single = TestBench::new("single", LookUp::<U<70>, 4>::wrapping(1));
    let mut state = 19;
    // A `Ram` is as deep as the next power of two.
    let (mut whole, mut model) = ([U::<70>::new(0); 16], [U::<70>::new(0); 16]);
    let (mut few, mut one) = ([U::<70>::new(0); 4], [U::<70>::new(0); 4]);
    for _ in 0..300 {
        let (to, from) = (U::<4>::new(word(&mut state)), U::<4>::new(word(&mut state)));
        let (write, data) = (word(&mut state) & 1 == 1, U::<70>::new(word(&mut state)));
        for bench in [0, 1] {
            if bench == 0 {
                poke!(ram, write, write);
                poke!(ram, write_address, to);
                poke!(ram, write_data, data);
                poke!(ram, read_address, from);
                cycle!(ram);
                // What is read while it is written is nobody's business.
                if !write || to != from {
                    assert_eq!(peek!(ram, q), whole[from.index()]);
                }
            } else {
                poke!(look_up, write, write);
                poke!(look_up, write_address, to);
                poke!(look_up, write_data, data);
                poke!(look_up, read_address, from);
                cycle!(look_up);
            }
        }
        if write {
            whole[to.index()] = data;
        }
        if write && to.index() < 11 {
            model[to.index()] = data;
        }
        assert_eq!(peek!(look_up, q), model[from.index()]);
        for (bench, words, model) in [(&mut wrapping, 3, &mut few), (&mut single, 1, &mut one)] {
            poke!(bench, write, write);
            poke!(bench, write_address, to);
            poke!(bench, write_data, data);
            poke!(bench, read_address, from);
            cycle!(bench);
            let wraps = |address: U<4>| address.index() % usize::next_power_of_two(words);
            if write && wraps(to) < words {
                model[wraps(to)] = data;
            }
            assert_eq!(peek!(bench, q), model[wraps(from)]);
        }
    }
    ram.finish();
    look_up.finish();
    wrapping.finish();
    single.finish();
}

#[test]
fn rom_returns_its_words() {
    let words: Vec<U<33>> = (0..13).map(|i| U::new(i * 0x1_2345_6789)).collect();
    let mut bench = TestBench::new("rom", Rom::<33, 4>::new(words.clone()));
    for i in 0..16u128 {
        poke!(bench, read_address, U::<4>::new(i));
        cycle!(bench);
        assert_eq!(peek!(bench, q), words.get(i as usize).copied().unwrap_or_default());
    }
    bench.finish();
}

/// `hedgewire_abi::format::saturate`, as Verilog that compares numbers.
fn saturates(bits: usize, to: usize) -> String {
    format!(
        "localparam signed [{top}:0] LIMIT = {bits}'d{limit};
         always @(*) begin
           assert (clipped == (x > LIMIT || x < -LIMIT));
           assert ($signed(y) == (x > LIMIT ? LIMIT : x < -LIMIT ? -LIMIT : x));
         end\n",
        top = bits - 1,
        limit = (1i128 << (to - 1)) - 1,
    )
}

macro_rules! saturate_proofs {
    ($($bits:literal $to:literal;)*) => {
        #[test]
        fn it_is_proved_that_saturate_equals_its_definition() {
            $(
                let Some(verilog) = emitted("saturation", Saturate::<$bits, $to>::default()) else { return };
                assert!(holds(&verilog, &[], &saturates($bits, $to), By::Cycles(1)), "{} to {}", $bits, $to);
            )*
        }
    };
}

// Neighbours, 8 bits, and widths at which the card has it.
saturate_proofs! {
    3 2;
    8 5;
    8 7;
    60 44;
    112 56;
    128 64;
}

#[test]
fn the_proof_refutes_broken_saturation() {
    let Some(verilog) = emitted("saturation", Saturate::<8, 5>::default()) else { return };
    // The least value let through; the lower limit one too low; one bit too few looked at.
    for (from, to) in [
        ("&x[7:4] && !(|x[3:0])", "1'b0"),
        ("over || least || x[0]", "x[0]"),
        ("|x[7:4] && !(&x[7:4])", "|x[7:5] && !(&x[7:5])"),
    ] {
        assert!(verilog.contains(from), "{from} is in the emitted Verilog");
        assert!(!holds(&verilog.replace(from, to), &[], &saturates(8, 5), By::Cycles(1)), "{from} -> {to}");
    }
}

/// `y = floor(x / 2^by)`: y 2^by is at most x, and (y + 1) 2^by is above it. Past the width, by the sign.
fn floors(bits: usize) -> String {
    format!(
        "wire signed [{wide}:0] whole = y;
         wire signed [{wide}:0] least = whole << by;
         wire signed [{wide}:0] value = x;
         wire signed [{wide}:0] step = {double}'d1 << by;
         wire [31:0] places = by;
         always @(*) begin
           if (places < {bits}) assert (least <= value && value - least < step);
           else assert (y == (x < 0 ? -1 : 0));
         end\n",
        wide = 2 * bits - 1,
        double = 2 * bits,
    )
}

#[test]
fn it_is_proved_that_a_shift_right_is_a_floor() {
    let Some(verilog) = emitted("shift", ShiftRight::<8, 4>::default()) else { return };
    assert!(holds(&verilog, &[], &floors(8), By::Cycles(1)));
    // Towards zero.
    let truncating = verilog.replace("y = x >>> by", "y = x < 0 ? -(-x >>> by) : x >>> by");
    assert!(truncating != verilog && !holds(&truncating, &[], &floors(8), By::Cycles(1)));
    // Without the sign.
    let unsigned = verilog.replace(">>>", ">>");
    assert!(!holds(&unsigned, &[], &floors(8), By::Cycles(1)));
    let Some(verilog) = emitted("shift", ShiftRight::<24, 7>::default()) else { return };
    assert!(holds(&verilog, &[], &floors(24), By::Cycles(1)));
}
