//! `spoor generate`: demo traces, or load.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use spoor_load::{GenerateConfig, Requests, SendConfig};
use spoor_model::UnixNanos;
use tokio_util::sync::CancellationToken;

/// What to make and where to send it.
#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    generate: GenerateConfig,

    #[command(flatten)]
    send: SendConfig,

    /// Print the report as JSON instead of text.
    #[arg(id = "json", long = "json")]
    json: bool,
}

/// Sends everything, or until Ctrl-C, and prints what became of it. Fails when a span was not acknowledged, or by UDP, where nothing
/// comes back, not sent.
pub(crate) async fn run(args: &GenerateArgs) -> Result<()> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("read the clock")?;
    let now = UnixNanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let interrupt = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stopper.cancel();
        }
    });
    let requests = Requests::new(&args.generate, now, args.send.protocol);
    let report = spoor_load::run(&args.send, requests, stop).await?;
    interrupt.abort();
    if args.json {
        println!("{}", serde_json::to_string(&report).context("write the report")?);
    } else {
        println!("{report}");
    }
    let missing = report.sent.spans - report.acknowledged.spans;
    if !args.send.protocol.has_answers() {
        let refused = report.refused.spans;
        if refused > 0 {
            bail!("{refused} of {} spans could not be sent", report.sent.spans);
        }
    } else if missing > 0 {
        bail!("{missing} of {} spans were not acknowledged", report.sent.spans);
    }
    Ok(())
}
