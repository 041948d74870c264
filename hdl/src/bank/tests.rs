//! A bank's life against the kernel's banks and rows, driven side by side.

use std::collections::HashMap;

use hedgewire_abi::command::{Header, WriteRow, code};
use hedgewire_abi::format::{A_MAX, B_MAX, EDGE_MAX, QUANTITY_MAX};
use hedgewire_kernel::bank::{self as kernel, RowSpec, Rows, Scale, Stage};

use super::weigh::Weigh;
use super::*;
use crate::primitive::tests::word;
use crate::signal::signed_cast_same;
use crate::testbench::TestBench;
use crate::{cycle, peek, poke};

const UNDERLYINGS: usize = 3;
const ROWS: usize = 256;
/// First slots and counts.
const SLOTS: [(usize, usize); UNDERLYINGS] = [(0, 64), (64, 128), (192, 64)];

fn signed<const N: usize>(value: U<N>) -> i64 {
    signed_cast_same(value).raw() as i64
}

/// A number below `n`, all as likely.
fn below(state: &mut u64, n: u64) -> u64 {
    word(state);
    (*state >> 20) % n
}

fn pick<T: Copy>(state: &mut u64, from: &[T]) -> T {
    from[below(state, from.len() as u64) as usize]
}

/// Weights of one lot and quantities whose products lie on the edges of a weight and of the sums.
fn random_lots(state: &mut u64) -> i32 {
    let any = (word(state) as i32) >> 2;
    pick(state, &[0, 1, -1, 1, -1, 2, 3, -7, 1 << 29, QUANTITY_MAX, -QUANTITY_MAX, any, any >> 12])
}

fn random_omega(state: &mut u64) -> i32 {
    let any = word(state) as i32;
    let edges = [0, 1, -1, i32::MAX, -i32::MAX, i32::MIN, 1 << 29, 1 << 30, -(1 << 30), (1 << 30) - 1, any, any >> 16];
    pick(state, &edges)
}

fn random_shift(state: &mut u64) -> u8 {
    let any = below(state, 63) as u8;
    pick(state, &[0, 0, 0, 1, 28, 29, 30, 31, 32, 60, 61, 62, any, any])
}

fn random_row(state: &mut u64, is_large: bool) -> WriteRow {
    let mut row_kind = pick(state, &[code::EMPTY, code::CALL, code::CALL, code::PUT, code::CONSTANT, code::RANGE]);
    if is_large && below(state, 2) == 0 {
        row_kind = code::RANGE;
    }
    let any = word(state) as u32;
    let (a, b) = match row_kind {
        code::CALL | code::PUT => {
            (pick(state, &[A_MAX, A_MAX - 1, any >> 1]), pick(state, &[B_MAX, -B_MAX, i64::from(any)]))
        }
        code::RANGE => (any >> 1, pick(state, &[EDGE_MAX, i64::from(any >> 1)])),
        _ => (0, 0),
    };
    let mut row = WriteRow {
        row_kind,
        slot: 0,
        a,
        omega_delta: random_omega(state),
        omega_gamma: random_omega(state),
        omega_vega: random_omega(state),
        b,
        shift_delta: random_shift(state),
        shift_gamma: random_shift(state),
        shift_vega: random_shift(state),
        group: below(state, 2) as u8,
    };
    if is_large {
        // Four ranges of 2^30, or eight constants of it, are the limit of the sums.
        let mut large = || pick(state, &[1, 1 << 30, 1 << 30, -(1 << 30), (1 << 30) - 1, i32::MAX, -i32::MAX]);
        (row.omega_delta, row.omega_gamma, row.omega_vega) = (large(), large(), large());
        (row.shift_delta, row.shift_gamma, row.shift_vega) = (0, 0, 0);
    }
    if below(state, 16) == 0 {
        match below(state, 4) {
            0 => row.row_kind = 5,
            1 => row.group = 2,
            2 => row.shift_vega = 63,
            _ => row.b = EDGE_MAX + B_MAX,
        }
    }
    row
}

/// The kernel's state that the block stands for.
struct Model {
    banks: [[kernel::Bank; 2]; UNDERLYINGS],
    rows: [Rows; 2],
    quantities: Vec<i32>,
    /// What was last written, per bank and slot.
    commands: HashMap<(usize, usize), WriteRow>,
}

/// A row as it goes to the lanes, with these weights.
fn lane_row(row: &WriteRow, weights: [i64; 3]) -> record::Row {
    let [delta, gamma, vega] = weights.map(|weight| U::new(weight as u128));
    record::Row {
        kind: U::new(row.row_kind.into()),
        linear: row.group == 1,
        a: U::new(row.a.into()),
        b: U::new(row.b as u128),
        delta,
        gamma,
        vega,
    }
}

