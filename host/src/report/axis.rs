//! Axes: a range, tick positions and their labels. Four kinds: plain values, time, percentiles, latency on a log scale.
//!
//! Invariants: `low < high`, every tick lies in the range, ticks ascend, and there are at most [`TICKS_MAX`] labels.

use super::Clock;

/// No axis has more ticks than this, whatever its range.
const TICKS_MAX: usize = 40;

/// Percentiles closer to 100 than this many nines are drawn at that many.
const NINES_MAX: f64 = 7.0;

/// Room right of the last decade for the maximum, in decades.
const MAXIMUM_GAP: f64 = 0.6;

/// A labelled position.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub at: f64,
    pub label: String,
}

/// An axis in its own coordinate: value, seconds, nines, or log10 of nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub low: f64,
    pub high: f64,
    pub ticks: Vec<Tick>,
    /// What the labels are in, for the axis' title.
    pub unit: &'static str,
}

impl Axis {
    /// Returns where `value` lies, 0 at the low end and 1 at the high end.
    pub fn fraction(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// Returns an axis of values around `low..=high` with some air, about `tick_goal` ticks.
    pub fn values(low: f64, high: f64, tick_goal: usize) -> Self {
        let (low, high) = reach_zero(low, high);
        let (low, high) = widen(low, high);
        let air = 0.06 * (high - low);
        // An axis that starts or ends at zero keeps that edge: cost is never below nothing.
        let low = if low == 0.0 { 0.0 } else { low - air };
        let high = if high == 0.0 { 0.0 } else { high + air };
        let step = round_step((high - low) / tick_goal as f64);
        let ticks = multiples(low, high, step).map(|at| Tick { at, label: format_value(at, step) }).collect();
        Self { low, high, ticks, unit: "" }
    }

    /// Returns an axis of seconds over `low..=high`, its ends rounded where that takes little, with about `tick_goal` ticks
    /// at round times.
    pub fn time(low: f64, high: f64, clock: Clock, tick_goal: usize) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let step = time_step((high - low) / tick_goal as f64);
        let (low, high) = reach_round(low, high, step);
        let format = TimeFormat::of(clock, high, step);
        let ticks = multiples(low, high, step).map(|at| Tick { at, label: format.label(at, clock, step) }).collect();
        Self { low, high, ticks, unit: format.unit(clock) }
    }

    /// Returns an axis of nines ([`nines`]) that covers `highest` (a finite one) and, if wanted, a place for the maximum.
    pub fn percentiles(highest: f64, has_maximum: bool) -> Self {
        // The rounding of 1 - 0.9999 is no reason for another decade.
        let decades = (highest - 1e-6).ceil().clamp(4.0, NINES_MAX);
        let mut ticks = vec![Tick { at: nines(50.0).unwrap_or(0.0), label: "50".into() }];
        for count in 1..=decades as usize {
            let label = match count {
                1 => "90".to_string(),
                2 => "99".to_string(),
                more => format!("99.{}", "9".repeat(more - 2)),
            };
            ticks.push(Tick { at: count as f64, label });
        }
        let mut high = decades;
        if has_maximum {
            high += MAXIMUM_GAP;
            ticks.push(Tick { at: high, label: "max".into() });
        }
        Self { low: 0.0, high, ticks, unit: "percentile" }
    }

    /// Returns a log axis over `low..=high`, both log10 of nanoseconds.
    pub fn latency(low: f64, high: f64) -> Self {
        let (low, high) = if high - low < 0.3 { (low - 0.15, high + 0.15) } else { (low, high) };
        let air = 0.04 * (high - low);
        let (low, high) = (low - air, high + air);
        let multipliers: &[f64] = if high - low > 3.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        // One label a decade as long as they have room; beyond any real latency, every so many decades.
        let stride = ((high - low) / 14.0).ceil().max(1.0) as usize;
        let decades = (low.floor() as i32..=high.ceil() as i32).step_by(stride);
        let ticks = decades
            .flat_map(|decade| {
                multipliers.iter().map(move |multiplier| (multiplier.log10() + f64::from(decade), decade))
            })
            .filter(|&(at, _)| (low..=high).contains(&at))
            .map(|(at, decade)| Tick { at, label: format_duration(at, decade) })
            .take(TICKS_MAX)
            .collect();
        Self { low, high, ticks, unit: "" }
    }
}

