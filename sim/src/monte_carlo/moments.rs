//! Moments of a sample, with the standard errors of mean and deviation.

/// Mean, standard deviation, skewness and excess kurtosis.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    /// Sample size.
    pub count: usize,
    /// Mean.
    pub mean: f64,
    /// Standard deviation, with `n - 1`.
    pub deviation: f64,
    /// Third standardised moment.
    pub skewness: f64,
    /// Fourth standardised moment less 3.
    pub excess_kurtosis: f64,
}

impl Moments {
    /// Moments of a sample; zero where it is too small for them.
    pub fn of(sample: &[f64]) -> Self {
        let count = sample.len();
        let n = count as f64;
        if count < 2 {
            return Self { count, mean: sample.first().copied().unwrap_or(0.0), ..Self::default() };
        }
        let mean = sample.iter().sum::<f64>() / n;
        let power = |exponent: i32| sample.iter().map(|value| (value - mean).powi(exponent)).sum::<f64>() / n;
        let variance = power(2);
        let deviation = (variance * n / (n - 1.0)).sqrt();
        if variance == 0.0 {
            return Self { count, mean, ..Self::default() };
        }
        let skewness = power(3) / variance.powf(1.5);
        let excess_kurtosis = power(4) / (variance * variance) - 3.0;
        Self { count, mean, deviation, skewness, excess_kurtosis }
    }

    /// Standard error of the mean.
    pub fn mean_error(&self) -> f64 {
        self.deviation / (self.count as f64).sqrt()
    }

    /// Standard error of the standard deviation, by the delta method: `sd sqrt((kurtosis - 1)/(4 n))`.
    pub fn deviation_error(&self) -> f64 {
        self.deviation * ((self.excess_kurtosis + 2.0).max(0.0) / (4.0 * self.count as f64)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_a_small_sample_are_those_worked_out_by_hand() {
        let moments = Moments::of(&[1.0, 2.0, 3.0, 6.0]);
        assert_eq!(moments.mean, 3.0);
        // Squared differences 4, 1, 0, 9; cubes -8, -1, 0, 27; fourths 16, 1, 0, 81.
        assert!((moments.deviation - (14.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert!((moments.skewness - 4.5 / 3.5f64.powf(1.5)).abs() < 1e-15);
        assert!((moments.excess_kurtosis - (24.5 / 12.25 - 3.0)).abs() < 1e-15);
    }

    #[test]
    fn a_sample_without_spread_has_no_higher_moments() {
        assert_eq!(Moments::of(&[2.0, 2.0]), Moments { count: 2, mean: 2.0, ..Moments::default() });
        assert_eq!(Moments::of(&[]), Moments::default());
    }
}
