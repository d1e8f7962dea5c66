//! Settings of the store in memory.

use spoor_model::ByteSize;

/// Settings of the store in memory, for trying things out and for tests: what it holds is gone with the process.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    /// Most traces to keep; beyond it, the traces that have not grown for the longest time are dropped whole. 0 leaves the
    /// bound to --memory.max-bytes (Jaeger's default 0 kept everything, without any bound).
    #[arg(
        id = "memory.max-traces",
        long = "memory.max-traces",
        value_name = "COUNT",
        default_value_t = 100_000
    )]
    pub max_traces: usize,

    /// Most memory for spans, with a unit as in 512MiB; beyond it, the traces that have not grown for the longest time are
    /// dropped whole. A trace that would need more by itself takes no further spans: they are rejected.
    #[arg(
        id = "memory.max-bytes",
        long = "memory.max-bytes",
        value_name = "SIZE",
        default_value_t = ByteSize(512 << 20),
        value_parser = ByteSize::parse_at_least_one_mebibyte
    )]
    pub max_bytes: ByteSize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_traces: 100_000, max_bytes: ByteSize(512 << 20) }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        memory: Config,
    }

    fn parse(args: &[&str]) -> Result<Config, clap::Error> {
        Program::try_parse_from(std::iter::once(&"spoor").chain(args)).map(|program| program.memory)
    }

    #[test]
    fn is_bounded_by_default() {
        let config = parse(&[]).unwrap();
        assert_eq!((config.max_traces, config.max_bytes), (100_000, ByteSize(512 << 20)));
        let default = Config::default();
        assert_eq!((default.max_traces, default.max_bytes), (config.max_traces, config.max_bytes));
    }

    #[test]
    fn takes_sizes_with_units_and_refuses_useless_ones() {
        let config = parse(&["--memory.max-traces=5", "--memory.max-bytes=2GiB"]).unwrap();
        assert_eq!((config.max_traces, config.max_bytes), (5, ByteSize(2 << 30)));
        let error = parse(&["--memory.max-bytes=10k"]).unwrap_err().to_string();
        assert!(error.contains("1MiB or more"), "{error}");
    }
}
