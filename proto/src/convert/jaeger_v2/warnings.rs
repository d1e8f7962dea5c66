//! A span's warnings on their way in: Jaeger's list of texts becomes one attribute.

use spoor_model::jaeger::WARNINGS;
use spoor_model::nested::encode_list;
use spoor_model::{SpanBatchBuilder, Text, Value, ValueView};

/// Pushes the attribute of the warnings (texts of this builder), to the run that is being written.
#[cold]
pub(crate) fn push(builder: &mut SpanBatchBuilder, warnings: &[Text]) {
    let mut encoded = Vec::new();
    let batch = builder.batch();
    encode_list(&mut encoded, warnings.iter().map(|warning| ValueView::Str(batch.str(*warning))));
    let list = builder.bytes(&encoded);
    let key = builder.text(WARNINGS);
    builder.push_attribute(key, Value::List(list));
}
