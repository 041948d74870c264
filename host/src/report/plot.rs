//! Draws a chart: its SVG (by plotters), its legend and the notes below it.
//!
//! The picture is drawn in whole units of half a CSS pixel ([`SCALE`]), because the SVG backend takes whole numbers only.
//! Legend and title are left to the page, where text wraps and scales. Every colour is an [`Ink`]: the SVG carries its light
//! shade, and the page's style sheet finds it by that shade and puts the dark one in its place, so that one picture serves
//! both.
//!
//! Invariant: two inks never share a light shade.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{Axis, format_value, nines};
use super::series::{Cleaned, clean, hold, is_drawable, range, thin};
use super::{BandHistory, Bar, Chart, Clock, HedgeMark, HedgeSide, Kind, Series, Width};

/// Drawing units in a CSS pixel.
const SCALE: i32 = 2;

/// Tick labels, CSS pixels; the axis title has the same size.
const FONT_SIZE: f64 = 12.0;

/// Average width of a digit at [`FONT_SIZE`], CSS pixels, on the generous side.
const DIGIT_WIDTH: i32 = 7;

/// Marks of one side closer than this, CSS pixels, cover each other: the first is drawn.
const MARK_SPACING: i32 = 5;

/// A longer bar label is cut.
const BAR_LABEL_CHARS_MAX: usize = 34;

/// A colour with a meaning: name in the style sheet, shade on light ground, shade on dark ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ink {
    pub name: &'static str,
    pub light: (u8, u8, u8),
    pub dark: (u8, u8, u8),
}

const fn ink(name: &'static str, light: (u8, u8, u8), dark: (u8, u8, u8)) -> Ink {
    Ink { name, light, dark }
}

const LABEL: Ink = ink("label", (0x5b, 0x66, 0x75), (0x9a, 0xa7, 0xb7));
const STRONG: Ink = ink("strong", (0x1c, 0x25, 0x31), (0xe4, 0xe9, 0xf0));
const GRID: Ink = ink("grid", (0xe6, 0xea, 0xef), (0x29, 0x31, 0x3c));
const ZERO: Ink = ink("zero", (0x9a, 0xa5, 0xb3), (0x5d, 0x69, 0x78));
const BAND: Ink = ink("band", (0x6f, 0x8f, 0xbf), (0x7f, 0xa2, 0xd8));
const BUY: Ink = ink("buy", (0x10, 0x8a, 0x42), (0x45, 0xcc, 0x7c));
const SELL: Ink = ink("sell", (0xcf, 0x2f, 0x2b), (0xff, 0x7b, 0x72));
const LINES: [Ink; 6] = [
    ink("line-0", (0x1d, 0x5f, 0xd3), (0x6c, 0xa4, 0xff)),
    ink("line-1", (0xd0, 0x6a, 0x0c), (0xf4, 0xa2, 0x52)),
    ink("line-2", (0x0d, 0x8c, 0x8c), (0x3f, 0xc9, 0xc3)),
    ink("line-3", (0x8a, 0x3f, 0xc6), (0xc3, 0x92, 0xf5)),
    ink("line-4", (0xb4, 0x3a, 0x7a), (0xf0, 0x83, 0xb8)),
    ink("line-5", (0x6d, 0x7a, 0x2a), (0xbd, 0xc9, 0x62)),
];

/// Returns every ink, for the style sheet.
pub(super) fn inks() -> impl Iterator<Item = Ink> {
    [LABEL, STRONG, GRID, ZERO, BAND, BUY, SELL].into_iter().chain(LINES)
}

/// The shape of a legend's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyShape {
    Line,
    Area,
    Up,
    Down,
}

/// A legend entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub shape: KeyShape,
    pub ink: Ink,
    pub text: String,
}

/// A chart ready for the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Picture {
    /// The `svg` element, or `None` when there is nothing to draw.
    pub svg: Option<String>,
    pub legend: Vec<Key>,
    pub notes: Vec<String>,
}

/// Draws `chart` for a section of `width`.
pub(super) fn draw(chart: &Chart, width: Width) -> Picture {
    let picture = match &chart.kind {
        Kind::Band(clock, history) => draw_band(&chart.value_label, *clock, history, width),
        Kind::Lines(clock, series) => draw_lines(&chart.value_label, *clock, series, width),
        Kind::Percentiles(stages) => draw_percentiles(&chart.value_label, stages, width),
        Kind::Bars(bars) => draw_bars(&chart.value_label, bars, width),
    };
    debug_assert!(
        picture.svg.as_ref().is_none_or(|svg| svg.ends_with("</svg>\n")),
        "Invariant: the picture is complete"
    );
    picture
}

