//! Packages in memory.

use std::collections::VecDeque;

use super::{Loss, OfferError};
use crate::metrics::DropReason;
use crate::package::Package;

/// A queue of at most so many bytes, those of packages under way among them, so that there is room for what comes back.
#[derive(Debug)]
pub(super) struct Memory {
    packages: VecDeque<Package>,
    bytes: usize,
    max_bytes: usize,
}

impl Memory {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { packages: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// Adds one at the end; answers those that had to go.
    pub(super) fn push(&mut self, package: Package) -> Vec<Loss> {
        self.bytes += package.cost();
        self.packages.push_back(package);
        self.make_room()
    }

    /// Adds all at the end, or none; adds their spans to `taken`.
    pub(super) fn offer(&mut self, packages: Vec<Package>, taken: &mut usize) -> Result<(), OfferError> {
        let wanted: usize = packages.iter().map(Package::cost).sum();
        if wanted > self.max_bytes {
            return Err(OfferError::NeverFits { limit: self.max_bytes });
        }
        if self.bytes.saturating_add(wanted) > self.max_bytes {
            return Err(OfferError::Full);
        }
        *taken += packages.iter().map(|package| package.spans as usize).sum::<usize>();
        self.bytes += wanted;
        self.packages.extend(packages);
        Ok(())
    }

    /// Adds one at the front, where it came from.
    pub(super) fn give_back(&mut self, package: Package) {
        self.packages.push_front(package);
    }

    /// One that was taken has ended.
    pub(super) fn settle(&mut self, cost: usize) {
        self.bytes -= cost;
    }

    fn make_room(&mut self) -> Vec<Loss> {
        let mut dropped = Vec::new();
        while self.bytes > self.max_bytes {
            let Some(oldest) = self.pop() else { break };
            self.bytes -= oldest.cost();
            dropped.push(Loss::of(&oldest, DropReason::BufferFull));
        }
        dropped
    }

    /// Takes the oldest; its bytes count until it is settled.
    pub(super) fn pop(&mut self) -> Option<Package> {
        let package = self.packages.pop_front()?;
        if self.packages.is_empty() {
            // After an outage it would keep its room for ever.
            self.packages.shrink_to(64);
        }
        Some(package)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// Takes out what is left at the end.
    pub(super) fn drain(&mut self) -> Vec<Loss> {
        self.bytes -= self.packages.iter().map(Package::cost).sum::<usize>();
        self.packages.drain(..).map(|package| Loss::of(&package, DropReason::Shutdown)).collect()
    }
}
