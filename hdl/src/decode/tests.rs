//! Every reader against the kernel's own checks, on fields at and around the limits of their ranges.

use hedgewire_kernel::bank::{RowSpec, Scale};
use hedgewire_kernel::trigger::{check_price, check_rate, check_size, check_status, check_trigger};

use super::*;
use crate::primitive::tests::word;
use crate::testbench::TestBench;
use crate::{cycle, peek, poke};

fn words_of(words: [u64; 8]) -> record::Words {
    let [w0, w1, w2, w3, w4, w5, w6, w7] = words.map(|word| U::new(word.into()));
    record::Words { w0, w1, w2, w3, w4, w5, w6, w7 }
}

/// Random words of a kind; each field mostly inside its range or on an edge of it.
fn random_words<R: Decoded>(state: &mut u64) -> [u64; 8] {
    let mut words: [u64; 8] = core::array::from_fn(|_| word(state) as u64);
    let at_ease = !(word(state) as u64).is_multiple_of(3);
    for rule in R::RULES {
        let field = R::LAYOUT.fields.iter().find(|field| field.name == rule.name).unwrap();
        let bits = 8 * field.bytes;
        let (start, end) =
            if field.type_name.starts_with('i') { (-(1 << (bits - 1)), 1 << (bits - 1)) } else { (0, 1 << bits) };
        let (least, most) = ((*rule.range.start()).max(start), (*rule.range.end()).min(end - 1));
        let inside = least + ((word(state) >> 1) as i128).rem_euclid(most - least + 1);
        let value = match word(state) % 12 {
            0 => least,
            1 => most,
            2 if !at_ease => least - 1,
            3 if !at_ease => most + 1,
            4 if !at_ease => word(state) as i128,
            5 => 0.clamp(least, most),
            _ => inside,
        };
        let (at, shift) = (field.offset / 8, 8 * (field.offset % 8));
        let mask = ((1u128 << bits) - 1) as u64;
        words[at] = words[at] & !(mask << shift) | (value as u64 & mask) << shift;
    }
    words[0] = words[0] & !0xff | u64::from(R::LAYOUT.kind);
    words
}

fn check_reader<R: Decoded>(name: &'static str, is_fine: impl Fn(&Command) -> bool) {
    let mut bench = TestBench::new(name, Read::<R>::default());
    let mut state = 0x1234_5678_9abc_def1;
    let mut fine = 0;
    for i in 0..400 {
        let words = random_words::<R>(&mut state);
        let command = Command::from_words(words);
        poke!(bench, words, words_of(words));
        cycle!(bench);
        let ok = peek!(bench, ok);
        assert_eq!(ok, is_fine(&command), "{name} {i}: {command:?}");
        assert_eq!(peek!(bench, was_ok), ok, "{name} {i}: {command:?}");
        assert_eq!(peek!(bench, record), R::read(&command).0);
        fine += usize::from(ok);
    }
    assert!(fine > 100 && (fine < 390 || R::RULES.iter().all(|rule| rule.range == ANY)), "{name}: {fine}");
    bench.finish();
}

fn fits_coin(coin: i64) -> bool {
    coin.unsigned_abs() < 1 << COIN_MAGNITUDE_BITS
}