fn width_px(width: Width) -> i32 {
    match width {
        Width::Full => 1_040,
        Width::Half => 500,
    }
}

fn drop_note(dropped: usize, why: &str) -> Option<String> {
    match dropped {
        0 => None,
        1 => Some(format!("1 point left out ({why}).")),
        more => Some(format!("{more} points left out ({why}).")),
    }
}

const NOT_FINITE: &str = "not a finite number";

fn draw_band(value_label: &str, clock: Clock, history: &BandHistory, width: Width) -> Picture {
    let [net, lower, upper] = [&history.net_delta, &history.lower, &history.upper].map(|points| clean(points, Some));
    let hedges: Vec<HedgeMark> =
        history.hedges.iter().copied().filter(|mark| is_drawable(&(mark.time_s, mark.net_delta))).collect();
    let dropped = net.dropped + lower.dropped + upper.dropped + history.hedges.len() - hedges.len();
    let mut notes: Vec<String> = drop_note(dropped, NOT_FINITE).into_iter().collect();

    let marks = hedges.iter().map(|mark| (mark.time_s, mark.net_delta));
    let all = || net.points.iter().chain(&lower.points).chain(&upper.points).copied().chain(marks.clone());
    let (Some(times), Some(values)) = (range(all().map(|point| point.0)), range(all().map(|point| point.1))) else {
        return Picture { notes, ..Picture::default() };
    };
    let mut canvas = Canvas::new(value_label, width, |x_goal, y_goal| {
        (Axis::time(times.0, times.1, clock, x_goal), Axis::values(values.0, values.1, y_goal))
    });
    let mut legend = Vec::new();
    let [lower, upper] = [lower, upper].map(|edge| canvas.thinned(&hold(&edge.points, times.1)));
    if !lower.is_empty() && !upper.is_empty() {
        canvas.fill_between(&lower, &upper, BAND, 0.20);
        legend.push(key(KeyShape::Area, BAND, "no-trade band"));
    }
    canvas.line(&lower, BAND, 2);
    canvas.line(&upper, BAND, 2);
    if !net.points.is_empty() {
        canvas.line(&canvas.thinned(&net.points), LINES[0], 3);
        legend.insert(0, key(KeyShape::Line, LINES[0], "net delta"));
    }
    let mut drawn = 0;
    for (side, ink, shape, name) in
        [(HedgeSide::Buy, BUY, KeyShape::Up, "buy"), (HedgeSide::Sell, SELL, KeyShape::Down, "sell")]
    {
        let count = hedges.iter().filter(|mark| mark.side == side).count();
        if count > 0 {
            drawn += canvas.marks(&hedges, side, ink);
            legend.push(key(shape, ink, &format!("{name} ({})", format_value(count as f64, 1.0))));
        }
    }
    if drawn < hedges.len() {
        notes.push(format!("{drawn} of {} hedge marks drawn; the others lie under them.", hedges.len()));
    }
    Picture { svg: Some(canvas.finish()), legend, notes }
}

fn draw_lines(value_label: &str, clock: Clock, series: &[Series], width: Width) -> Picture {
    let cleaned: Vec<Cleaned> = series.iter().map(|line| clean(&line.points, Some)).collect();
    let dropped = cleaned.iter().map(|line| line.dropped).sum();
    let notes: Vec<String> = drop_note(dropped, NOT_FINITE).into_iter().collect();
    let all = || cleaned.iter().flat_map(|line| &line.points);
    let (Some(times), Some(values)) = (range(all().map(|point| point.0)), range(all().map(|point| point.1))) else {
        return Picture { notes, ..Picture::default() };
    };
    let mut canvas = Canvas::new(value_label, width, |x_goal, y_goal| {
        (Axis::time(times.0, times.1, clock, x_goal), Axis::values(values.0, values.1, y_goal))
    });
    // The first series is the subject and is drawn last, on top of what it is compared with.
    for (index, (line, cleaned)) in series.iter().zip(&cleaned).enumerate().rev() {
        let held;
        let points = if line.holds {
            held = hold(&cleaned.points, times.1);
            &held
        } else {
            &cleaned.points
        };
        canvas.line(&canvas.thinned(points), line_ink(index), if index == 0 { 4 } else { 3 });
    }
    Picture { svg: Some(canvas.finish()), legend: line_keys(series), notes }
}

