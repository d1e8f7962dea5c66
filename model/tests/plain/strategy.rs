//! How proptest makes spans: small ones of every shape.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Attributes, Plain, PlainBatch, PlainResource, PlainScope, PlainSpan};

pub(crate) fn value() -> impl Strategy<Value = Plain> {
    let leaf = prop_oneof![
        Just(Plain::Empty),
        ".{0,8}".prop_map(Plain::Str),
        any::<bool>().prop_map(Plain::Bool),
        any::<i64>().prop_map(Plain::Int),
        any::<u64>().prop_map(Plain::Double),
        vec(any::<u8>(), 0..8).prop_map(Plain::Bytes),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Plain::List),
            vec((".{0,4}", inner), 0..4).prop_map(Plain::Map),
        ]
    })
}

pub(crate) fn attributes() -> impl Strategy<Value = Attributes> {
    vec((".{0,6}", value()), 0..4)
}

fn scope() -> impl Strategy<Value = (PlainResource, PlainScope)> {
    let resource = (prop::option::of(".{0,6}"), attributes(), ".{0,4}", any::<u32>()).prop_map(
        |(service, attributes, schema_url, dropped)| PlainResource {
            service,
            attributes,
            schema_url,
            dropped,
        },
    );
    let scope = (".{0,4}", ".{0,4}", attributes(), any::<u32>())
        .prop_map(|(name, version, attributes, dropped)| PlainScope { name, version, attributes, dropped });
    (resource, scope)
}

fn span() -> impl Strategy<Value = PlainSpan> {
    let link = (any::<u128>(), any::<u64>(), ".{0,4}", attributes(), any::<u32>(), 0_u8..3);
    let rows = (attributes(), vec((any::<u64>(), ".{0,4}", attributes()), 0..3), vec(link, 0..3));
    let numbers = (0_i64..7, 0_i64..4, any::<u32>());
    let outside = ((0_u128..4, any::<u64>(), any::<u64>()), any::<usize>(), ".{0,8}", numbers);
    let texts = (".{0,6}", ".{0,6}");
    let times = (0_u64..5, any::<u64>());
    (outside, texts, times, rows, any::<(u32, u32, u32)>(), vec(any::<u8>(), 0..8)).prop_map(
        |((ids, scope, name, numbers), texts, times, (attributes, events, links), dropped, encoded)| {
            PlainSpan { ids, scope, name, numbers, texts, times, attributes, events, links, dropped, encoded }
        },
    )
}

pub(crate) fn plain_batch() -> impl Strategy<Value = PlainBatch> {
    (vec(scope(), 1..4), vec(span(), 0..6), any::<bool>()).prop_map(|(scopes, spans, in_source)| PlainBatch {
        scopes,
        spans,
        in_source,
    })
}
