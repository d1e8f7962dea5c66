//! Where settings come from: flag, environment, file, default, in this order and on one path.
//! A setting is declared once, as a field of its crate's `Config`. Before parsing, the file's values become the flags'
//! defaults and every flag gets its environment variable by Jaeger's rule.

mod effective;
mod file;
mod jaeger_flags;
mod secret;
mod settings;

pub(crate) use effective::print_effective;
pub(crate) use file::FileSettings;
pub(crate) use jaeger_flags::{explain_unknown_flag, refuse_unsupported_environment};
pub(crate) use secret::{is_secret, masked};
pub(crate) use settings::{environment_name, prepare};