fn draw_percentiles(value_label: &str, stages: &[Series], width: Width) -> Picture {
    // The maximum lies infinitely far to the right: it stays a percentile of 100 until the axis has made a place for it.
    let is_valid = |(percentile, ns): (f64, f64)| (0.0..=100.0).contains(&percentile) && ns > 0.0 && ns.is_finite();
    let cleaned: Vec<Cleaned> = stages.iter().map(|stage| clean(&stage.points, |p| is_valid(p).then_some(p))).collect();
    let dropped = cleaned.iter().map(|stage| stage.dropped).sum();
    let notes = drop_note(dropped, "not a percentile, or not a latency above 0").into_iter().collect();
    let all = || cleaned.iter().flat_map(|stage| &stage.points);
    let Some(latencies) = range(all().map(|point| point.1.log10())) else {
        return Picture { notes, ..Picture::default() };
    };
    let highest = all().filter_map(|point| nines(point.0)).fold(0.0, f64::max);
    let has_maximum = all().any(|point| point.0 == 100.0);
    let mut canvas = Canvas::new(value_label, width, |_, _| {
        (Axis::percentiles(highest, has_maximum), Axis::latency(latencies.0, latencies.1))
    });
    let maximum_at = canvas.x.high;
    for (index, stage) in cleaned.iter().enumerate().rev() {
        let placed: Vec<(f64, f64)> =
            stage.points.iter().map(|&(p, ns)| (nines(p).unwrap_or(maximum_at), ns.log10())).collect();
        canvas.line(&canvas.thinned(&placed), line_ink(index), 4);
    }
    Picture { svg: Some(canvas.finish()), legend: line_keys(stages), notes }
}

fn draw_bars(value_label: &str, bars: &[Bar], width: Width) -> Picture {
    let drawable: Vec<&Bar> = bars.iter().filter(|bar| is_drawable(&(0.0, bar.value))).collect();
    let notes = drop_note(bars.len() - drawable.len(), NOT_FINITE).into_iter().collect();
    let Some((low, high)) = range(drawable.iter().map(|bar| bar.value)) else {
        return Picture { notes, ..Picture::default() };
    };
    Picture {
        svg: Some(bar_picture(value_label, &drawable, low.min(0.0), high.max(0.0), width)),
        legend: vec![],
        notes,
    }
}

fn bar_picture(value_label: &str, bars: &[&Bar], low: f64, high: f64, width: Width) -> String {
    const ROW_PX: i32 = 26;
    const TOP_PX: i32 = 26;
    const VALUE_PX: i32 = 90;
    let step = if bars.iter().all(|bar| bar.value.fract() == 0.0) { 1.0 } else { (high - low) / 1_000.0 };
    let labels: Vec<String> = bars.iter().map(|bar| shorten(&bar.label)).collect();
    // Names in capitals are wider than digits.
    let label_px = labels.iter().map(|label| label.chars().count() as i32).max().unwrap_or(0) * (DIGIT_WIDTH + 2) + 14;
    let negative_px = if low < 0.0 { VALUE_PX } else { 0 };
    let (left, right) = (label_px + negative_px, (width_px(width) - VALUE_PX).max(label_px + negative_px + 40));
    let span = if high > low { high - low } else { 1.0 };
    let x_px = |value: f64| left + ((value - low) / span * f64::from(right - left)).round() as i32;

    let height = TOP_PX + ROW_PX * bars.len() as i32 + 6;
    paint(width_px(width), height, |area| {
        text(area, value_label, (0, 0), HPos::Left, VPos::Top, LABEL);
        for (row, (bar, label)) in bars.iter().zip(&labels).enumerate() {
            let middle = TOP_PX + ROW_PX * row as i32 + ROW_PX / 2;
            // A count of one beside a million still shows as a sliver.
            let end = if bar.value > 0.0 { x_px(bar.value).max(x_px(0.0) + 2) } else { x_px(bar.value).min(x_px(0.0)) };
            let (from, to) = (x_px(0.0).min(end), x_px(0.0).max(end));
            let corners = [(from, middle - 8), (to, middle - 8), (to, middle + 8), (from, middle + 8)].map(scaled);
            let ink = if bar.value < 0.0 { LINES[1] } else { LINES[0] };
            fill(area, corners.to_vec(), ink, 1.0);
            text(area, label, (label_px - 10, middle), HPos::Right, VPos::Center, STRONG);
            let (anchor, offset) = if bar.value < 0.0 { (HPos::Right, -8) } else { (HPos::Left, 8) };
            text(area, &format_value(bar.value, step), (end + offset, middle), anchor, VPos::Center, LABEL);
        }
        let zero = [(x_px(0.0), TOP_PX), (x_px(0.0), TOP_PX + ROW_PX * bars.len() as i32)].map(scaled);
        stroke(area, zero.to_vec(), ZERO, 2);
    })
}

