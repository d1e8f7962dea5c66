//! Partitions that bring nothing although records lie before them are taken anew.

use std::time::Instant;

use super::worker::Worker;

impl Worker {
    /// Takes partitions anew whose reading the library has forgotten. Not while partitions come or go: it would take that for an answer.
    pub(super) fn wake_stalled(&mut self, ends: &[(i32, i64)]) {
        if !self.is_settled() {
            return;
        }
        let standing = self.shelf.standing(&self.desk, ends);
        for partition in self.stalls.look(Instant::now(), &standing) {
            self.shelf.take_anew(&self.consumer, &self.desk, partition);
        }
    }
}
