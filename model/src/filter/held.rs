//! Values that references find, and how they compare.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::Constant;
use crate::ValueView;

/// What a reference finds.
#[derive(Clone)]
pub(super) enum Held<'a> {
    Value(ValueView<'a>),
    Text(Cow<'a, str>),
    /// A length or a moment, in nanoseconds.
    Nanos(i128),
}

impl Held<'_> {
    /// Its text form.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Value(ValueView::Str(text)) => Cow::Borrowed(text),
            Self::Value(value) => value.to_text().into(),
            Self::Nanos(nanos) => nanos.to_string().into(),
        }
    }

    /// The order of two values of one kind.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Nanos(left), Self::Nanos(right)) => Some(left.cmp(right)),
            (Self::Value(ValueView::Bool(left)), Self::Value(ValueView::Bool(right))) => {
                (left == right).then_some(Ordering::Equal)
            }
            (Self::Value(left), Self::Value(right))
                if left.as_str().is_none() && right.as_str().is_none() =>
            {
                numbers(*left, *right)
            }
            (left, right) => Some(left.as_text()?.cmp(right.as_text()?)),
        }
    }

    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Value(value) => value.as_str(),
            Self::Nanos(_) => None,
        }
    }
}

/// The order of a value and a constant, where they are of one kind; equality alone for values without an order.
pub(super) fn compare(held: &Held<'_>, constant: &Constant) -> Option<Ordering> {
    let equal = |is: bool| is.then_some(Ordering::Equal);
    match (held, constant) {
        (Held::Nanos(nanos), Constant::Duration(duration)) => {
            Some(nanos.cmp(&i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)))
        }
        (Held::Nanos(nanos), Constant::Time(time)) => Some(nanos.cmp(&i128::from(time.0))),
        (held, Constant::Text(text)) => held.as_text().map(|own| own.cmp(text)),
        (Held::Text(own), Constant::Any(text)) => Some(own.as_ref().cmp(text)),
        (Held::Value(ValueView::Str(own)), Constant::Any(text)) => Some((*own).cmp(text)),
        (Held::Value(value @ (ValueView::Int(_) | ValueView::Double(_))), Constant::Any(text)) => {
            let by_size = || {
                let number =
                    text.parse().map(ValueView::Int).or_else(|_| text.parse().map(ValueView::Double));
                numbers(*value, number.ok()?)
            };
            equal(value.to_text() == *text).or_else(by_size)
        }
        (Held::Value(value), Constant::Any(text)) => equal(value.to_text() == *text),
        (Held::Value(value @ ValueView::Int(_)), Constant::Int(number)) => {
            numbers(*value, ValueView::Int(*number))
        }
        (Held::Value(value @ ValueView::Double(_)), Constant::Double(number)) => {
            numbers(*value, ValueView::Double(*number))
        }
        (Held::Value(ValueView::Bool(own)), Constant::Bool(truth)) => equal(own == truth),
        _ => None,
    }
}

/// Numbers by size, whatever their types; integers exactly.
fn numbers(left: ValueView<'_>, right: ValueView<'_>) -> Option<Ordering> {
    #[expect(clippy::cast_precision_loss, reason = "beside a double, which has no more digits either")]
    let double = |value| match value {
        ValueView::Int(number) => Some(number as f64),
        ValueView::Double(number) => Some(number),
        _ => None,
    };
    match (left, right) {
        (ValueView::Int(left), ValueView::Int(right)) => Some(left.cmp(&right)),
        (left, right) => double(left)?.partial_cmp(&double(right)?),
    }
}
