//! What a configuration may say, and what it is refused for.

use std::path::Path;
use std::time::Duration;

use hedgewire_abi::command::{SetPriceLimits, SetSizeLimits, SetTrigger};
use hedgewire_host::card::{OnFault, SessionOptions};
use hedgewire_host::config::{Config, ConfigError, Plan, Problem};
use hedgewire_host::fills::{FillModel, FillPrice};
use hedgewire_host::packet::{Checksums, Line, SourceKind, XdpMode};

const MINIMAL: &str = include_str!("../host/examples/minimal.toml");
const LEGACY: &str = include_str!("../host/examples/deribit-legacy.toml");
const LIVE: &str = include_str!("../host/examples/live.toml");

/// Asserts that the live example with `from` replaced by `to` is refused at `path`, for a reason that contains `reason`.
fn live_refuses(from: &str, to: &str, path: &str, reason: &str) {
    assert!(LIVE.contains(from), "the example has {from}");
    let found = problems(&LIVE.replace(from, to));
    let is_named = found.iter().any(|problem| problem.path == path && problem.reason.contains(reason));
    assert!(is_named, "{from} -> {to}: {found:?}");
}

#[test]
fn a_live_configuration_is_accepted_and_what_makes_no_sense_in_it_is_named() {
    let plan = Plan::parse(LIVE).expect("the live example");
    let live = plan.live.expect("it is live");
    assert_eq!((live.channels[0].id, live.gateways[0].underlyings.as_slice()), (44_849, &[0][..]));
    assert!(!format!("{:?}", live.gateways).contains("alpha"), "who we are is not shown");
    live_refuses("underlyings = [\"BTC\"]", "underlyings = [\"ETH\"]", "gateway[0].underlyings[0]", "no coin");
    live_refuses("underlyings = [\"BTC\"]", "underlyings = [\"BTC\", \"BTC\"]", "gateway[0].underlyings[1]", "already");
    live_refuses("underlyings = [\"BTC\"]", "underlyings = []", "gateway", "go nowhere");
    live_refuses("address = \"127.0.0.1:4210\"", "address = \"venue:4210\"", "gateway[0].address", "not looked up");
    live_refuses("secret_file = \"secret\"", "", "gateway[0].secret_file", "either");
    let both = "secret_file = \"secret\"\nsecret_env = \"SECRET\"";
    live_refuses("secret_file = \"secret\"", both, "gateway[0].secret_file", "either");
    live_refuses("client_id = \"alpha\"", "client_id = \"\"", "gateway[0].client_id", "ASCII");
    live_refuses("capacity = 100_000", "capacity = 1_000", "gateway[0].rate.capacity", "none would ever leave");
    live_refuses("tick_ms = 100.0", "tick_ms = 0.0", "live.tick_ms", "above 0");
    let twice = "[[live.channel]]\nid = 44849\n\n[[live.channel]]\nid = 44849";
    live_refuses("[[live.channel]]\nid = 44849", twice, "live.channel[1].id", "already");
}

