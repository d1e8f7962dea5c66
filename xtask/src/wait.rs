//! Waiting for something outside this process: a condition asked again and again, with a deadline.
//!
//! The one place that sleeps; nothing here runs on an async runtime.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Asks `condition` every `interval` until it gives a value, at most for `limit`; `None` means the time is over.
///
/// # Errors
/// The first error of `condition` ends the wait.
pub fn until<T>(
    limit: Duration,
    interval: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = condition()? {
            return Ok(Some(value));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        pause(interval);
    }
}

#[expect(clippy::disallowed_methods, reason = "no runtime here: the thread has nothing else to do than wait")]
fn pause(interval: Duration) {
    std::thread::sleep(interval);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(1);

    #[test]
    fn asks_again_until_the_condition_gives_a_value() {
        let mut asked = 0;
        let got = until(Duration::from_secs(60), SHORT, || {
            asked += 1;
            Ok((asked == 3).then_some(asked))
        });
        assert_eq!(got.unwrap(), Some(3));
    }

    #[test]
    fn gives_up_when_the_time_is_over_and_asks_at_least_once() {
        let mut asked = 0;
        let got = until(Duration::ZERO, SHORT, || -> Result<Option<()>> {
            asked += 1;
            Ok(None)
        });
        assert_eq!((got.unwrap(), asked), (None, 1));
    }

    #[test]
    fn an_error_ends_the_wait() {
        let got = until(Duration::from_secs(60), SHORT, || -> Result<Option<()>> { anyhow::bail!("broken") });
        assert_eq!(got.unwrap_err().to_string(), "broken");
    }
}
