//! [`WithFallback`]: a second place for letters that the first will never take.

use std::time::Instant;

use async_trait::async_trait;

use spoor_pipeline::Quiet;

use super::{Letter, Quarantine, QuarantineError};

/// Sets aside in the first place; what only a person could heal there ([`QuarantineError::may_heal`] is false) goes to the
/// second: a letter that is too large, any letter while there is no such topic or we may not write to it. What may heal is answered as
/// it is: a topic that is away for a while is waited for, so that its letters are not scattered.
pub struct WithFallback<F, S> {
    first: F,
    second: S,
    lines: Quiet,
}

impl<F: Quarantine, S: Quarantine> WithFallback<F, S> {
    /// In this order.
    #[must_use]
    pub fn new(first: F, second: S) -> Self {
        Self { first, second, lines: Quiet::default() }
    }
}

#[async_trait]
impl<F: Quarantine, S: Quarantine> Quarantine for WithFallback<F, S> {
    async fn set_aside(&self, letters: &[Letter], deadline: Instant) -> Vec<Result<(), QuarantineError>> {
        let mut answers = self.first.set_aside(letters, deadline).await;
        let (mut refused, mut again) = (Vec::new(), Vec::new());
        for (letter, answer) in letters.iter().zip(&mut answers) {
            if let Err(error) = answer
                && !error.may_heal
            {
                again.push(letter.clone());
                refused.push(answer);
            }
        }
        let Some(Err(example)) = refused.first() else { return answers };
        if let Some(left_out) = self.lines.allows() {
            tracing::warn!(
                letters = again.len(),
                left_out,
                first = self.first.destination(),
                second = self.second.destination(),
                problem = example.problem,
                "dead letters go to the second place, since the first does not take them"
            );
        }
        let second = self.second.set_aside(&again, deadline).await;
        for (answer, second) in refused.into_iter().zip(second) {
            *answer = second.map_err(|error| both(answer, error));
        }
        answers
    }

    fn destination(&self) -> String {
        format!("{}, or else {}", self.first.destination(), self.second.destination())
    }
}

/// What was wrong with both.
fn both(first: &Result<(), QuarantineError>, second: QuarantineError) -> QuarantineError {
    match first {
        Ok(()) => second,
        Err(first) => QuarantineError {
            destination: format!("{}, then {}", first.destination, second.destination),
            problem: format!("{}; then: {}", first.problem, second.problem),
            may_heal: second.may_heal,
        },
    }
}