#[test]
fn a_second_feed_is_accepted_and_what_makes_no_sense_in_it_is_named() {
    let (first, last) =
        ("\"239.255.42.1:4230\"]", "\"239.255.42.1:4230\", \"239.255.42.9:6100\", \"239.255.42.9:6101\"]");
    let second =
        "[live.second]\ngroups = [\"239.255.42.9:6100\", \"239.255.42.9:6101\"]\nchannels = [1]\n\n[[gateway]]";
    let text = LIVE.replace(first, last).replace("\n[[gateway]]", &format!("\n{second}"));
    let plan = Plan::parse(&text).expect("a second feed").live.expect("it is live").second.expect("it is there");
    assert_eq!((plan.groups, plan.channels), (vec![2, 3], vec![1]));
    assert_eq!((plan.after_ns, plan.age_max_ns, plan.vols_age_max_ns), (10_000_000, 2_000_000_000, 60_000_000_000));
    let refuses = |from: &str, to: &str, path: &str, reason: &str| {
        assert!(text.contains(from), "the text has {from}");
        let found = problems(&text.replace(from, to));
        let is_named = found.iter().any(|problem| problem.path == path && problem.reason.contains(reason));
        assert!(is_named, "{from} -> {to}: {found:?}");
    };
    refuses(last, first, "live.second.groups[0]", "no group of a line");
    refuses("groups = [\"239.255.42.9:6100\"", "groups = [\"legacy\"", "live.second.groups[0]", "no group of a line");
    let twice = "groups = [\"239.255.42.9:6100\", \"239.255.42.9:6100\"";
    refuses("groups = [\"239.255.42.9:6100\"", twice, "live.second.groups[1]", "already");
    let all = "groups = [\"239.255.42.1:4220\", \"239.255.42.1:4230\", \"239.255.42.2:4220\", \"239.255.42.2:4230\", \"239.255.42.9:6100\"";
    refuses("groups = [\"239.255.42.9:6100\"", all, "live.second.groups", "none is left");
    refuses(
        "[live.second]\ngroups = [\"239.255.42.9:6100\", \"239.255.42.9:6101\"]",
        "[live.second]\ngroups = []",
        "live.second.groups",
        "at least one",
    );
    refuses("channels = [1]\n\n", "channels = []\n\n", "live.second.channels", "1 to 64");
    refuses("channels = [1]\n\n", "channels = [101]\n\n", "live.second.channels[0]", "whole number");
    refuses("channels = [1]\n\n", "channels = [1, 1]\n\n", "live.second.channels[1]", "already");
    refuses("channels = [1]\n\n", "channels = [1]\nage_max_ms = 0.0\n\n", "live.second.age_max_ms", "above 0");
    refuses("channels = [1]\n\n", "channels = [1]\nafter_ms = -1.0\n\n", "live.second.after_ms", "from 0");
}

/// The minimal example with some lines replaced: `(line as it starts, line as it shall be)`.
fn changed(lines: &[(&str, &str)]) -> String {
    let mut text = MINIMAL.to_owned();
    for (start, line) in lines {
        let from = text.find(&format!("\n{start}")).unwrap_or_else(|| panic!("the example has a line `{start}`")) + 1;
        let to = from + text[from..].find('\n').expect("lines end");
        text.replace_range(from..to, line);
    }
    text
}

fn problems(text: &str) -> Vec<Problem> {
    match Config::parse(text).expect("it is a configuration").plan() {
        Err(ConfigError::Invalid(problems)) => problems,
        other => panic!("expected problems, got {other:?}"),
    }
}

/// Asserts that the change is refused, at `path` and for a reason that contains `reason`, and for
/// nothing else.
fn refuses(lines: &[(&str, &str)], path: &str, reason: &str) {
    let found = problems(&changed(lines));
    assert_eq!(found.len(), 1, "{lines:?}: {found:?}");
    assert_eq!(found[0].path, path, "{found:?}");
    assert!(found[0].reason.contains(reason), "{lines:?}: {}", found[0]);
}

/// As [`refuses`], where the change leads to other problems too.
fn refuses_among_others(lines: &[(&str, &str)], path: &str, reason: &str) {
    let found = problems(&changed(lines));
    let is_named = found.iter().any(|problem| problem.path == path && problem.reason.contains(reason));
    assert!(is_named, "{lines:?}: {found:?}");
}

#[test]
fn examples_are_accepted() {
    assert_eq!(Plan::parse(MINIMAL).expect("the minimal example").underlyings.len(), 1);
    let legacy = Plan::parse(LEGACY).expect("the legacy example");
    assert_eq!(legacy.underlyings.len(), 2);
    assert_eq!(legacy.underlyings[1].range.first_slot, 128);
}

