//! Behaviour of the report as a whole; each test reads the page or one of the steps towards it.

use super::axis::{Axis, format_value, nines};
use super::page::escape;
use super::plot;
use super::series::{clean, hold, thin};
use super::*;

fn sine(count: usize) -> Vec<(f64, f64)> {
    (0..count).map(|i| (i as f64, (i as f64 * 0.01).sin())).collect()
}

fn sample() -> Report {
    let history = BandHistory {
        net_delta: sine(5_000),
        lower: vec![(0.0, -0.8), (2_000.0, -0.9)],
        upper: vec![(0.0, 0.8), (2_000.0, 0.9)],
        hedges: vec![
            HedgeMark { time_s: 100.0, net_delta: -0.8, side: HedgeSide::Buy },
            HedgeMark { time_s: 400.0, net_delta: 0.8, side: HedgeSide::Sell },
        ],
    };
    let latency =
        Series::new("decode", vec![(0.0, 80.0), (50.0, 110.0), (99.0, 300.0), (99.99, 4_000.0), (100.0, 90_000.0)]);
    Report {
        title: "Run".into(),
        subtitle: "sample".into(),
        facts: vec![Fact::new("Hedges", "2", "one each way")],
        sections: vec![
            Section::chart("Band", "", Chart::band("net delta, BTC", Clock::Elapsed, history)),
            Section::chart("Profit", "", Chart::lines("USD", Clock::Utc, vec![Series::stepped("hedged", sine(100))]))
                .half(),
            Section::chart("Latency", "", Chart::percentiles("latency", vec![latency])),
            Section::chart(
                "Refusals",
                "",
                Chart::bars("count", vec![Bar::new("in band", 12_345.0), Bar::new("loss", -1.0)]),
            ),
            Section::table("Totals", "", Table { columns: vec![Column::number("n")], rows: vec![vec!["1".into()]] }),
        ],
    }
}

fn page_of(chart: Chart) -> String {
    Report { sections: vec![Section::chart("Chart", "", chart)], ..Report::default() }.to_html()
}

fn labels(axis: &Axis) -> Vec<&str> {
    axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
}

#[test]
fn text_is_escaped_wherever_a_caller_can_put_it() {
    let hostile = "<script>\"x\" & 'y'</script>";
    assert_eq!(escape(hostile), "&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;");
    let line = Series::new(hostile, vec![(0.0, 1.0), (1.0, 2.0)]);
    let report = Report {
        title: hostile.into(),
        subtitle: hostile.into(),
        facts: vec![Fact::new(hostile, hostile, hostile)],
        sections: vec![
            Section::chart(hostile, hostile, Chart::lines(hostile, Clock::Elapsed, vec![line])),
            Section::chart(hostile, hostile, Chart::bars(hostile, vec![Bar::new(hostile, 1.0)])),
            Section::table(
                hostile,
                hostile,
                Table { columns: vec![Column::text(hostile)], rows: vec![vec![hostile.into(), hostile.into()]] },
            ),
        ],
    };
    let html = report.to_html();
    assert!(!html.contains("<script"), "a tag of the caller reached the page");
    assert!(!html.contains("\"x\""), "a quote of the caller reached the page");
}

#[test]
fn control_characters_become_visible() {
    assert_eq!(escape("a\0b\x1bc\td\ne"), "a\u{fffd}b\u{fffd}c\td\ne");
}

#[test]
fn page_asks_for_nothing_outside_itself() {
    let html = sample().to_html();
    for word in ["<script", "<link", "<img", "src=", "href=", "url(", "@import"] {
        assert!(!html.contains(word), "{word}");
    }
    let addresses: Vec<&str> = html.matches("http").collect();
    assert_eq!(
        addresses.len(),
        html.matches("http://www.w3.org/2000/svg").count(),
        "an address beside the SVG name space"
    );
}

#[test]
fn every_chart_without_points_says_so() {
    let empty = || vec![Series::new("a", vec![])];
    for chart in [
        Chart::band("x", Clock::Elapsed, BandHistory::default()),
        Chart::lines("x", Clock::Utc, vec![]),
        Chart::lines("x", Clock::Utc, empty()),
        Chart::percentiles("x", empty()),
        Chart::bars("x", vec![]),
        Chart::lines("x", Clock::Elapsed, vec![Series::new("a", vec![(f64::NAN, 1.0)])]),
    ] {
        let html = page_of(chart);
        assert!(html.contains("no data"));
        assert!(!html.contains("<svg"));
    }
}

#[test]
fn a_table_without_rows_says_so_and_a_short_row_is_filled() {
    let table = |rows| Section::table("t", "", Table { columns: vec![Column::text("a"), Column::number("b")], rows });
    let page = |rows| Report { sections: vec![table(rows)], ..Report::default() }.to_html();
    assert!(page(vec![]).contains("no data"));
    assert!(page(vec![vec!["1".into()]]).contains("<td>1</td><td class=\"number\"></td>"));
}