fn shorten(label: &str) -> String {
    if label.chars().count() <= BAR_LABEL_CHARS_MAX {
        return label.to_string();
    }
    label.chars().take(BAR_LABEL_CHARS_MAX - 1).chain(['\u{2026}']).collect()
}

fn key(shape: KeyShape, ink: Ink, text: &str) -> Key {
    Key { shape, ink, text: text.to_string() }
}

fn line_ink(index: usize) -> Ink {
    LINES[index % LINES.len()]
}

/// Returns the legend of all series, also of those without a point: that one is empty is worth seeing.
fn line_keys(series: &[Series]) -> Vec<Key> {
    let name =
        |line: &Series| if line.points.is_empty() { format!("{} (no data)", line.name) } else { line.name.clone() };
    series.iter().enumerate().map(|(index, line)| key(KeyShape::Line, line_ink(index), &name(line))).collect()
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// What is drawn, in the order it is drawn; axes are known from the start, the picture is made in one go at the end.
struct Canvas {
    value_label: String,
    width_px: i32,
    height_px: i32,
    left_px: i32,
    x: Axis,
    y: Axis,
    shapes: Vec<Shape>,
}

/// A shape in drawing units.
enum Shape {
    Line(Vec<(i32, i32)>, Ink, u32),
    Fill(Vec<(i32, i32)>, Ink, f64),
}

impl Canvas {
    const TOP_PX: i32 = 28;
    const BOTTOM_PX: i32 = 44;
    const RIGHT_PX: i32 = 22;

    /// Makes a canvas with the axes that `axes` returns for a number of ticks that fits, `x` then `y`.
    fn new(value_label: &str, width: Width, axes: impl FnOnce(usize, usize) -> (Axis, Axis)) -> Self {
        let (width_px, height_px) = (width_px(width), if width == Width::Full { 340 } else { 300 });
        let (x, y) = axes(width_px as usize / 85, height_px as usize / 55);
        let label_chars = y.ticks.iter().map(|tick| tick.label.chars().count()).max().unwrap_or(0) as i32;
        // However long the labels, the plot keeps two thirds.
        let left_px = (label_chars * DIGIT_WIDTH + 14).min(width_px / 3);
        Self { value_label: value_label.to_string(), width_px, height_px, left_px, x, y, shapes: Vec::new() }
    }

    fn plot_width_px(&self) -> i32 {
        self.width_px - Self::RIGHT_PX - self.left_px
    }

    /// Returns where a point of the axes lies, in drawing units.
    fn place(&self, (x, y): (f64, f64)) -> (i32, i32) {
        let height = self.height_px - Self::TOP_PX - Self::BOTTOM_PX;
        let across = self.x.fraction(x) * f64::from(self.plot_width_px() * SCALE);
        let up = self.y.fraction(y) * f64::from(height * SCALE);
        (self.left_px * SCALE + across.round() as i32, (Self::TOP_PX + height) * SCALE - up.round() as i32)
    }

    /// Returns `points` thinned to the pixels of the plot.
    fn thinned(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        thin(points, self.x.low, self.x.high, self.plot_width_px() as usize)
    }

    fn line(&mut self, points: &[(f64, f64)], ink: Ink, stroke: u32) {
        match points {
            [] => {}
            // A line of one point is invisible: show a dot.
            [point] => {
                let (x, y) = self.place(*point);
                self.shapes.push(Shape::Fill(vec![(x - 6, y), (x, y - 6), (x + 6, y), (x, y + 6)], ink, 1.0));
            }
            _ => {
                let mut path: Vec<(i32, i32)> = points.iter().map(|point| self.place(*point)).collect();
                path.dedup();
                self.shapes.push(Shape::Line(path, ink, stroke));
            }
        }
    }

    fn fill_between(&mut self, lower: &[(f64, f64)], upper: &[(f64, f64)], ink: Ink, opacity: f64) {
        let mut path: Vec<(i32, i32)> =
            upper.iter().chain(lower.iter().rev()).map(|point| self.place(*point)).collect();
        path.dedup();
        self.shapes.push(Shape::Fill(path, ink, opacity));
    }

    /// Draws the marks of one side as triangles that point the way of the trade; returns how many had room.
    fn marks(&mut self, hedges: &[HedgeMark], side: HedgeSide, ink: Ink) -> usize {
        let mut places: Vec<(i32, i32)> = hedges
            .iter()
            .filter(|mark| mark.side == side)
            .map(|mark| self.place((mark.time_s, mark.net_delta)))
            .collect();
        places.sort_unstable();
        let (tip, base) = if side == HedgeSide::Buy { (-12, 9) } else { (12, -9) };
        let mut drawn = 0;
        let mut free_from = i32::MIN;
        for (x, y) in places {
            if x >= free_from {
                self.shapes.push(Shape::Fill(vec![(x, y + tip), (x - 11, y + base), (x + 11, y + base)], ink, 1.0));
                free_from = x + MARK_SPACING * SCALE;
                drawn += 1;
            }
        }
        drawn
    }

    /// Returns the picture: grid, shapes, labels.
    fn finish(self) -> String {
        paint(self.width_px, self.height_px, |area| {
            self.draw_grid(area);
            for shape in &self.shapes {
                match shape {
                    Shape::Line(path, ink, width) => {
                        stroke(area, path.clone(), *ink, *width);
                    }
                    Shape::Fill(path, ink, opacity) => fill(area, path.clone(), *ink, *opacity),
                }
            }
            self.draw_labels(area);
        })
    }

    fn draw_grid(&self, area: &Area) {
        let rule = |from: (f64, f64), to: (f64, f64), ink: Ink| {
            stroke(area, vec![self.place(from), self.place(to)], ink, 2);
        };
        for tick in &self.x.ticks {
            rule((tick.at, self.y.low), (tick.at, self.y.high), GRID);
        }
        for tick in &self.y.ticks {
            rule(
                (self.x.low, tick.at),
                (self.x.high, tick.at),
                if tick.at == 0.0 && self.y.low < 0.0 { ZERO } else { GRID },
            );
        }
        rule((self.x.low, self.y.low), (self.x.high, self.y.low), ZERO);
    }

    fn draw_labels(&self, area: &Area) {
        text(area, &self.value_label, (0, 0), HPos::Left, VPos::Top, LABEL);
        let floor_px = self.height_px - Self::BOTTOM_PX;
        for tick in &self.x.ticks {
            let half_px = tick.label.chars().count() as i32 * DIGIT_WIDTH / 2;
            // A label at the right end moves left rather than out of the picture.
            let x_px = (self.place((tick.at, 0.0)).0 / SCALE).min(self.width_px - half_px);
            text(area, &tick.label, (x_px, floor_px + 8), HPos::Center, VPos::Top, LABEL);
        }
        for tick in &self.y.ticks {
            let y_px = self.place((0.0, tick.at)).1 / SCALE;
            text(area, &tick.label, (self.left_px - 8, y_px), HPos::Right, VPos::Center, LABEL);
        }
        let right_px = self.width_px - Self::RIGHT_PX;
        text(area, self.x.unit, (right_px, self.height_px - 1), HPos::Right, VPos::Bottom, LABEL);
    }
}

/// Runs `draw` on an empty picture of the given CSS size and returns the SVG element.
fn paint(width_px: i32, height_px: i32, draw: impl FnOnce(&Area)) -> String {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, ((width_px * SCALE) as u32, (height_px * SCALE) as u32))
            .into_drawing_area();
        draw(&area);
        area.present().expect(INFALLIBLE);
    }
    svg
}

