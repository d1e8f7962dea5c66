//! Budgets with immediate refusal: so many requests, so many bytes, and whoever finds no room is told at once.
//! Nothing waits here; waiting senders would hold what is scarce.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// No request may be larger, whatever a configuration says: gRPC counts lengths with 32 bits, a span batch with 31.
pub const MAX_REQUEST_BYTES: usize = (1 << 31) - 1;

/// A bound on something that is held for a while. Clones share the same budget.
#[derive(Debug, Clone)]
pub struct Budget(Arc<State>);

#[derive(Debug)]
struct State {
    limit: usize,
    held: AtomicUsize,
}

/// No room: the limit would be passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no room: {held} of {limit} are in use and {wanted} more were wanted")]
pub struct Full {
    /// How much is held by others and by the asker.
    pub held: usize,
    /// How much there is.
    pub limit: usize,
    /// How much was asked for.
    pub wanted: usize,
}

impl Budget {
    /// A budget of `limit` units (requests, bytes).
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(State { limit, held: AtomicUsize::new(0) }))
    }

    /// A budget that never runs out.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(usize::MAX)
    }

    /// Takes `amount` units (0 is fine, for a permit that grows later).
    ///
    /// # Errors
    /// [`Full`] when they are not there; nothing is taken then.
    pub fn take(&self, amount: usize) -> Result<Permit, Full> {
        let mut permit = Permit { budget: self.clone(), amount: 0 };
        permit.grow(amount)?;
        Ok(permit)
    }

    /// How much is held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// How much there is.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.limit
    }
}

/// A part of a budget; dropping it gives it back.
#[derive(Debug)]
pub struct Permit {
    budget: Budget,
    amount: usize,
}

impl Permit {
    /// Takes `more` units on top.
    ///
    /// # Errors
    /// [`Full`] when they are not there; what is held already stays.
    pub fn grow(&mut self, more: usize) -> Result<(), Full> {
        let State { limit, held } = &*self.budget.0;
        held.try_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(more).filter(|sum| sum <= limit)
        })
        .map_err(|held| Full { held, limit: *limit, wanted: more })?;
        self.amount += more;
        Ok(())
    }

    /// As [`Permit::grow`], but beyond the limit too when nobody else holds anything.
    ///
    /// # Errors
    /// [`Full`] when they are not there and others hold some; what is held already stays.
    pub fn grow_or_alone(&mut self, more: usize) -> Result<(), Full> {
        let (State { limit, held }, own) = (&*self.budget.0, self.amount);
        held.try_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(more).filter(|sum| sum <= limit || held == own)
        })
        .map_err(|held| Full { held, limit: *limit, wanted: more })?;
        self.amount += more;
        Ok(())
    }

    /// Gives back all but `amount` units; holding less already, it changes nothing.
    pub fn shrink_to(&mut self, amount: usize) {
        let surplus = self.amount.saturating_sub(amount);
        self.budget.0.held.fetch_sub(surplus, Ordering::Relaxed);
        self.amount -= surplus;
    }

    /// How much this permit holds.
    #[must_use]
    pub fn amount(&self) -> usize {
        self.amount
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.0.held.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_at_once_when_full_and_gives_back_on_drop() {
        let budget = Budget::new(10);
        let first = budget.take(6).unwrap();
        assert_eq!(budget.take(5).unwrap_err(), Full { held: 6, limit: 10, wanted: 5 });
        let second = budget.take(4).unwrap();
        assert_eq!(budget.held(), 10);
        drop(first);
        assert_eq!(budget.held(), 4);
        assert_eq!(second.amount(), 4);
    }

    #[test]
    fn a_permit_grows_and_shrinks_within_the_limit() {
        let budget = Budget::new(10);
        let mut permit = budget.take(0).unwrap();
        permit.grow(8).unwrap();
        assert!(permit.grow(3).is_err());
        assert_eq!(permit.amount(), 8, "a refused growth changes nothing");
        permit.shrink_to(3);
        permit.shrink_to(5);
        assert_eq!((permit.amount(), budget.held()), (3, 3));
    }

    #[test]
    fn whoever_is_alone_may_pass_the_limit() {
        let budget = Budget::new(10);
        let (mut first, second) = (budget.take(6).unwrap(), budget.take(1).unwrap());
        assert_eq!(first.grow_or_alone(5).unwrap_err(), Full { held: 7, limit: 10, wanted: 5 });
        drop(second);
        first.grow_or_alone(5).unwrap();
        assert_eq!((first.amount(), budget.held()), (11, 11));
        assert!(budget.take(1).is_err(), "nobody joins");
    }

    #[test]
    fn an_absurd_wish_does_not_wrap_around() {
        let budget = Budget::unlimited();
        let _held = budget.take(1).unwrap();
        assert!(budget.take(usize::MAX).is_err());
    }
}