#[test]
fn values_become_wire_units() {
    let plan = Plan::parse(MINIMAL).expect("the minimal example");
    let underlying = &plan.underlyings[0];
    assert_eq!(
        underlying.setup.trigger,
        SetTrigger {
            theta: 1 << 15,
            band_scale_buy: 1 << 16,
            band_scale_sell: 1 << 16,
            clip_min: 1,
            clip_max: 2_000,
            band_min: 1 << 16,
            band_max: 10_000 << 16,
        }
    );
    assert_eq!(
        underlying.setup.price,
        SetPriceLimits {
            width_max_bp: 20,
            quote_age_max_ns: 1_000_000_000,
            cool_down_ns: 100_000_000,
            duplicate_window_ns: 50_000_000,
            collar_bp: 25,
            collar_last_bp: 100,
            size_min: 1,
            cross: 256,
        }
    );
    assert_eq!(
        underlying.setup.size,
        SetSizeLimits {
            order_max: 2_000,
            band_emergency: 20_000 << 16,
            position_max: 100_000,
            gross_max: 110_000,
            notional_max: 2_000,
        }
    );
    assert_eq!(underlying.setup.rate.order_interval_ns, 20_000_000);
    assert_eq!(underlying.setup.status.margin_sell, 100_000);
    assert_eq!(underlying.ladder.step_shift, 13);
    assert_eq!(underlying.fill, FillModel::Immediate(FillPrice::Touch));
    assert_eq!(underlying.taker_fee, 0.0005);
    assert_eq!(underlying.portfolio.holdings[0].quantity_lots, -100);
    assert_eq!(underlying.portfolio.quantity_max_lots, 1_000);
}

#[test]
fn notional_of_a_linear_hedge_counts_contracts_times_price_units() {
    let plan = Plan::parse(&changed(&[
        ("instrument = \"BTC-PERPETUAL\"", "instrument = \"BTC_USDC-PERPETUAL\""),
        ("kind = \"inverse\"", "kind = \"linear\""),
        ("contract_size", "contract_size = 0.001"),
        ("notional_max_usd", "notional_max_usd = 150_000.0"),
    ]));
    // 150,000 USD of contracts of 0.001 coin, in units of 0.5/256 USD.
    assert_eq!(plan.expect("it makes sense").underlyings[0].setup.size.notional_max, 150_000 * 1_000 * 512);
}

#[test]
fn unknown_field_is_refused_with_its_line() {
    let text = changed(&[("width_max_bp", "width_maximum_bp = 20")]);
    let error = Plan::parse(&text).expect_err("a mistyped limit").to_string();
    assert!(error.contains("width_maximum_bp") && error.contains("line"), "{error}");
}

#[test]
fn missing_limit_is_refused() {
    let error = Plan::parse(&changed(&[("loss_max_coin", "")])).expect_err("no limit").to_string();
    assert!(error.contains("loss_max_coin"), "{error}");
}

#[test]
fn unreadable_file_is_named() {
    let error = Plan::load(Path::new("no such folder/no such file.toml")).expect_err("there is none").to_string();
    assert!(error.contains("no such file.toml"), "{error}");
}