/// The backend writes to a string and has no way to fail.
const INFALLIBLE: &str = "drawing into a string cannot fail";

fn stroke(area: &Area, path: Vec<(i32, i32)>, ink: Ink, width: u32) {
    let element = PathElement::new(path, color(ink).stroke_width(width));
    area.draw(&element).expect(INFALLIBLE);
}

fn fill(area: &Area, outline: Vec<(i32, i32)>, ink: Ink, opacity: f64) {
    let element = Polygon::new(outline, color(ink).mix(opacity));
    area.draw(&element).expect(INFALLIBLE);
}

fn text(area: &Area, label: &str, at_px: (i32, i32), horizontal: HPos, vertical: VPos, ink: Ink) {
    // The backend divides the size it is given by 1.24.
    let size = FONT_SIZE * f64::from(SCALE) * 1.24;
    let color = color(ink);
    let style = TextStyle::from(("sans-serif", size)).color(&color).pos(Pos::new(horizontal, vertical));
    area.draw_text(label, &style, scaled(at_px)).expect(INFALLIBLE);
}

fn scaled((x, y): (i32, i32)) -> (i32, i32) {
    (x * SCALE, y * SCALE)
}

fn color(ink: Ink) -> RGBColor {
    RGBColor(ink.light.0, ink.light.1, ink.light.2)
}