#[test]
fn readers_pass_what_the_kernel_passes() {
    use command::*;
    check_reader::<record::Trigger>("trigger", |c| check_trigger(&SetTrigger::decode(c)).is_ok());
    check_reader::<record::PriceLimits>("price_limits", |c| check_price(&SetPriceLimits::decode(c)).is_ok());
    check_reader::<record::SizeLimits>("size_limits", |c| check_size(&SetSizeLimits::decode(c)).is_ok());
    check_reader::<record::RateLimits>("rate_limits", |c| check_rate(&SetRateLimits::decode(c)).is_ok());
    check_reader::<record::Status>("status", |c| check_status(&SetStatus::decode(c)).is_ok());
    check_reader::<record::Configure>("configure", |c| {
        let set = Configure::decode(c);
        set.exact_mode <= 1 && set.slot_count > 0
    });
    check_reader::<record::Target>("target", |c| {
        let set = SetTarget::decode(c);
        fits_coin(set.target) && fits_coin(set.cash)
    });
    check_reader::<record::Reconciliation>("reconciliation", |c| {
        let set = Reconcile::decode(c);
        set.position.unsigned_abs() <= POSITION_MAX as u64 && fits_coin(set.hedge_coin)
    });
    check_reader::<record::Control>("control", |c| Control::decode(c).action <= code::CLEAR_KILL);
    check_reader::<record::Build>("build", |c| {
        let set = Build::decode(c);
        set.intervals >= 2 && STEP_SHIFT.contains(&set.step_shift)
    });
    check_reader::<record::Trade>("trade", |c| {
        let trade = Trade::decode(c);
        trade.quantity.unsigned_abs() <= QUANTITY_MAX as u32 && fits_coin(trade.cash)
    });
    check_reader::<record::OrderUpdate>("order_update", |c| OrderUpdate::decode(c).status <= code::ORDER_UNKNOWN);
}

#[test]
fn scales_are_read_as_the_kernel_reads_them() {
    let mut bench = TestBench::new("read_scale", ReadScale::default());
    let mut state = 3;
    let mut fine = 0;
    for i in 0..1000 {
        let mut words = random_words::<record::Scale>(&mut state);
        if i % 2 == 0 {
            // Exponents on the edges of the cut: kg = kd - 23 + (-1, 0, 62 or 63).
            let bits = (word(&mut state) % 73) as i64 - 24;
            let cut = [-1, 0, 30, 62, 63][word(&mut state) as usize % 5];
            let exponents = u64::from(bits as u8) | (u64::from((bits - 23 + cut) as u8) << 8);
            words[3] = words[3] & !(0xffff << 32) | exponents << 32;
        }
        let command = Command::from_words(words);
        poke!(bench, words, words_of(words));
        cycle!(bench);
        let expected = Scale::read(&command::OpenBank::decode(&command));
        let (ok, scale) = (peek!(bench, ok), peek!(bench, scale));
        assert_eq!(ok, expected.is_ok(), "{i}: {command:?}");
        let Ok(expected) = expected else { continue };
        fine += 1;
        let signed = |bits: U<8>| bits.raw() as u8 as i8 as i32;
        let read = Scale {
            bank_id: scale.bank_id.raw() as u16,
            price_ref: scale.price_ref.raw() as u32,
            bits: [signed(scale.delta_bits), signed(scale.gamma_bits), signed(scale.vega_bits)],
            contract_scale: scale.contract_scale.word(),
            contract_shift: scale.contract_shift.raw() as u32,
            linear_hedge: scale.linear_hedge,
            usd: scale.usd,
            band_kind: scale.band_kind.raw() as u8,
            band_factor: scale.band_factor.raw() as u32,
            band_shift: scale.band_shift.raw() as u32,
            valid_until_ns: scale.valid_until_ns.word(),
        };
        assert_eq!(read, expected);
    }
    assert!((100..900).contains(&fine), "{fine}");
    bench.finish();
}

#[test]
fn rows_are_read_as_the_kernel_reads_them() {
    let mut bench = TestBench::new("read_row", ReadRow::default());
    let mut state = 5;
    let mut fine = 0;
    for i in 0..1500 {
        let mut words = random_words::<record::Spec>(&mut state);
        let a_edges = [0, 1, u64::from(A_MAX), u64::from(A_MAX) + 1, u64::from(u32::MAX)];
        let b_edges = [0, -1, 1, B_MAX, B_MAX + 1, -B_MAX, -B_MAX - 1, EDGE_MAX, EDGE_MAX + 1, i64::MIN, 1 << 48];
        let pick = word(&mut state) as usize;
        let a = a_edges.get(pick % 8).copied().unwrap_or(words[2] & 0xffff_ffff);
        let near = a as i64 + pick as i64 % 3 - 1;
        let b = b_edges.get((pick >> 8) % 14).copied().unwrap_or(near);
        words[2] = words[2] & !0xffff_ffff | a;
        words[4] = b as u64;
        let command = Command::from_words(words);
        poke!(bench, words, words_of(words));
        cycle!(bench);
        let row = command::WriteRow::decode(&command);
        let (ok, spec) = (peek!(bench, ok), peek!(bench, spec));
        assert_eq!(ok, RowSpec::read(&row, 0).is_ok(), "{i}: {command:?}");
        if !ok {
            continue;
        }
        fine += 1;
        assert_eq!((spec.kind.raw() as u8, u8::from(spec.linear)), (row.row_kind, row.group));
        assert_eq!((spec.a.raw() as u32, signed_cast_same(spec.b).raw() as i64), (row.a, row.b));
        let omega = [row.omega_delta, row.omega_gamma, row.omega_vega];
        assert_eq!([spec.omega_delta, spec.omega_gamma, spec.omega_vega].map(|w| w.raw() as i32), omega);
        let shift = [row.shift_delta, row.shift_gamma, row.shift_vega];
        assert_eq!([spec.shift_delta, spec.shift_gamma, spec.shift_vega].map(|w| w.raw() as u8), shift);
    }
    assert!((200..1400).contains(&fine), "{fine}");
    bench.finish();
}