/// Returns a percentile (percent) as decades of `1/(1 - p)`: 90 is 1, 99 is 2. `None` outside `0..100`.
pub(super) fn nines(percentile: f64) -> Option<f64> {
    let tail = 1.0 - percentile / 100.0;
    ((0.0..100.0).contains(&percentile)).then(|| (-tail.log10()).clamp(0.0, NINES_MAX))
}

/// Starts or ends a range at zero when zero is close by: a cost of 2 to 15 is read against nothing spent.
fn reach_zero(low: f64, high: f64) -> (f64, f64) {
    const CLOSE: f64 = 0.3;
    if low > 0.0 && low < CLOSE * high {
        (0.0, high)
    } else if high < 0.0 && high > CLOSE * low {
        (low, 0.0)
    } else {
        (low, high)
    }
}

/// Moves the ends of a range out to a multiple of `step` where one is within a fiftieth of it.
fn reach_round(low: f64, high: f64, step: f64) -> (f64, f64) {
    let near = (high - low) / 50.0;
    let (below, above) = ((low / step).floor() * step, (high / step).ceil() * step);
    (if low - below <= near { below } else { low }, if above - high <= near { above } else { high })
}

/// Gives a range of one value a width that suits its size.
fn widen(low: f64, high: f64) -> (f64, f64) {
    // Below this width f64 cannot tell the ticks apart.
    let width_min = 1e-9 * low.abs().max(high.abs());
    if high - low > width_min {
        return (low, high);
    }
    let half = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
    (low - half, high + half)
}

/// Returns the smallest of 1, 2, 5 times a power of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|multiplier| multiplier * decade)
        .find(|step| *step >= least)
        .unwrap_or(10.0 * decade)
}

/// Returns the smallest step that people count time in and that is not below `least_s` seconds.
fn time_step(least_s: f64) -> f64 {
    const STEPS_S: [f64; 20] = [
        1.0,
        2.0,
        5.0,
        10.0,
        15.0,
        30.0,
        60.0,
        120.0,
        300.0,
        600.0,
        900.0,
        1_800.0,
        3_600.0,
        7_200.0,
        10_800.0,
        21_600.0,
        43_200.0,
        DAY_S,
        2.0 * DAY_S,
        7.0 * DAY_S,
    ];
    if least_s <= 0.5 {
        return round_step(least_s.max(1e-6));
    }
    STEPS_S.into_iter().find(|step| *step >= least_s).unwrap_or_else(|| round_step(least_s / DAY_S) * DAY_S)
}

const DAY_S: f64 = 86_400.0;

/// Returns the multiples of `step` in `low..=high`.
fn multiples(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    // A millionth of a step forgives the rounding of the division.
    let first = (low / step - 1e-6).ceil();
    let last = (high / step + 1e-6).floor();
    let count = (last - first + 1.0).clamp(0.0, TICKS_MAX as f64) as usize;
    (0..count).map(move |i| {
        let at = (first + i as f64) * step;
        // Never a tick at "-0".
        if at == 0.0 { 0.0 } else { at.clamp(low, high) }
    })
}