#[test]
fn points_that_are_not_numbers_are_dropped_and_counted() {
    let points = vec![(0.0, 1.0), (1.0, f64::NAN), (f64::INFINITY, 1.0), (2.0, -f64::INFINITY), (3.0, 1.0)];
    let html = page_of(Chart::lines("USD", Clock::Elapsed, vec![Series::new("a", points)]));
    assert!(html.contains("3 points left out"));
    assert!(html.contains("<svg"));
    assert!(!html.contains("NaN") && !html.contains("inf"));
    assert!(page_of(Chart::bars("n", vec![Bar::new("a", 1.0), Bar::new("b", f64::NAN)])).contains("1 point left out"));
}

#[test]
fn latencies_that_a_log_axis_cannot_show_are_dropped_and_counted() {
    let stage = Series::new("a", vec![(50.0, 10.0), (99.0, 0.0), (101.0, 5.0), (-1.0, 5.0), (99.9, 20.0)]);
    assert!(page_of(Chart::percentiles("ns", vec![stage])).contains("3 points left out"));
}

#[test]
fn thinning_keeps_a_spike_of_one_sample_and_both_ends() {
    let mut points = sine(200_000);
    points[123_456].1 = 50.0;
    points[77_777].1 = -40.0;
    let thinned = thin(&points, 0.0, 199_999.0, 900);
    assert!(thinned.len() <= 4 * 900);
    assert!(thinned.contains(&points[123_456]) && thinned.contains(&points[77_777]));
    assert_eq!((thinned.first(), thinned.last()), (points.first(), points.last()));
    assert!(thinned.is_sorted_by(|left, right| left.0 <= right.0));
}

#[test]
fn thinning_keeps_every_columns_extremes() {
    let points: Vec<(f64, f64)> = (0..10_000).map(|i| (f64::from(i), f64::from((i * 7_919) % 10_007))).collect();
    let thinned = thin(&points, 0.0, 10_000.0, 100);
    for column in points.chunks(100) {
        let inside = |point: &&(f64, f64)| (column[0].0..=column[99].0).contains(&point.0);
        let extremes = |values: Vec<f64>| {
            (values.iter().copied().fold(f64::MAX, f64::min), values.iter().copied().fold(f64::MIN, f64::max))
        };
        let kept = extremes(thinned.iter().filter(inside).map(|point| point.1).collect());
        assert_eq!(kept, extremes(column.iter().map(|point| point.1).collect()));
    }
}

#[test]
fn a_short_series_is_not_thinned() {
    let points = sine(100);
    assert_eq!(thin(&points, 0.0, 99.0, 25), points);
    assert_eq!(thin(&points, 5.0, 5.0, 1), points);
}

#[test]
fn points_out_of_order_are_sorted_and_ties_keep_their_order() {
    let cleaned = clean(&[(2.0, 1.0), (1.0, 5.0), (1.0, 4.0)], Some);
    assert_eq!(cleaned.points, [(1.0, 5.0), (1.0, 4.0), (2.0, 1.0)]);
}

#[test]
fn a_held_value_turns_a_corner_and_reaches_the_end() {
    assert_eq!(hold(&[(0.0, 1.0), (5.0, 3.0)], 9.0), [(0.0, 1.0), (5.0, 1.0), (5.0, 3.0), (9.0, 3.0)]);
    assert!(hold(&[], 9.0).is_empty());
}

#[test]
fn equal_reports_give_equal_pages() {
    assert_eq!(sample().to_html(), sample().to_html());
}

#[test]
fn inks_are_told_apart_by_their_light_shade() {
    let mut shades: Vec<_> = plot::inks().map(|ink| ink.light).collect();
    let count = shades.len();
    shades.sort_unstable();
    shades.dedup();
    assert_eq!(shades.len(), count);
}

#[test]
fn percentile_axis_counts_nines() {
    assert_eq!(nines(0.0), Some(0.0));
    for (percentile, decades) in [(90.0, 1.0), (99.0, 2.0), (99.9, 3.0), (99.99, 4.0)] {
        assert!((nines(percentile).expect("below 100") - decades).abs() < 1e-9, "{percentile}");
    }
    assert_eq!([nines(100.0), nines(-1.0), nines(f64::NAN)], [None; 3]);
    assert_eq!(labels(&Axis::percentiles(1.0, false)), ["50", "90", "99", "99.9", "99.99"]);
    for nine in [99.99, 99.999, 99.9999] {
        let highest = nines(nine).expect("below 100");
        assert_eq!(Axis::percentiles(highest, false).high, highest.round(), "{nine} needs no further decade");
    }
    let longer = Axis::percentiles(4.5, true);
    assert_eq!(labels(&longer), ["50", "90", "99", "99.9", "99.99", "99.999", "max"]);
    assert_eq!(longer.ticks.last().map(|tick| tick.at), Some(longer.high));
}

#[test]
fn latency_axis_labels_are_round_and_carry_their_unit() {
    assert_eq!(labels(&Axis::latency(0.9, 2.1)), ["10 ns", "20 ns", "50 ns", "100 ns"]);
    assert_eq!(labels(&Axis::latency(1.9, 7.0)), ["100 ns", "1 \u{b5}s", "10 \u{b5}s", "100 \u{b5}s", "1 ms", "10 ms"]);
    assert_eq!(labels(&Axis::latency(3.0, 3.0)), ["1 \u{b5}s"]);
}

