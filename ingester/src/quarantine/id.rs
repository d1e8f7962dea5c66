//! [`LetterId`]: what a letter is known by.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use spoor_topic::Place;

use super::Letter;

/// Where a letter's record was read: `<topic>/<partition>/<offset>`. The same record set aside again has the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId {
    /// The topic it was read from.
    pub topic: Arc<str>,
    /// Its place there.
    pub place: Place,
}

/// A text that is no [`LetterId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no letter's id, which is <topic>/<partition>/<offset>, as `list` shows it")]
pub struct NoLetterId(String);

impl Letter {
    /// What it is known by.
    #[must_use]
    pub fn id(&self) -> LetterId {
        LetterId { topic: Arc::clone(&self.topic), place: self.place }
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.place.partition, self.place.offset)
    }
}

impl FromStr for LetterId {
    type Err = NoLetterId;

    fn from_str(text: &str) -> Result<Self, NoLetterId> {
        let error = || NoLetterId(text.to_owned());
        let mut parts = text.rsplitn(3, '/');
        let offset = parts.next().and_then(|offset| offset.parse().ok()).ok_or_else(error)?;
        let partition = parts.next().and_then(|partition| partition.parse().ok()).ok_or_else(error)?;
        let topic = parts.next().filter(|topic| !topic.is_empty()).ok_or_else(error)?;
        Ok(Self { topic: topic.into(), place: Place { partition, offset } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_it_is_written() {
        let id = LetterId { topic: "jaeger-spans".into(), place: Place { partition: 3, offset: 1 << 40 } };
        assert_eq!(id.to_string(), "jaeger-spans/3/1099511627776");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn what_is_no_id_is_refused_with_the_form() {
        for text in ["", "a", "a/1", "a/1/x", "a/x/1", "/1/2", "a/1/2/"] {
            let error = text.parse::<LetterId>().expect_err(text);
            assert!(error.to_string().contains("<topic>/<partition>/<offset>"), "{error}");
        }
    }
}
