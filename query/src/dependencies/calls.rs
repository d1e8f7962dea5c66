//! Sums of calls between services, by number instead of by name.

use std::collections::HashMap;

use spoor_model::ServiceCalls;

/// The most pairs of services, and the most names; a day of real services has far fewer, made-up names could be any number.
const MOST: usize = 100_000;

/// There are more services than anybody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "there are more than {MOST} services, or pairs of them; something makes up names of services, or values of peer.service"
)]
pub struct TooManyServices;

/// A service, by its number.
pub(super) type ServiceNumber = u32;

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Calls {
    numbers: HashMap<String, ServiceNumber>,
    names: Vec<String>,
    counts: HashMap<(ServiceNumber, ServiceNumber), u64>,
}

impl Calls {
    /// The number of a service; nothing for the empty name.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<ServiceNumber>, TooManyServices> {
        if name.is_empty() {
            return Ok(None);
        }
        if let Some(&number) = self.numbers.get(name) {
            return Ok(Some(number));
        }
        let number = ServiceNumber::try_from(self.names.len()).map_err(|_| TooManyServices)?;
        if self.names.len() >= MOST {
            return Err(TooManyServices);
        }
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        Ok(Some(number))
    }

    /// One more call.
    pub(super) fn add(&mut self, parent: ServiceNumber, child: ServiceNumber) -> Result<(), TooManyServices> {
        if self.counts.len() >= MOST && !self.counts.contains_key(&(parent, child)) {
            return Err(TooManyServices);
        }
        *self.counts.entry((parent, child)).or_default() += 1;
        Ok(())
    }

    /// The sums, sorted by parent and child.
    pub(super) fn finish(self) -> Vec<ServiceCalls> {
        let name = |number: ServiceNumber| self.names.get(number as usize).cloned().unwrap_or_default();
        let calls = self.counts.iter().map(|(&(parent, child), &call_count)| ServiceCalls {
            parent: name(parent),
            child: name(child),
            call_count,
        });
        let mut calls: Vec<_> = calls.collect();
        calls.sort_unstable();
        calls
    }
}