#[test]
fn quotes_are_refused_for_the_kernels_reasons() {
    let mut bench = TestBench::new("read_quote", ReadQuote::default());
    let mut state = 7;
    let mut seen = [0; 4];
    for i in 0..800 {
        let mut words = random_words::<record::Quote>(&mut state);
        let pick = word(&mut state) as u64;
        if !pick.is_multiple_of(4) {
            words[0] &= !(0xfc << 24);
        }
        if pick & 0x30 != 0 {
            // Bid and ask equal, or one apart.
            let bid = words[2] & 0xffff_ffff;
            words[2] = bid | (bid + (pick >> 8) % 3).saturating_sub(1) << 32;
        }
        let command = Command::from_words(words);
        poke!(bench, words, words_of(words));
        cycle!(bench, settle);
        // `take_quote`, but for reserved words and the feed's sequence.
        let quote = command::Quote::decode(&command);
        let (expected, n) = if quote.flags & !(code::QUOTE_UNTRUSTED | code::WANT_RISK) != 0 {
            (Reason::ReservedBits as u128, 1)
        } else if quote.price == 0 || quote.hedge_price == 0 {
            (Reason::ValueRange as u128, 2)
        } else if quote.bid != 0 && quote.ask != 0 && quote.ask <= quote.bid {
            (Reason::Crossed as u128, 3)
        } else {
            (0, 0)
        };
        seen[n] += 1;
        assert_eq!(peek!(bench, reason).raw(), expected, "{i}: {command:?}");
        assert_eq!(peek!(bench, quote), <record::Quote as Decoded>::read(&command).0);
    }
    assert!(seen.iter().all(|&count| count > 20), "{seen:?}");
    bench.finish();
}

#[test]
fn reserved_bits_are_those_of_the_tables() {
    let mut bench = TestBench::new("reserved", Reserved::default());
    let mut state = 11;
    for i in 0..1500 {
        let layout = &LAYOUTS[i % LAYOUTS.len()];
        let reserved = layout.reserved_words();
        let mut words: [u64; 8] = core::array::from_fn(|k| word(&mut state) as u64 & !reserved[k]);
        words[0] = words[0] & !0xff | u64::from(layout.kind);
        match i / LAYOUTS.len() % 3 {
            // One bit anywhere but in the kind.
            0 => {
                let bit = 8 + word(&mut state) as usize % 504;
                words[bit / 64] ^= 1 << (bit % 64);
            }
            1 => words[0] = word(&mut state) as u64,
            _ => {}
        }
        let kind = words[0] as u8;
        let layout = LAYOUTS.iter().find(|layout| layout.kind == kind);
        let reserved = layout.map_or([0; 8], RecordLayout::reserved_words);
        poke!(bench, words, words_of(words));
        cycle!(bench, settle);
        assert_eq!(peek!(bench, known), layout.is_some());
        assert_eq!(
            peek!(bench, strays).raw(),
            (0..8).map(|k| u128::from(words[k] & reserved[k] != 0) << k).sum::<u128>()
        );
    }
    bench.finish();
}