fn words_of(row: &WriteRow) -> record::Words {
    let [w0, w1, w2, w3, w4, w5, w6, w7] = row.encode(Header::default()).words().map(|word| U::new(word.into()));
    record::Words { w0, w1, w2, w3, w4, w5, w6, w7 }
}

fn check_state(found: BankState, bank: &kernel::Bank) {
    let (stage, written) = match bank.stage {
        Stage::Closed => (STAGE_CLOSED, None),
        Stage::Open(written) => (STAGE_OPEN, Some(written)),
        Stage::Active => (STAGE_ACTIVE, None),
    };
    assert_eq!(found.stage.raw() as u8, stage);
    if let Some(written) = written {
        assert_eq!(found.written.raw() as u32, written);
    }
    assert_eq!(found.saturated.raw() as u32, bank.saturated);
    assert_eq!(found.out_of_range, bank.out_of_range);
    assert_eq!([found.constant_inverse, found.constant_linear].map(signed), bank.constant);
    assert_eq!([found.gross_delta, found.gross_gamma, found.gross_vega].map(|sum| sum.raw() as i64), bank.gross);
}

#[test]
fn banks_live_as_the_kernels() {
    let mut bench = TestBench::new("bank", Bank::new(UNDERLYINGS, ROWS));
    let mut state = 0xba2c_5eed;
    let mut model = Model {
        banks: Default::default(),
        rows: [Rows::new(ROWS), Rows::new(ROWS)],
        quantities: vec![0; ROWS],
        commands: HashMap::new(),
    };
    let mut seen = HashMap::<&str, usize>::new();
    poke!(bench, reset, false);
    for i in 0..1250 {
        let is_large = i / 150 % 2 == 0;
        let mut underlying = if i < UNDERLYINGS { i } else { pick(&mut state, &[0, 0, 0, 0, 1, 1, 2]) };
        if is_large && i >= UNDERLYINGS {
            underlying = 0;
        }
        let (first, count) = SLOTS[underlying];
        // Mostly the open bank, where there is one.
        let is_open = |bank: &kernel::Bank| matches!(bank.stage, Stage::Open(_));
        let open = model.banks[underlying].iter().position(is_open);
        let bank = open.filter(|_| below(&mut state, 8) > 0).unwrap_or(below(&mut state, 2) as usize);
        let can_swap = matches!(model.banks[underlying][bank].stage, Stage::Open(written) if written > 3);
        let op = match below(&mut state, 100) {
            _ if i < UNDERLYINGS => CLEAR,
            0 => CLEAR,
            1..=3 if !is_large => OPEN,
            4..=9 if open.is_none() => OPEN,
            4..=9 if can_swap => SWAP,
            15..=59 => WRITE,
            _ => TRADE,
        };
        // A few slots, so that they meet again; the last of a block among them.
        let slot = first + pick(&mut state, &[0, 1, 2, 3, 4, 5, count - 1, 63]);
        let row = random_row(&mut state, is_large);
        let quantity = if is_large { pick(&mut state, &[1, -1, 1, -1, 1, 0]) } else { random_lots(&mut state) };

        poke!(bench, start, true);
        poke!(bench, op, U::<3>::new(op.into()));
        poke!(bench, underlying, U::<8>::new(underlying as u128));
        poke!(bench, bank, bank == 1);
        poke!(bench, first, U::<20>::new(first as u128));
        poke!(bench, count, U::<21>::new(count as u128));
        poke!(bench, slot, U::<20>::new(slot as u128));
        poke!(bench, words, words_of(&row));
        poke!(bench, quantity, U::<32>::new(quantity as u128));
        let mut cycles = 0;
        let mut lane_rows = Vec::new();
        let mut shape = None;
        loop {
            cycle!(bench);
            cycles += 1;
            if peek!(bench, is_shaped) {
                assert!(op == TRADE && cycles == SHAPE);
                shape = Some((peek!(bench, holds), peek!(bench, shape)));
            }
            poke!(bench, start, false);
            // Operands are taken at the start.
            poke!(bench, slot, U::<20>::new(word(&mut state)));
            poke!(bench, underlying, U::<8>::new(word(&mut state)));
            poke!(bench, bank, word(&mut state) & 1 == 1);
            if peek!(bench, row_write) {
                lane_rows.push((peek!(bench, row_bank) as usize, peek!(bench, row_slot).index(), peek!(bench, row)));
            }
            if peek!(bench, done) {
                break;
            }
            assert!(cycles < 200, "operation {op} is never done");
        }

        let banks = &mut model.banks[underlying];
        let mut reason = Reason::None;
        let mut expected_rows = Vec::new();
        match op {
            CLEAR => {
                for (bank, rows) in banks.iter_mut().zip(&mut model.rows) {
                    *bank = kernel::Bank { epoch: bank.epoch, ..kernel::Bank::default() };
                    rows.forget(first, first + count);
                }
                model.quantities[first..first + count].fill(0);
                assert_eq!(cycles, count + 1);
            }
            OPEN => {
                banks[bank].open(Scale::default());
                assert_eq!(cycles, count / 64 + 1);
            }
            WRITE => {
                let written = RowSpec::read(&row, banks[bank].epoch).and_then(|spec| {
                    let again = banks[bank].holds(&model.rows[bank], slot);
                    banks[bank].write(&mut model.rows[bank], first, slot, spec, model.quantities[slot])?;
                    Ok(again)
                });
                match written {
                    Ok(again) => {
                        *seen.entry(if again { "written again" } else { "written" }).or_default() += 1;
                        model.commands.insert((bank, slot), row);
                        let weights = model.rows[bank].spec[slot].weight.map(i64::from);
                        expected_rows.push((bank, slot, lane_row(&row, weights)));
                    }
                    Err(refused) => reason = refused,
                }
                assert_eq!(cycles, if reason == Reason::None { LATENCY } else { 4 });
            }
            TRADE => {
                assert_eq!(signed(peek!(bench, old_quantity)), i64::from(model.quantities[slot]));
                model.quantities[slot] = quantity;
                let outputs = [
                    (peek!(bench, changed0), peek!(bench, fits0), peek!(bench, change0)),
                    (peek!(bench, changed1), peek!(bench, fits1), peek!(bench, change1)),
                ];
                let lead = usize::from(banks[1].stage == Stage::Active);
                let mut held = 0;
                let (holds, shape) = shape.expect("the shape comes before the weights");
                assert_eq!(holds, banks[lead].holds(&model.rows[lead], slot));
                for bank in [lead, 1 - lead] {
                    let (changed, fits, change) = outputs[bank];
                    if !banks[bank].holds(&model.rows[bank], slot) {
                        assert!(!changed && fits);
                        continue;
                    }
                    held += if bank == lead { 1 } else { 2 };
                    let reweighed = banks[bank].reweigh(&mut model.rows[bank], slot, quantity);
                    let weights = model.rows[bank].spec[slot].weight.map(i64::from);
                    let command = &model.commands[&(bank, slot)];
                    assert_eq!((changed, fits), (reweighed.change != [0; 3], reweighed.fits), "operation {i}");
                    assert_eq!(change, lane_row(command, reweighed.change));
                    if bank == lead {
                        let shape =
                            record::Row { delta: change.delta, gamma: change.gamma, vega: change.vega, ..shape };
                        assert_eq!(shape, change);
                    }
                    expected_rows.push((bank, slot, lane_row(command, weights)));
                    let omega = [command.omega_delta, command.omega_gamma, command.omega_vega];
                    let shift = [command.shift_delta, command.shift_gamma, command.shift_vega];
                    let each_fits = (0..3).all(|i| {
                        let wide = i128::from(quantity) * i128::from(omega[i]) + ((1 << shift[i]) >> 1);
                        (wide >> shift[i]).unsigned_abs() < 1 << 31
                    });
                    let name = if fits {
                        "fits"
                    } else if each_fits {
                        "sum too large"
                    } else {
                        "weight too large"
                    };
                    *seen.entry(name).or_default() += 1;
                }
                assert_eq!(cycles, if held >= 2 { LATENCY_BOTH } else { LATENCY });
                *seen.entry(["in none", "in one", "in the other", "in both"][held]).or_default() += 1;
            }
            _ => {
                banks[bank].stage = Stage::Active;
                banks[1 - bank].stage = Stage::Closed;
                assert_eq!(cycles, 4);
            }
        }
        *seen.entry(["CLEAR", "OPEN", "WRITE", "TRADE", "SWAP"][usize::from(op)]).or_default() += 1;
        *seen.entry(reason.name()).or_default() += 1;
        assert_eq!(peek!(bench, reason).raw(), reason as u128, "operation {i}");
        assert_eq!(lane_rows, expected_rows, "operation {i}");
        poke!(bench, state_address, U::<9>::new(2 * underlying as u128));
        poke!(bench, other_address, U::<9>::new(2 * underlying as u128 + 1));
        // Written in the cycle of `done`, then read.
        cycle!(bench);
        cycle!(bench);
        check_state(peek!(bench, state), &model.banks[underlying][0]);
        check_state(peek!(bench, other_state), &model.banks[underlying][1]);
    }
    let wanted = [
        ("CLEAR", 10),
        ("OPEN", 30),
        ("SWAP", 15),
        ("written", 100),
        ("written again", 50),
        ("VALUE_RANGE", 20),
        ("BANK_CLOSED", 20),
        ("fits", 100),
        ("sum too large", 20),
        ("weight too large", 20),
        ("in none", 50),
        ("in one", 50),
        ("in the other", 20),
        ("in both", 20),
    ];
    assert!(wanted.iter().all(|(name, count)| seen.get(name).is_some_and(|found| found >= count)), "{seen:?}");
    bench.finish();
}

