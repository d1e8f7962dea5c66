//! The contract of a store, on a real server.

mod support;

use support::OwnStore;

async fn fresh_store() -> OwnStore {
    OwnStore::open()
}

spoor_storage::conformance_tests!(fresh_store);
