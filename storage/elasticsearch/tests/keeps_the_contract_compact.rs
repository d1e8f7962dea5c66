//! The contract of a store, on a real server, in the compact layout.

mod support;

use spoor_storage_elasticsearch::Layout;
use support::OwnStore;

async fn fresh_store() -> OwnStore {
    OwnStore::open_with(|config| config.layout.layout = Layout::Compact)
}

spoor_storage::conformance_tests!(fresh_store);
