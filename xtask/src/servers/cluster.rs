//! What all search servers have in common: a cluster's name, and its health.

use std::time::Duration;

use super::http;
use super::recipe::Place;

const PROBE: &str = "/_cluster/health?wait_for_status=yellow&timeout=1s";
/// Longer than the second the server itself waits for the status.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// Nodes look for one another on this machine; a name of its own keeps each server alone. The folder has one.
pub(super) fn name(place: &Place) -> String {
    place.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Yellow or green, and really ours: an answer on the port could come from a stranger who took it first.
pub(super) fn is_ready(place: &Place) -> bool {
    is_healthy(place.port, &name(place), "")
}

/// As [`is_ready`], for a cluster of that name, with one more condition of the health request (`&NAME=VALUE`).
pub(super) fn is_healthy(port: u16, cluster: &str, condition: &str) -> bool {
    let own = format!("\"cluster_name\":\"{cluster}\"");
    http::get(port, &format!("{PROBE}{condition}"), PROBE_LIMIT)
        .is_ok_and(|(status, body)| status == 200 && body.contains(&own))
}
