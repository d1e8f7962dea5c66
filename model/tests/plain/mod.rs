//! Spans as plain owned structs: what a test puts in and what it reads back, and how proptest makes them.

mod compare;
mod strategy;
mod write;

use spoor_model::nested::{ListView, MapView, encode_list, encode_map};
use spoor_model::{ReferenceKind, ValueView};

pub(crate) use compare::assert_attributes;
pub(crate) use strategy::{attributes, plain_batch, value};

/// A value with its content.
#[derive(Debug, Clone)]
pub(crate) enum Plain {
    Empty,
    Str(String),
    Bool(bool),
    Int(i64),
    Double(u64),
    Bytes(Vec<u8>),
    List(Vec<Plain>),
    Map(Vec<(String, Plain)>),
}

/// Attributes of one owner.
pub(crate) type Attributes = Vec<(String, Plain)>;

/// A resource.
#[derive(Debug, Clone)]
pub(crate) struct PlainResource {
    pub(crate) service: Option<String>,
    pub(crate) attributes: Attributes,
    pub(crate) schema_url: String,
    pub(crate) dropped: u32,
}

/// A scope.
#[derive(Debug, Clone)]
pub(crate) struct PlainScope {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) attributes: Attributes,
    pub(crate) dropped: u32,
}

/// An event: time, name, attributes.
pub(crate) type PlainEvent = (u64, String, Attributes);

/// A link: trace, span, trace state, attributes, flags, kind.
pub(crate) type PlainLink = (u128, u64, String, Attributes, u32, u8);

/// A span; `scope` counts among the scopes of the batch, modulo their number.
#[derive(Debug, Clone)]
pub(crate) struct PlainSpan {
    pub(crate) ids: (u128, u64, u64),
    pub(crate) scope: usize,
    pub(crate) name: String,
    pub(crate) numbers: (i64, i64, u32),
    pub(crate) texts: (String, String),
    pub(crate) times: (u64, u64),
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<PlainEvent>,
    pub(crate) links: Vec<PlainLink>,
    pub(crate) dropped: (u32, u32, u32),
    pub(crate) encoded: Vec<u8>,
}

/// All that goes into a batch; each scope has a resource of its own.
#[derive(Debug, Clone)]
pub(crate) struct PlainBatch {
    pub(crate) scopes: Vec<(PlainResource, PlainScope)>,
    pub(crate) spans: Vec<PlainSpan>,
    /// True: texts lie in the source. False: in the side buffer.
    pub(crate) in_source: bool,
}

const KINDS: [ReferenceKind; 3] = [ReferenceKind::Link, ReferenceKind::ChildOf, ReferenceKind::FollowsFrom];

impl Plain {
    /// Lends the value to a function, its nested parts encoded on the way.
    pub(crate) fn lend<R>(&self, take: impl FnOnce(ValueView<'_>) -> R) -> R {
        let mut encoded = Vec::new();
        match self {
            Self::Empty => take(ValueView::Empty),
            Self::Str(text) => take(ValueView::Str(text)),
            Self::Bool(truth) => take(ValueView::Bool(*truth)),
            Self::Int(number) => take(ValueView::Int(*number)),
            Self::Double(bits) => take(ValueView::Double(f64::from_bits(*bits))),
            Self::Bytes(bytes) => take(ValueView::Bytes(bytes)),
            Self::List(items) => {
                // `dyn` ends the recursion of closure types.
                items.iter().for_each(|item| item.lend_dyn(&mut |view| encode_list(&mut encoded, [view])));
                take(ValueView::List(ListView::new(&encoded)))
            }
            Self::Map(entries) => {
                for (key, value) in entries {
                    value.lend_dyn(&mut |view| encode_map(&mut encoded, [(key.as_str(), view)]));
                }
                take(ValueView::Map(MapView::new(&encoded)))
            }
        }
    }

    fn lend_dyn(&self, take: &mut dyn FnMut(ValueView<'_>)) {
        self.lend(take);
    }

    /// True when the view says the same; doubles by their bits.
    pub(crate) fn is(&self, view: ValueView<'_>) -> bool {
        match (self, view) {
            (Self::Empty, ValueView::Empty) => true,
            (Self::Str(text), ValueView::Str(seen)) => text == seen,
            (Self::Bool(truth), ValueView::Bool(seen)) => *truth == seen,
            (Self::Int(number), ValueView::Int(seen)) => *number == seen,
            (Self::Double(bits), ValueView::Double(seen)) => *bits == seen.to_bits(),
            (Self::Bytes(bytes), ValueView::Bytes(seen)) => bytes == seen,
            (Self::List(items), ValueView::List(seen)) => {
                let seen: Vec<_> = seen.iter().collect();
                items.len() == seen.len() && items.iter().zip(seen).all(|(item, seen)| item.is(seen))
            }
            (Self::Map(entries), ValueView::Map(seen)) => {
                let seen: Vec<_> = seen.iter().collect();
                let same = |((key, value), (seen_key, seen)): (&(String, Self), (&str, ValueView<'_>))| {
                    key == seen_key && value.is(seen)
                };
                entries.len() == seen.len() && entries.iter().zip(seen).all(same)
            }
            _ => false,
        }
    }
}