#[test]
fn weights_and_sums_are_the_kernels() {
    let mut bench = TestBench::new("weigh", Weigh::default());
    let mut state = 0x77e1_6b5d;
    let mut expected = Vec::new();
    let mut seen = [0; 2];
    for i in 0..1500 {
        // Only delta weighs anything, so that what the kernel says of all three is said of it.
        let row = |state: &mut u64| {
            let (omega_delta, shift_delta) = (random_omega(state), random_shift(state));
            WriteRow { row_kind: below(state, 5) as u8, omega_delta, shift_delta, ..WriteRow::default() }
        };
        let (old, new) = (row(&mut state), row(&mut state));
        let (before, quantity) = (random_lots(&mut state), random_lots(&mut state));
        let written = |(bank, rows): &mut (kernel::Bank, Rows), row: &WriteRow, quantity| {
            let spec = RowSpec::read(row, bank.epoch).unwrap();
            bank.write(rows, 0, 0, spec, quantity).unwrap();
            rows.spec[0].weight[0]
        };
        let opened = || {
            let mut bank = kernel::Bank::default();
            bank.open(Scale::default());
            (bank, Rows::new(64))
        };
        let (mut bank, mut apart) = (opened(), opened());
        let has_old = below(&mut state, 4) > 0;
        let old_weight = if has_old { written(&mut bank, &old, before) } else { word(&mut state) as i32 };
        // How much the others may weigh for the new weight to fit, or just not.
        written(&mut apart, &new, quantity);
        let edge = (1 << 34) - apart.0.gross[0] + below(&mut state, 5) as i64 - 2;
        let others = pick(&mut state, &[0, edge, edge, (1 << 34) - 1]).clamp(0, (1 << 34) - 1 - bank.0.gross[0]);
        bank.0.gross[0] += others;
        let gross = bank.0.gross[0];
        bank.0.out_of_range = false;
        let weight = written(&mut bank, &new, quantity);
        let fits = !bank.0.out_of_range;
        seen[usize::from(fits)] += 1;
        expected.push((fits, weight, bank.0.gross[0], others));

        poke!(bench, quantity, U::<31>::new(quantity as u128));
        poke!(bench, omega, U::<32>::new(new.omega_delta as u128));
        poke!(bench, shift, U::<6>::new(new.shift_delta.into()));
        poke!(bench, kind, U::<3>::new(new.row_kind.into()));
        poke!(bench, gross, U::<35>::new(gross as u128));
        poke!(bench, old, U::<32>::new(old_weight as u128));
        poke!(bench, has_old, has_old);
        poke!(bench, old_kind, U::<3>::new(old.row_kind.into()));
        cycle!(bench);
        let Some(&(fits, weight, sum, rest)) = (i + 1usize).checked_sub(weigh::LATENCY).map(|at| &expected[at]) else {
            continue;
        };
        assert_eq!(peek!(bench, fits), fits, "vector {i}");
        assert_eq!(peek!(bench, rest).raw() as i64, rest, "vector {i}");
        if fits {
            assert_eq!(signed(peek!(bench, weight)), i64::from(weight), "vector {i}");
            assert_eq!(peek!(bench, sum).raw() as i64, sum, "vector {i}");
        }
    }
    assert!(seen.iter().all(|&count| count > 200), "{seen:?}");
    bench.finish();
}

#[test]
fn a_reset_ends_an_operation() {
    let mut bench = TestBench::new("bank_reset", Bank::new(1, 64));
    let mut run = |op: u8, cycles: usize, ends: bool| {
        poke!(bench, op, U::<3>::new(op.into()));
        poke!(bench, first, U::<20>::new(0));
        poke!(bench, count, U::<21>::new(64));
        poke!(bench, slot, U::<20>::new(0));
        poke!(bench, reset, false);
        poke!(bench, start, true);
        for n in 1..=cycles {
            cycle!(bench);
            poke!(bench, start, false);
            poke!(bench, reset, !ends && n == 5);
            assert_eq!(peek!(bench, done), ends && n == cycles);
        }
    };
    run(CLEAR, 100, false);
    run(CLEAR, 65, true);
    run(TRADE, LATENCY, true);
    bench.finish();
}
