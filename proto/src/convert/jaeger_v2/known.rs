//! Hot path: the processes and scopes that were read before, so that equal ones become one row, however far apart they stand: what is
//! made of a row later on (a process's part of documents, for instance) is made once. Costs a hash of a process's bytes a span.

use std::collections::HashMap;
use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use spoor_model::{Checkpoint, ScopeRow, SpanBatch};

/// How many of each are remembered at most; then remembering begins anew.
const REMEMBERED: usize = 4_096;

#[derive(Default)]
pub(super) struct Known<'a> {
    state: RandomState,
    /// Processes as received, or that there was none, with their resources.
    processes: HashMap<Option<&'a [u8]>, u32, RandomState>,
    /// The last one that was asked for: spans of one batch share it.
    newest: Option<(Option<&'a [u8]>, u32)>,
    /// Scopes by their resource and the hash of their texts, with their rows.
    scopes: HashMap<(u32, u64), (ScopeRow, u32), RandomState>,
}

impl<'a> Known<'a> {
    /// The resource of a process.
    #[inline]
    pub(super) fn resource(&mut self, process: Option<&'a [u8]>) -> Option<u32> {
        if let Some((_, row)) = self.newest.filter(|(newest, _)| *newest == process) {
            return Some(row);
        }
        let row = *self.processes.get(&process)?;
        self.newest = Some((process, row));
        Some(row)
    }

    pub(super) fn remember_resource(&mut self, process: Option<&'a [u8]>, row: u32) {
        if self.processes.len() == REMEMBERED {
            self.processes.clear();
        }
        self.processes.insert(process, row);
        self.newest = Some((process, row));
    }

    /// The scope of this resource, name and version.
    #[inline]
    pub(super) fn scope(&self, wanted: &ScopeRow, batch: &SpanBatch) -> Option<u32> {
        let (known, index) = self.scopes.get(&self.key(wanted, batch))?;
        let is_equal = batch.bytes(known.name) == batch.bytes(wanted.name)
            && batch.bytes(known.version) == batch.bytes(wanted.version);
        is_equal.then_some(*index)
    }

    pub(super) fn remember_scope(&mut self, row: ScopeRow, index: u32, batch: &SpanBatch) {
        if self.scopes.len() == REMEMBERED {
            self.scopes.clear();
        }
        self.scopes.insert(self.key(&row, batch), (row, index));
    }

    fn key(&self, row: &ScopeRow, batch: &SpanBatch) -> (u32, u64) {
        (row.resource, self.state.hash_one((batch.bytes(row.name), batch.bytes(row.version))))
    }

    /// Rows that were added since are being taken out of the batch.
    pub(super) fn forget(&mut self, checkpoint: Checkpoint, batch: &SpanBatch) {
        // A record that cannot be read mostly has added none.
        if batch.resources().len() > checkpoint.resources() {
            let stays = |row: u32| (row as usize) < checkpoint.resources();
            self.processes.retain(|_, row| stays(*row));
            self.newest = self.newest.filter(|(_, row)| stays(*row));
        }
        if batch.scopes().len() > checkpoint.scopes() {
            self.scopes.retain(|_, (_, index)| (*index as usize) < checkpoint.scopes());
        }
    }
}
