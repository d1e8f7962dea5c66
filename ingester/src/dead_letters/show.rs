//! `show`: one letter, whole.

use std::io::{self, Write};
use std::path::PathBuf;

use bytes::Bytes;
use spoor_model::SpanView;
use spoor_proto::record::{Encoding, RecordsDecoder};

use super::printable::{Printable, PrintableBytes, hex_dump};
use super::{DeadLettersError, Letters};
use crate::quarantine::{Letter, LetterId, rfc3339};

/// The most spans of a record that are shown.
const SHOWN_SPANS: usize = 20;

/// Which letter.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ShowArgs {
    /// Its id, <topic>/<partition>/<offset>, as `list` shows it
    #[arg(value_name = "ID")]
    pub id: LetterId,
    /// Bytes of the payload to show
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub bytes: usize,
    /// Write the payload as it is to that file (- for the standard output) and show nothing
    #[arg(long, value_name = "FILE")]
    pub payload_to: Option<PathBuf>,
}

pub(super) async fn show(
    args: &ShowArgs,
    letters: &mut dyn Letters,
    out: &mut dyn Write,
) -> Result<(), DeadLettersError> {
    let Some(letter) = letters.find(&args.id).await? else {
        return Err(DeadLettersError::NotFound { id: args.id.clone(), place: letters.place() });
    };
    match &args.payload_to {
        None => write_letter(&letter, args.bytes, out)?,
        Some(path) => {
            let payload = letter.payload.ok_or_else(|| DeadLettersError::NoPayload(args.id.clone()))?;
            write_payload(payload, path.clone(), out).await?;
        }
    }
    Ok(out.flush()?)
}

async fn write_payload(payload: Bytes, path: PathBuf, out: &mut dyn Write) -> Result<(), DeadLettersError> {
    if path.as_os_str() == "-" {
        return Ok(out.write_all(&payload)?);
    }
    let target = path.clone();
    let written = tokio::task::spawn_blocking(move || std::fs::write(target, payload)).await;
    written
        .unwrap_or_else(|panic| Err(io::Error::other(panic)))
        .map_err(|source| DeadLettersError::Payload { path, source })
}

fn write_letter(letter: &Letter, bytes: usize, out: &mut dyn Write) -> io::Result<()> {
    let time = |moment: Option<_>| moment.and_then(rfc3339).unwrap_or_else(|| "unknown".to_owned());
    writeln!(out, "id         {}", Printable(&letter.id().to_string()))?;
    writeln!(out, "reason     {}", letter.reason.name())?;
    writeln!(out, "detail     {}", Printable(&letter.detail))?;
    writeln!(out, "set aside  {}", time(Some(letter.set_aside)))?;
    writeln!(out, "written    {}", time(letter.written))?;
    match &letter.key {
        Some(key) => writeln!(out, "key        {}", PrintableBytes(key))?,
        None => writeln!(out, "key        none")?,
    }
    for header in &letter.headers {
        write!(out, "header     {}: ", Printable(&header.name))?;
        match &header.value {
            Some(value) => writeln!(out, "{}", PrintableBytes(value))?,
            None => writeln!(out, "none")?,
        }
    }
    match &letter.payload {
        Some(payload) => write_content(payload, bytes, out),
        None => writeln!(out, "payload    none"),
    }
}

fn write_content(payload: &[u8], bytes: usize, out: &mut dyn Write) -> io::Result<()> {
    let encoding = Encoding::recognize(payload);
    let looks_like = encoding.map_or("nothing that is known", Encoding::name);
    writeln!(out, "payload    {} bytes; looks like {looks_like}", payload.len())?;
    let shown = payload.get(..bytes).unwrap_or(payload);
    hex_dump(out, shown)?;
    if shown.len() < payload.len() {
        writeln!(out, "{:08x}  … {} more bytes", shown.len(), payload.len() - shown.len())?;
    }
    if encoding.is_some() { write_spans(payload, out) } else { Ok(()) }
}

/// What the payload says, read as what it looks like.
fn write_spans(payload: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let mut decoder = RecordsDecoder::new(None);
    decoder.push(payload);
    let decoded = match decoder.finish() {
        Ok(decoded) => decoded,
        Err(error) => return writeln!(out, "decoded    not: {error}"),
    };
    if let Some(Err(error)) = decoded.records.first() {
        return writeln!(out, "decoded    not: {}", Printable(&error.to_string()));
    }
    let count = decoded.batch.len();
    writeln!(out, "decoded    {count} spans")?;
    decoded.batch.spans().take(SHOWN_SPANS).try_for_each(|span| write_span(span, out))?;
    if count > SHOWN_SPANS { writeln!(out, "  … {} more", count - SHOWN_SPANS) } else { Ok(()) }
}

fn write_span(span: SpanView<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "  trace {} span {} service \"{}\" operation \"{}\" duration {:?}",
        span.trace_id(),
        span.span_id(),
        Printable(span.service()),
        Printable(span.name()),
        span.duration(),
    )
}