/// Formats a value to the digits that `step` needs, thousands set apart, with a true minus sign.
pub(super) fn format_value(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "0".to_string();
    }
    let size = value.abs().max(step.abs());
    if size >= 1e15 || (step != 0.0 && step.abs() < 1e-9) {
        return format!("{value:e}").replace('-', "\u{2212}");
    }
    let decimals = if step > 0.0 { (-step.log10().floor()).clamp(0.0, 9.0) as usize } else { 0 };
    let digits = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = digits.split_once('.').map_or((digits.as_str(), None), |(whole, part)| (whole, Some(part)));
    let mut text = if value < 0.0 { "\u{2212}".to_string() } else { String::new() };
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// Formats a log10 of nanoseconds that is one of 1, 2, 5 times its decade, in the unit that keeps it short.
fn format_duration(log10_ns: f64, decade: i32) -> String {
    let (shift, unit) = match decade {
        ..3 => (0, "ns"),
        3..6 => (3, "\u{b5}s"),
        6..9 => (6, "ms"),
        _ => (9, "s"),
    };
    if !(-9..18).contains(&decade) {
        // Not a latency any more: the order of magnitude is all there is to say.
        return format!("1e{} s", decade - 9).replace('-', "\u{2212}");
    }
    let value = 10f64.powf(log10_ns - f64::from(shift));
    let decimals = usize::try_from(shift - decade).unwrap_or(0);
    format!("{value:.decimals$} {unit}")
}

/// How far down a time label goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeFormat {
    MinutesSeconds,
    HoursMinutes,
    HoursMinutesSeconds,
    Days,
}

impl TimeFormat {
    fn of(clock: Clock, high: f64, step: f64) -> Self {
        match clock {
            _ if step >= DAY_S => Self::Days,
            Clock::Elapsed if high <= 3_600.0 => Self::MinutesSeconds,
            _ if step >= 60.0 => Self::HoursMinutes,
            _ => Self::HoursMinutesSeconds,
        }
    }

    fn unit(self, clock: Clock) -> &'static str {
        match (clock, self) {
            (Clock::Elapsed, Self::MinutesSeconds) => "elapsed, mm:ss",
            (Clock::Elapsed, Self::HoursMinutes) => "elapsed, hh:mm",
            (Clock::Elapsed, Self::HoursMinutesSeconds) => "elapsed, hh:mm:ss",
            (Clock::Elapsed, Self::Days) => "elapsed, days",
            (Clock::Utc, Self::HoursMinutes) => "UTC, hh:mm",
            (Clock::Utc, Self::Days) => "UTC, date",
            (Clock::Utc, _) => "UTC, hh:mm:ss",
        }
    }

    fn label(self, at: f64, clock: Clock, step: f64) -> String {
        match (clock, self) {
            (Clock::Elapsed, Self::Days) => format_value(at / DAY_S, step / DAY_S),
            (Clock::Utc, Self::Days) => date(at),
            // Midnight is where the date belongs on an axis of hours.
            (Clock::Utc, Self::HoursMinutes) if at.rem_euclid(DAY_S) == 0.0 => date(at),
            (Clock::Utc, _) => self.clock_face(at.rem_euclid(DAY_S), step),
            (Clock::Elapsed, _) if at < 0.0 => format!("\u{2212}{}", self.clock_face(-at, step)),
            (Clock::Elapsed, _) => self.clock_face(at, step),
        }
    }

    fn clock_face(self, seconds: f64, step: f64) -> String {
        let decimals = if step < 1.0 { (-step.log10().floor()).clamp(1.0, 6.0) as usize } else { 0 };
        let unit = 10u64.pow(decimals as u32);
        // In whole units of the last digit, so that 59.9999 does not become ":60".
        let total = (seconds * unit as f64).round() as u64;
        let (whole, part) = (total / unit, total % unit);
        let (hours, minutes, seconds) = (whole / 3_600, whole / 60 % 60, whole % 60);
        let mut text = match self {
            Self::HoursMinutes => format!("{hours:02}:{minutes:02}"),
            Self::HoursMinutesSeconds => format!("{hours:02}:{minutes:02}:{seconds:02}"),
            _ => format!("{:02}:{seconds:02}", whole / 60),
        };
        if decimals > 0 && self != Self::HoursMinutes {
            text.push_str(&format!(".{part:0decimals$}"));
        }
        text
    }
}

/// Returns the UTC date of a Unix time as month and day, or the bare seconds where the calendar ends.
fn date(unix_s: f64) -> String {
    match jiff::Timestamp::from_second(unix_s as i64) {
        Ok(timestamp) => timestamp.strftime("%m-%d").to_string(),
        Err(_) => format_value(unix_s, DAY_S),
    }
}
