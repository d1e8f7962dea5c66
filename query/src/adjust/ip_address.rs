//! Old clients send IPv4 addresses as numbers; people read dotted quads.

use std::net::Ipv4Addr;

use spoor_model::{Rows, SpanBatch, Value, ValueView};

const KEYS: [&str; 2] = ["ip", "peer.ipv4"];

/// Writes numeric `ip` and `peer.ipv4` of spans and resources as dotted quads. A number that is no address stays.
pub(super) fn write_dotted(trace: &mut SpanBatch) {
    for index in 0..trace.resource_rows().len() {
        write_run(trace, trace.resource_rows()[index].attributes);
    }
    for index in 0..trace.len() {
        if write_run(trace, trace.span_rows()[index].attributes) {
            trace.span_row_mut(index);
        }
    }
}

/// True when something changed.
fn write_run(trace: &mut SpanBatch, rows: Rows) -> bool {
    let found: Vec<(usize, Ipv4Addr)> = trace
        .attributes(rows)
        .iter()
        .enumerate()
        .filter(|(_, attribute)| KEYS.contains(&attribute.key()))
        .filter_map(|(position, attribute)| Some((position, address(attribute.value())?)))
        .collect();
    for &(position, address) in &found {
        let text = trace.add_text(&address.to_string());
        trace.attribute_rows_mut(rows)[position].value = Value::Str(text);
    }
    !found.is_empty()
}

/// Thrift clients send the 32 bits signed, others unsigned, JavaScript as a double.
fn address(value: ValueView<'_>) -> Option<Ipv4Addr> {
    let number = match value {
        ValueView::Int(number) => number,
        ValueView::Double(number) => whole(number)?,
        _ => return None,
    };
    let bits = u32::try_from(number).ok().or_else(|| i32::try_from(number).ok().map(i32::cast_unsigned))?;
    Some(Ipv4Addr::from_bits(bits))
}

fn whole(number: f64) -> Option<i64> {
    let in_range = (f64::from(i32::MIN)..=f64::from(u32::MAX)).contains(&number);
    #[expect(clippy::cast_possible_truncation, reason = "within 33 bits, just checked")]
    in_range.then(|| number.trunc() as i64)
}
