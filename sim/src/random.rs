//! Seeded random numbers of the shapes that markets need.
//!
//! Everything random in a simulation comes from one explicit seed through ChaCha8, whose output is
//! the same on every machine. Independent streams of one seed are for parts that must not disturb
//! each other: drawing more in one of them changes nothing in another.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of random numbers.
#[derive(Debug)]
pub struct Random {
    rng: ChaCha8Rng,
    /// The second number of the last pair of normals.
    spare: Option<f64>,
}

impl Random {
    /// Stream number `stream` of `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self { rng, spare: None }
    }

    /// Uniform in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        self.rng.random()
    }

    /// Uniform in `0 .. count`; `count` must be positive.
    pub fn index(&mut self, count: usize) -> usize {
        self.rng.random_range(0..count)
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Standard normal: G. E. P. Box and M. E. Muller (1958), two at a time.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // 1 - u is in (0, 1], so the logarithm is finite.
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }

    /// Exponential with the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.uniform())
    }

    /// One of several with the given weights, which must not all be zero.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.uniform() * weights.iter().sum::<f64>();
        for (i, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return i;
            }
        }
        weights.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normals_have_the_first_four_moments_of_the_normal_distribution() {
        let seed = 7;
        let mut random = Random::new(seed, 0);
        let count = 400_000;
        let mut powers = [0.0; 4];
        for _ in 0..count {
            let z = random.normal();
            for (i, power) in powers.iter_mut().enumerate() {
                *power += z.powi(i as i32 + 1) / f64::from(count);
            }
        }
        // Variances of z, z^2, z^3, z^4 are 1, 2, 15, 96; five standard errors.
        let expected = [(0.0, 1.0), (1.0, 2.0), (0.0, 15.0), (3.0, 96.0)];
        for (power, (mean, variance)) in powers.into_iter().zip(expected) {
            let tolerance = 5.0 * f64::sqrt(variance / f64::from(count));
            assert!((power - mean).abs() < tolerance, "seed {seed}: {power} is not {mean} +- {tolerance}");
        }
    }

    #[test]
    fn streams_differ_and_repeat() {
        let draw = |stream| {
            let mut random = Random::new(11, stream);
            [random.normal(), random.uniform(), random.exponential(2.0)]
        };
        assert_eq!(draw(0), draw(0));
        assert_ne!(draw(0), draw(1));
    }

    #[test]
    fn weighted_choice_follows_its_weights() {
        let mut random = Random::new(3, 0);
        let mut counts = [0u32; 3];
        for _ in 0..40_000 {
            counts[random.weighted(&[1.0, 0.0, 3.0])] += 1;
        }
        assert_eq!(counts[1], 0);
        // Four standard deviations of a binomial with p = 1/4 are 346.
        assert!(counts[0].abs_diff(10_000) < 346, "{counts:?}");
    }
}
