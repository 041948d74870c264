//! From raw points to what a picture can show: what cannot be drawn is dropped and counted, the rest sorted and thinned.
//!
//! Invariant: of the points that fall in one pixel column, the first, the last, the lowest and the highest are kept.

/// Magnitudes beyond this are treated like infinities, so that the difference of two drawn values is always finite.
pub(super) const MAGNITUDE_MAX: f64 = 1e300;

/// Points fit to draw, by `x`, and how many were not.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Cleaned {
    pub points: Vec<(f64, f64)>,
    pub dropped: usize,
}

/// Keeps the points `place` can put on the axes, at where it puts them, in order of `x`.
pub(super) fn clean(points: &[(f64, f64)], place: impl Fn((f64, f64)) -> Option<(f64, f64)>) -> Cleaned {
    let mut kept: Vec<(f64, f64)> = points.iter().filter_map(|&point| place(point).filter(is_drawable)).collect();
    let dropped = points.len() - kept.len();
    // A stable sort: points of one instant stay in the order they happened.
    kept.sort_by(|left, right| left.0.total_cmp(&right.0));
    Cleaned { points: kept, dropped }
}

/// Returns whether both coordinates are finite and of sane magnitude.
pub(super) fn is_drawable(point: &(f64, f64)) -> bool {
    point.0.abs() <= MAGNITUDE_MAX && point.1.abs() <= MAGNITUDE_MAX
}

/// Puts a corner in front of each change, so that a value holds until the next point, and carries the last to `until`.
pub(super) fn hold(points: &[(f64, f64)], until: f64) -> Vec<(f64, f64)> {
    let mut held: Vec<(f64, f64)> = Vec::with_capacity(2 * points.len() + 1);
    for &(x, y) in points {
        if let Some(&(_, before)) = held.last() {
            held.push((x, before));
        }
        held.push((x, y));
    }
    if let Some(&(x, y)) = held.last()
        && x < until
    {
        held.push((until, y));
    }
    held
}

/// Thins points in order of `x` to at most four for each of `columns` equal parts of `low..=high`: first, lowest, highest, last.
pub(super) fn thin(points: &[(f64, f64)], low: f64, high: f64, columns: usize) -> Vec<(f64, f64)> {
    if points.len() <= 4 * columns || high <= low {
        return points.to_vec();
    }
    let column_of = |x: f64| (((x - low) / (high - low) * columns as f64).max(0.0) as usize).min(columns - 1);
    points.chunk_by(|left, right| column_of(left.0) == column_of(right.0)).flat_map(extremes).collect()
}

/// Returns the first, lowest, highest and last point of a non-empty run, in order and each once.
fn extremes(run: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> + '_ {
    let by_value = |left: &usize, right: &usize| run[*left].1.total_cmp(&run[*right].1);
    let lowest = (0..run.len()).min_by(by_value).unwrap_or(0);
    let highest = (0..run.len()).max_by(by_value).unwrap_or(0);
    let mut kept = [0, lowest, highest, run.len() - 1];
    kept.sort_unstable();
    kept.into_iter().enumerate().filter(move |&(i, index)| i == 0 || kept[i - 1] != index).map(|(_, index)| run[index])
}

/// Returns the range of one coordinate over all points, or `None` without points.
pub(super) fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}
