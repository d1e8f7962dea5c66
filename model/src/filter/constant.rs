//! Constants: from their text and type, or what the field beside them holds, to a value.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::field::Domain;
use super::read::{FilterError, refuse};
use super::{Constant, Field, Reference};
use crate::{UnixNanos, parse_go_duration};

/// Reads a constant as its type says, else as the field does that it is compared with.
pub(super) fn constant(
    op: &str,
    text: &str,
    kind: &str,
    beside: Option<&Reference>,
) -> Result<Constant, FilterError> {
    let unreadable = |what: &str| FilterError(format!("{op:?} compares with {text:?}, which is no {what}"));
    let field = match beside {
        Some(Reference::Field(field)) => Some(*field),
        _ => None,
    };
    let read = match kind {
        "string" => Constant::Text(text.to_owned()),
        "int" => Constant::Int(text.parse().map_err(|_| unreadable("integer of 64 bits"))?),
        "double" => Constant::Double(text.parse().map_err(|_| unreadable("number"))?),
        "bool" => match text {
            "true" => Constant::Bool(true),
            "false" => Constant::Bool(false),
            _ => return Err(unreadable("truth (true or false)")),
        },
        "" => match field.map(Field::domain) {
            Some(Domain::Duration) => Constant::Duration(
                parse_go_duration(text).map_err(|_| unreadable("duration such as 2s or 1h30m"))?,
            ),
            Some(Domain::Time) => Constant::Time(
                moment(text).ok_or_else(|| unreadable("moment such as 2026-08-16T18:56:20.123Z"))?,
            ),
            Some(_) => Constant::Text(text.to_owned()),
            None => Constant::Any(text.to_owned()),
        },
        other => return refuse(format!("the type {other:?} is none of string, int, double, bool")),
    };
    if let (Some(words), Constant::Text(word)) = (field.and_then(Field::words), &read)
        && !words.contains(&word.as_str())
    {
        return Err(unreadable(&format!("word that it can be: {}", words.join(", "))));
    }
    Ok(read)
}

fn moment(text: &str) -> Option<UnixNanos> {
    let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
    u64::try_from(nanos).ok().map(UnixNanos)
}