#[test]
fn time_axis_shows_minutes_or_hours_as_the_span_asks() {
    let elapsed = Axis::time(0.0, 120.0, Clock::Elapsed, 5);
    assert_eq!(labels(&elapsed), ["00:00", "00:30", "01:00", "01:30", "02:00"]);
    assert_eq!(elapsed.unit, "elapsed, mm:ss");
    assert_eq!(labels(&Axis::time(0.0, 7_200.0, Clock::Elapsed, 5)), ["00:00", "00:30", "01:00", "01:30", "02:00"]);
    assert_eq!(
        labels(&Axis::time(0.0, 0.2, Clock::Elapsed, 5)),
        ["00:00.00", "00:00.05", "00:00.10", "00:00.15", "00:00.20"]
    );
    // 2024-06-07 22:00 UTC and four hours on: midnight carries the date.
    let night = Axis::time(1_717_797_600.0, 1_717_812_000.0, Clock::Utc, 4);
    assert_eq!(labels(&night), ["22:00", "23:00", "06-08", "01:00", "02:00"]);
    let nearly = Axis::time(0.004, 119.99, Clock::Elapsed, 5);
    assert_eq!((nearly.low, nearly.high), (0.0, 120.0), "an end beside a round time is moved to it");
    assert_eq!(labels(&Axis::time(5.0, 5.0, Clock::Elapsed, 1)), ["00:05", "00:06"]);
}

#[test]
fn value_axis_ticks_are_round_and_inside_the_range() {
    assert_eq!(labels(&Axis::values(0.0, 1_234_567.0, 5)), ["0", "500,000", "1,000,000"]);
    assert_eq!(labels(&Axis::values(-0.011, 0.013, 6)), ["\u{2212}0.010", "\u{2212}0.005", "0", "0.005", "0.010"]);
    assert_eq!(Axis::values(2.0, 15.0, 5).low, 0.0, "zero close by is shown");
    assert_eq!(Axis::values(-15.0, -2.0, 5).high, 0.0, "zero close by is shown");
    for (low, high) in [(0.0, 0.0), (7.0, 7.0), (-1e300, 1e300), (1e15, 1e15 + 1.0), (0.0, 1e-300)] {
        let axis = Axis::values(low, high, 6);
        assert!(axis.low < axis.high && !axis.ticks.is_empty(), "{low} {high}");
        assert!(axis.ticks.iter().all(|tick| (axis.low..=axis.high).contains(&tick.at)), "{low} {high}");
    }
}

#[test]
fn values_are_formatted_to_the_step() {
    assert_eq!(format_value(-1_234.5, 0.5), "\u{2212}1,234.5");
    assert_eq!(format_value(999.0, 1.0), "999");
    assert_eq!(format_value(1e18, 1.0), "1e18");
}

#[test]
fn marks_that_cover_each_other_are_counted() {
    let mark = |i: i32| HedgeMark { time_s: f64::from(i), net_delta: 0.0, side: HedgeSide::Buy };
    let history = BandHistory { hedges: (0..10_000).map(mark).collect(), ..BandHistory::default() };
    let html = page_of(Chart::band("BTC", Clock::Elapsed, history));
    assert!(html.contains("of 10000 hedge marks drawn"));
    assert!(html.contains("buy (10,000)"));
    assert!(html.len() < 100_000, "{} bytes", html.len());
}

#[test]
fn values_of_any_size_are_drawn_without_a_panic() {
    for size in [1e300, 1e18, 1e-300, f64::MIN_POSITIVE / 4.0] {
        let points = vec![(-size, -size), (0.0, size), (size, 0.5 * size)];
        for clock in [Clock::Elapsed, Clock::Utc] {
            assert!(page_of(Chart::lines("x", clock, vec![Series::stepped("a", points.clone())])).contains("<svg"));
        }
        assert!(page_of(Chart::bars("x", vec![Bar::new("a", size), Bar::new("b", -size)])).contains("<svg"));
        assert!(
            page_of(Chart::percentiles("x", vec![Series::new("a", vec![(50.0, size), (100.0, 1.0)])])).contains("<svg")
        );
    }
}

#[test]
fn a_single_point_is_visible() {
    assert!(
        page_of(Chart::lines("USD", Clock::Elapsed, vec![Series::new("a", vec![(3.0, 4.0)])])).contains("<polygon")
    );
}

#[test]
fn write_replaces_the_file_and_leaves_nothing_beside_it() {
    let directory = std::env::temp_dir().join(format!("hedgewire-report-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a temporary directory");
    let path = directory.join("report.html");
    fs::write(&path, "old").expect("a file to replace");
    sample().write(&path).expect("written");
    assert_eq!(fs::read_to_string(&path).expect("readable"), sample().to_html());
    assert_eq!(fs::read_dir(&directory).expect("listable").count(), 1);
    assert!(sample().write(&directory.join("missing").join("report.html")).is_err());
    assert!(sample().write(Path::new("/")).is_err());
    fs::remove_dir_all(&directory).expect("removable");
}
