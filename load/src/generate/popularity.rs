//! Who is popular: ranks drawn by Zipf's law (the k-th most popular is drawn 1/k as often as the first).
//! Whole numbers throughout, so that every machine draws the same ranks.

/// Draws ranks from 0 (the most popular) to `len - 1`.
#[derive(Debug)]
pub(crate) struct Zipf {
    /// `cumulative[k]` is the weight of ranks 0 to k together.
    cumulative: Vec<u64>,
}

impl Zipf {
    const FIRST_WEIGHT: u64 = 1 << 32;

    /// Ranks 0 to `len - 1`; at least one.
    pub(crate) fn new(len: u32) -> Self {
        let weights = (1..=u64::from(len.max(1))).map(|rank| Self::FIRST_WEIGHT / rank);
        let cumulative = weights
            .scan(0_u64, |sum, weight| {
                *sum += weight.max(1);
                Some(*sum)
            })
            .collect();
        Self { cumulative }
    }

    /// The next rank.
    pub(crate) fn draw(&self, rng: &mut fastrand::Rng) -> usize {
        let total = self.cumulative.last().copied().unwrap_or(1);
        let point = rng.u64(0..total);
        self.cumulative.partition_point(|sum| *sum <= point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_the_first_rank_twice_as_often_as_the_second_and_reaches_the_last() {
        let zipf = Zipf::new(100);
        let mut rng = fastrand::Rng::with_seed(1);
        let mut counts = [0_u32; 100];
        for _ in 0..100_000 {
            counts[zipf.draw(&mut rng)] += 1;
        }
        let ratio = f64::from(counts[0]) / f64::from(counts[1]);
        assert!((1.8..2.2).contains(&ratio), "{ratio}");
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    }

    #[test]
    fn a_single_rank_is_always_drawn() {
        assert_eq!(Zipf::new(1).draw(&mut fastrand::Rng::with_seed(9)), 0);
    }
}
