//! The doors to a topic: what writing records to it and reading them as a member of a group promise, whoever stands behind.
//! A topic is a log in partitions; within one, records are read in the order they were written. What a record holds is not
//! known here.
//!
//! Beside the doors: the bookkeeping that every reader shares ([`Ledger`], [`Book`]), the rule of Jaeger's partitions
//! ([`partition_of_key`]), the topic in memory and the contract suite.

mod book;
mod browser;
#[cfg(feature = "conformance")]
pub mod conformance;
mod ledger;
pub mod memory;
mod partition;
mod reader;
mod record;
mod status;
mod writer;

pub use book::{Book, Bounds, Room};
pub use browser::{Extent, KeptRecord, Page, PageBounds, TopicBrowser};
pub use ledger::Ledger;
pub use partition::partition_of_key;
pub use reader::{Event, Fate, Held, ReadError, Start, TopicReader};
pub use record::{Claim, Header, OutgoingRecord, Place, Record};
pub use status::{Commits, PartitionStatus, ReaderStatus, Unreachable};
pub use writer::{Confirmed, RecordError, TopicWriter};
