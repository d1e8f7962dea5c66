//! Reading `/metrics` in the classic text form.

use anyhow::{Context, Result};

/// All samples of one scrape.
#[derive(Debug, Clone)]
pub struct Samples(Vec<(String, f64)>);

impl Samples {
    /// Parses the classic text.
    ///
    /// # Errors
    /// When a line is no sample.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let samples = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').with_context(|| format!("`{line}` is no sample"))?;
            Ok((name.to_owned(), value.parse().with_context(|| format!("`{line}` has no number"))?))
        });
        Ok(Self(samples.collect::<Result<_>>()?))
    }

    /// The sum over all samples of that name whose labels contain `label` (empty: any).
    #[must_use]
    pub fn sum(&self, name: &str, label: &str) -> f64 {
        let of_name = |sample: &str| {
            sample == name || sample.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'))
        };
        self.0
            .iter()
            .filter(|(sample, _)| of_name(sample) && sample.contains(label))
            .map(|(_, value)| value)
            .sum()
    }

    /// True when there is a sample of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(sample, _)| sample.split('{').next() == Some(name))
    }
}