#[test]
fn all_problems_are_told_at_once_with_path_and_value() {
    let text = changed(&[
        ("theta", "theta = 1.5"),
        ("tick_usd", "tick_usd = -1.0"),
        ("width_max_bp", "width_max_bp = nan"),
        ("contract_size", "contract_size = 0"),
    ]);
    let error = Plan::parse(&text).expect_err("four problems").to_string();
    for part in [
        "underlying[0].band.theta = 1.5: ",
        "underlying[0].hedge.tick_usd = -1: ",
        "underlying[0].gates.width_max_bp = NaN: ",
        "underlying[0].hedge.contract_size = 0: ",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn band_narrower_than_half_a_contract_is_refused() {
    refuses(&[("min_contracts", "min_contracts = 0.4")], "underlying[0].band.min_contracts", "half a contract");
}

#[test]
fn half_band_below_a_contract_is_refused() {
    let fixed = ("rule", "rule = { kind = \"fixed\", contracts = 0.7 }");
    refuses_among_others(
        &[fixed, ("min_contracts", "min_contracts = 0.5")],
        "underlying[0].band.rule",
        "narrower than one contract",
    );
    let wilmott = ("rule", "rule = { kind = \"whalley_wilmott\", cost_bp = 5, risk_aversion_per_usd = 1e-5 }");
    refuses_among_others(
        &[wilmott, ("min_contracts", "min_contracts = 0.7")],
        "underlying[0].band.rule",
        "narrower than one contract",
    );
}

#[test]
fn exit_at_the_edge_of_a_narrow_band_is_refused() {
    refuses(&[("theta", "theta = 1.0")], "underlying[0].band.theta", "half a contract");
    let narrow = ("rule", "rule = { kind = \"fixed\", contracts = 2.0 }");
    refuses(&[narrow, ("theta", "theta = 0.8")], "underlying[0].band.theta", "lower theta to 0.75");
    assert!(Plan::parse(&changed(&[narrow, ("theta", "theta = 0.75")])).is_ok());
}

#[test]
fn emergency_inside_the_band_is_refused() {
    refuses(
        &[("emergency_contracts", "emergency_contracts = 300.0")],
        "underlying[0].band.emergency_contracts",
        "largest half band of 300",
    );
}

#[test]
fn scaled_band_counts_in_the_emergency_check() {
    let scale = ("theta", "theta = 0.5\nscale_sell = 10.0");
    refuses(
        &[scale, ("emergency_contracts", "emergency_contracts = 2_900.0")],
        "underlying[0].band.emergency_contracts",
        "3000",
    );
}

#[test]
fn floor_above_cap_is_refused() {
    refuses(
        &[("min_contracts", "min_contracts = 20_000.0"), ("emergency_contracts", "emergency_contracts = 99_999.0")],
        "underlying[0].band.min_contracts",
        "max_contracts = 10000",
    );
}

#[test]
fn order_below_the_venues_smallest_is_refused() {
    refuses(
        &[("price_about_usd", "price_about_usd = 60_000.0\nvenue_min_contracts = 5")],
        "underlying[0].orders.clip_min_contracts",
        "smallest order of 5",
    );
}

#[test]
fn smallest_clip_above_the_largest_is_refused() {
    refuses(
        &[("clip_min_contracts", "clip_min_contracts = 3_000")],
        "underlying[0].orders.clip_min_contracts",
        "clip_max_contracts = 2000",
    );
}

#[test]
fn part_of_a_contract_is_refused_where_whole_ones_are_meant() {
    refuses(
        &[("clip_min_contracts", "clip_min_contracts = 1.5")],
        "underlying[0].orders.clip_min_contracts",
        "whole number",
    );
}

#[test]
fn collar_below_a_tick_is_refused() {
    let tick = ("tick_usd", "tick_usd = 10.0");
    let no_cross = ("cross_usd", "cross_usd = 0.0");
    let small = ("step_ticks", "step_ticks = 1");
    refuses(&[tick, no_cross, small, ("collar_bp", "collar_bp = 1")], "underlying[0].gates.collar_bp", "below a tick");
    refuses(
        &[tick, no_cross, small, ("collar_last_bp", "collar_last_bp = 1")],
        "underlying[0].gates.collar_last_bp",
        "below a tick",
    );
}

#[test]
fn collar_below_the_cross_is_refused() {
    refuses(&[("cross_usd", "cross_usd = 200.0")], "underlying[0].gates.collar_bp", "below orders.cross_usd");
}

#[test]
fn cross_off_the_tick_is_refused() {
    refuses(&[("cross_usd", "cross_usd = 0.7")], "underlying[0].orders.cross_usd", "no multiple of the tick");
    assert!(Plan::parse(&changed(&[("tick_usd", "tick_usd = 0.1"), ("cross_usd", "cross_usd = 0.7")])).is_ok());
}

#[test]
fn clips_that_cannot_keep_up_with_the_gamma_are_refused() {
    let stress =
        ("taker_fee_bp", "taker_fee_bp = 5.0\n[underlying.stress]\ngamma_coin = 10_000.0\nmove_bp_per_minute = 50.0");
    refuses(&[stress], "underlying[0].stress.gamma_coin", "needs 300000 contracts a minute");
}

#[test]
fn zero_contract_size_is_refused() {
    refuses_among_others(&[("contract_size", "contract_size = 0.0")], "underlying[0].hedge.contract_size", "above 0");
}

#[test]
fn negative_and_missing_numbers_are_refused_everywhere() {
    let fields = [
        ("slots", "underlying[0].slots"),
        ("tick_usd", "underlying[0].hedge.tick_usd"),
        ("price_about_usd", "underlying[0].hedge.price_about_usd"),
        ("lot_coin", "underlying[0].portfolio.lot_coin"),
        ("instrument_max_coin", "underlying[0].portfolio.instrument_max_coin"),
        ("min_contracts", "underlying[0].band.min_contracts"),
        ("max_contracts", "underlying[0].band.max_contracts"),
        ("emergency_contracts", "underlying[0].band.emergency_contracts"),
        ("theta", "underlying[0].band.theta"),
        ("clip_min_contracts", "underlying[0].orders.clip_min_contracts"),
        ("clip_max_contracts", "underlying[0].orders.clip_max_contracts"),
        ("cross_usd", "underlying[0].orders.cross_usd"),
        ("cool_down_ms", "underlying[0].orders.cool_down_ms"),
        ("duplicate_window_ms", "underlying[0].orders.duplicate_window_ms"),
        ("width_max_bp", "underlying[0].gates.width_max_bp"),
        ("quote_age_max_ms", "underlying[0].gates.quote_age_max_ms"),
        ("size_min_contracts", "underlying[0].gates.size_min_contracts"),
        ("collar_bp", "underlying[0].gates.collar_bp"),
        ("collar_last_bp", "underlying[0].gates.collar_last_bp"),
        ("order_max_contracts", "underlying[0].gates.order_max_contracts"),
        ("notional_max_usd", "underlying[0].gates.notional_max_usd"),
        ("position_max_contracts", "underlying[0].gates.position_max_contracts"),
        ("gross_max_contracts", "underlying[0].gates.gross_max_contracts"),
        ("open_orders_max", "underlying[0].gates.open_orders_max"),
        ("order_interval_ms", "underlying[0].gates.order_interval_ms"),
        ("order_burst_ms", "underlying[0].gates.order_burst_ms"),
        ("hedges_per_minute", "underlying[0].gates.hedges_per_minute"),
        ("attempts_max", "underlying[0].gates.attempts_max"),
        ("loss_max_coin", "underlying[0].gates.loss_max_coin"),
        ("step_ticks", "underlying[0].ladder.step_ticks"),
        ("intervals", "underlying[0].ladder.intervals"),
        ("taker_fee_bp", "underlying[0].fill.taker_fee_bp"),
        ("quantity", "underlying[0].portfolio.holding[0].quantity"),
    ];
    for (field, path) in fields {
        for value in ["nan", "inf", "-1e12"] {
            let found = problems(&changed(&[(field, &format!("{field} = {value}"))]));
            assert!(found.iter().any(|problem| problem.path == path), "{field} = {value}: {found:?}");
        }
    }
}

#[test]
fn unknown_instrument_names_are_refused() {
    refuses(
        &[("instrument = \"BTC-25SEP26-60000-C\"", "instrument = \"BTC-25SEP26-60000\"")],
        "underlying[0].portfolio.holding[0].instrument",
        "parts between dashes",
    );
    refuses(
        &[("instrument = \"BTC-PERPETUAL\"", "instrument = \"BTC-PERP\"")],
        "underlying[0].hedge.instrument",
        "no instrument",
    );
    refuses(
        &[("instrument = \"BTC-25SEP26-60000-C\"", "instrument = \"ETH-25SEP26-4000-C\"")],
        "underlying[0].portfolio.holding[0].instrument",
        "not on BTC",
    );
}

#[test]
fn hedge_of_another_kind_than_its_name_is_refused() {
    refuses(
        &[("instrument = \"BTC-PERPETUAL\"", "instrument = \"BTC_USDC-PERPETUAL\"")],
        "underlying[0].hedge.kind",
        "is linear",
    );
}

#[test]
fn holding_the_hedge_instrument_is_refused() {
    refuses(
        &[("instrument = \"BTC-25SEP26-60000-C\"", "instrument = \"BTC-PERPETUAL\"")],
        "underlying[0].portfolio.holding[0].instrument",
        "hedge.position_contracts",
    );
}

#[test]
fn instrument_listed_twice_is_refused() {
    let twice =
        "quantity = -10.0\n[[underlying.portfolio.holding]]\ninstrument = \"BTC-25SEP26-60000-C\"\nquantity = 1.0";
    refuses(&[("quantity", twice)], "underlying[0].portfolio.holding", "listed twice");
}

#[test]
fn part_of_a_lot_is_refused() {
    refuses(
        &[("quantity", "quantity = -10.05")],
        "underlying[0].portfolio.holding[0].quantity",
        "whole number of lots",
    );
    refuses(&[("quantity", "quantity = -100.1")], "underlying[0].portfolio.holding[0].quantity", "largest position");
}

#[test]
fn inverse_future_in_usd_needs_its_entry_price() {
    let lines = [
        ("numeraire", "numeraire = \"usd\""),
        ("instrument = \"BTC-25SEP26-60000-C\"", "instrument = \"BTC-25SEP26\""),
        ("quantity", "quantity = -1000.0"),
    ];
    refuses(&lines, "underlying[0].portfolio.holding[0].entry_price_usd", "USD numeraire");
}

#[test]
fn nothing_held_is_refused() {
    let text =
        MINIMAL.replace("[[underlying.portfolio.holding]]\ninstrument = \"BTC-25SEP26-60000-C\"\nquantity = -10.0", "");
    assert!(problems(&text)[0].reason.contains("nothing is held"));
}

#[test]
fn pool_without_liquidity_is_refused() {
    let pool = "quantity = -10.0\n[[underlying.portfolio.pool]]\ncoin = 5.0\nprice_usd = 60_000.0\nprice_low_usd = 70_000.0\nprice_high_usd = 50_000.0";
    refuses(&[("quantity", pool)], "underlying[0].portfolio.pool[0].price_low_usd", "no liquidity");
}

#[test]
fn more_underlyings_than_the_kernel_has_are_refused() {
    let text = format!("{}\n[sizes]\nunderlyings = 1\nrows = 4096\nintervals = 256\n", LEGACY.replace("[sizes]\nunderlyings = 2\nrows = 192                    # slots of both underlyings together\nintervals = 256", ""));
    let found = problems(&text);
    assert!(
        found.iter().any(|problem| problem.path == "underlying" && problem.reason.contains("sizes.underlyings = 1")),
        "{found:?}"
    );
}

#[test]
fn more_slots_than_the_kernel_has_are_refused() {
    let found = problems(&LEGACY.replace("rows = 192", "rows = 128"));
    assert_eq!((found.len(), found[0].path.as_str()), (1, "sizes.rows"));
}

#[test]
fn two_underlyings_cannot_share_a_hedge_instrument() {
    let twice = format!("{MINIMAL}\n{}", &MINIMAL[MINIMAL.find("[[underlying]]").expect("one")..]);
    assert!(problems(&twice)[0].reason.contains("two ledgers"));
}

#[test]
fn no_underlying_is_refused() {
    assert!(problems("underlying = []")[0].reason.contains("at least one"));
}

#[test]
fn limits_that_would_silence_the_engine_are_refused() {
    refuses(
        &[("order_max_contracts", "order_max_contracts = 1_999")],
        "underlying[0].gates.order_max_contracts",
        "full clips",
    );
    refuses(
        &[("notional_max_usd", "notional_max_usd = 19_999.0")],
        "underlying[0].gates.notional_max_usd",
        "full clips",
    );
    refuses(
        &[("gross_max_contracts", "gross_max_contracts = 99_999")],
        "underlying[0].gates.gross_max_contracts",
        "never be reached",
    );
    refuses(
        &[("clip_min_contracts", "clip_min_contracts = 10"), ("position_max_contracts", "position_max_contracts = 9")],
        "underlying[0].gates.position_max_contracts",
        "no order would pass",
    );
    refuses(&[("loss_max_coin", "loss_max_coin = 0.0")], "underlying[0].gates.loss_max_coin", "no order would pass");
}

#[test]
fn position_beyond_its_limit_is_refused() {
    let lines = [("price_about_usd", "price_about_usd = 60_000.0\nposition_contracts = -100_001")];
    refuses(&lines, "underlying[0].gates.position_max_contracts", "from the start");
}

#[test]
fn ladder_off_the_grid_or_beyond_the_rows_is_refused() {
    refuses(&[("step_ticks", "step_ticks = 48")], "underlying[0].ladder.step_ticks", "power of two");
    refuses(&[("intervals", "intervals = 257")], "underlying[0].ladder.intervals", "from 2 to 256");
    let lines = [("price_about_usd", "price_about_usd = 4_000.0"), ("cross_usd", "cross_usd = 0.0")];
    refuses(&lines, "underlying[0].ladder.intervals", "reaches 2048 USD");
}

#[test]
fn tick_too_fine_for_the_price_is_refused() {
    let lines =
        [("tick_usd", "tick_usd = 0.0001"), ("cross_usd", "cross_usd = 0.0"), ("step_ticks", "step_ticks = 256")];
    refuses(&lines, "underlying[0].hedge.tick_usd", "do not fit");
}

#[test]
fn market_rules_are_checked() {
    let market = |line: &str| problems(&format!("{MINIMAL}\n[market]\n{line}\n"));
    let refuses = |line: &str, path: &str| {
        let found = market(line);
        assert!(found.iter().all(|problem| problem.path == path) && !found.is_empty(), "{line}: {found:?}");
    };
    refuses("vol_min = 0.7", "market.vol_default");
    refuses("vol_min = nan", "market.vol_min");
    refuses("recompile_ms = 0", "market.recompile_ms");
    refuses("recompile_ms = 20_000.0", "market.rows_age_max_ms");
    refuses("warm_up_ms = -1", "market.warm_up_ms");
}

#[test]
fn own_fills_are_checked() {
    for (line, path) in [("every = 0\nshare = 0.5", "own_fills.every"), ("every = 1\nshare = 1.5", "own_fills.share")] {
        let found = problems(&format!("{MINIMAL}\n[own_fills]\n{line}\n"));
        assert_eq!((found.len(), found[0].path.as_str()), (1, path));
    }
}

#[test]
fn instrument_ids_are_taken_by_name() {
    let plan = Plan::parse(&format!("{MINIMAL}\n[instrument_ids]\nBTC-PERPETUAL = 124972\nBTC-25SEP26-60000-C = 7\n"));
    let ids = plan.expect("it makes sense").instrument_ids;
    assert_eq!(ids, [("BTC-25SEP26-60000-C".to_owned(), 7), ("BTC-PERPETUAL".to_owned(), 124_972)]);
    assert!(Plan::parse(MINIMAL).expect("the minimal example").instrument_ids.is_empty());
}

#[test]
fn instrument_ids_that_cannot_be_are_refused() {
    let text = |lines: &str| format!("{MINIMAL}\n[instrument_ids]\n{lines}\n");
    for (lines, path, reason) in [
        ("BTC-PERP = 1", "instrument_ids.BTC-PERP", "no instrument"),
        ("BTC-PERPETUAL = 7\nBTC-25SEP26-60000-C = 7", "instrument_ids.BTC-PERPETUAL", "is the number of"),
    ] {
        let found = problems(&text(lines));
        assert_eq!((found.len(), found[0].path.as_str()), (1, path), "{found:?}");
        assert!(found[0].reason.contains(reason), "{found:?}");
    }
    for value in ["-1", "4294967296", "1.5", "\"7\""] {
        let error = Plan::parse(&text(&format!("BTC-PERPETUAL = {value}"))).expect_err("no number of the venue");
        assert!(error.to_string().contains("line"), "{value}: {error}");
    }
}

#[test]
fn card_settings_are_read_and_checked() {
    assert_eq!(Plan::parse(MINIMAL).expect("the minimal example").card, SessionOptions::default());
    let with = |lines: &str| format!("{MINIMAL}\n[card]\n{lines}\n");
    let card =
        Plan::parse(&with("on_fault = \"stop\"\ncompare_first_every = 1\nretry_every_ms = 0\nask_after_ms = 0.05"));
    let card = card.expect("a card's settings").card;
    assert_eq!((card.on_fault, card.check_every, card.retry_every), (OnFault::Stop, 1, None));
    assert_eq!(card.ask_after, Duration::from_micros(50));
    for (line, path) in [
        ("ring_size_log2 = 21", "card.ring_size_log2"),
        ("ring_size_log2 = 0", "card.ring_size_log2"),
        ("deadline_ms = 0", "card.deadline_ms"),
        ("swap_deadline_ms = 0", "card.swap_deadline_ms"),
        ("compare_first_every = 0.5", "card.compare_first_every"),
        ("history_commands = -1", "card.history_commands"),
        ("watchdog_cycles = 5e9", "card.watchdog_cycles"),
    ] {
        let found = problems(&with(line));
        assert!(matches!(&found[..], [problem] if problem.path == path), "{line}: {found:?}");
    }
    assert!(Plan::parse(&with("on_fault = \"hope\"")).is_err());
}

const PACKETS: &str = r#"
[packets]
source = "af_xdp"
core = 3
[[packets.line]]
name = "a"
interface = "eth1"
groups = ["239.1.2.3:4220", "239.1.2.4:4230"]
[[packets.line]]
name = "b"
interface = "eth2"
queues = [0, 2]
groups = ["239.1.2.3:4220"]
"#;

#[test]
fn packets_are_taken_from_where_the_configuration_says() {
    assert_eq!(Plan::parse(MINIMAL).expect("the minimal example").packets, None);
    let packets = Plan::parse(&format!("{MINIMAL}{PACKETS}")).expect("it makes sense").packets.expect("packets");
    assert_eq!((packets.source, packets.core, packets.ring_frames), (SourceKind::AfXdp, Some(3), 4096));
    assert_eq!((packets.xdp_mode, packets.checksums), (XdpMode::Auto, Checksums::Verify));
    assert_eq!(packets.lines[1].queues, [0, 2]);
    assert_eq!((packets.lines[0].line, packets.lines[1].line), (Line::A, Line::B));
    assert_eq!(packets.lines[0].groups[1], "239.1.2.4:4230".parse().expect("an address"));
    let capture = PACKETS.replace("\"af_xdp\"", "\"capture\"") + "[packets.capture]\npath = \"x.pcap\"\nspeed = 2.5\n";
    let packets = Plan::parse(&format!("{MINIMAL}{}", capture.replace("\"eth2\"", "\"eth1\"")));
    assert!(packets.is_err(), "a capture cannot tell a group of one line from the same of the other");
    let packets = Plan::parse(&format!("{MINIMAL}{}", capture.replacen("239.1.2.3", "239.1.2.9", 1)));
    assert_eq!(packets.expect("it makes sense").packets.expect("packets").playback.expect("one").speed_per_mille, 2500);
}

#[test]
fn packets_that_cannot_be_are_refused() {
    for (from, to, path, reason) in [
        ("core = 3", "core = 1.5", "packets.core", "whole number"),
        ("core = 3", "ring_frames = 1000", "packets.ring_frames", "power of two"),
        ("core = 3", "ring_frames = 32", "packets.ring_frames", "from 64 to 65536"),
        ("core = 3", "busy_poll_us = -1", "packets.busy_poll_us", "whole number"),
        ("\"af_xdp\"", "\"capture\"", "packets.capture", "name it"),
        ("\"eth1\"", "\"a name that is long\"", "packets.line[0].interface", "ip link"),
        ("\"eth1\"", "\"\"", "packets.line[0].interface", "ip link"),
        ("239.1.2.4:4230", "10.0.0.1:4230", "packets.line[0].groups[1]", "multicast"),
        ("239.1.2.4:4230", "239.1.2.4:0", "packets.line[0].groups[1]", "its port"),
        ("239.1.2.4:4230", "[ff02::1]:4230", "packets.line[0].groups[1]", "IPv4"),
        ("239.1.2.4:4230", "239.1.2.3:4220", "packets.line[0].groups[1]", "already"),
        ("\"eth2\"", "\"eth1\"", "packets.line[1].groups[0]", "already"),
        ("[0, 2]", "[0, -2]", "packets.line[1].queues[1]", "whole number"),
    ] {
        let text = PACKETS.replace(from, to);
        let found = problems(&format!("{MINIMAL}{text}"));
        let is_told = found.iter().any(|problem| problem.path == path && problem.reason.contains(reason));
        assert!(is_told, "{to}: {found:?}");
    }
    let none = problems(&format!("{MINIMAL}\n[packets]\nsource = \"udp\"\n"));
    assert_eq!((none.len(), none[0].path.as_str()), (1, "packets.line"));
    let stray = problems(&format!("{MINIMAL}{PACKETS}[packets.capture]\npath = \"x\"\n"));
    assert_eq!((stray.len(), stray[0].path.as_str()), (1, "packets.capture"));
    for (from, to) in [("\"af_xdp\"", "\"dpdk\""), ("\"a\"", "\"c\""), ("core = 3", "cores = 3")] {
        let error = Plan::parse(&format!("{MINIMAL}{}", PACKETS.replace(from, to))).expect_err("unknown");
        assert!(error.to_string().contains("line"), "{error}");
    }
}
