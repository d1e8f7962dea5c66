//! What every port shares: listeners, limits, bounded bodies, errors of the transport.
//! A role binds its [`Listener`]s before any work, then hands each to [`serve`] with a service and the signal to stop.

mod access_log;
pub mod address;
pub mod answer;
pub mod body;
#[cfg(test)]
mod captured;
pub mod cors;
pub mod grpc;
pub mod limits;
mod listener;
mod serve;
pub mod tenancy;
pub mod tls;
mod traced;

pub use access_log::{AccessLog, AccessLogLayer, Logged};
pub use address::{ListenAddress, OptionalAddress};
pub use listener::{BindError, Listener};
pub use serve::{ServeOptions, serve};
pub use traced::{Recorded, Traced, TracedLayer, named_by_routes};
