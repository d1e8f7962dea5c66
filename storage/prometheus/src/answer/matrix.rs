//! Reads a matrix point by point: nothing is held of it but the points that were asked for, and of those no more than are answered.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use spoor_model::{MetricPoint, UnixNanos};
use spoor_storage::RequestContext;
use spoor_storage::tally::{SeriesKey, Steps};

use super::{Unusable, Wanted};

/// The most points in all series.
const MOST_POINTS: u64 = 500_000;
/// What a series takes besides its points and names.
const SERIES_BYTES: usize = 256;

/// What an answer says of itself, beside its series.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) status: String,
    pub(super) kind: Option<String>,
    pub(super) warnings: Vec<String>,
}

/// The series as far as they are read.
pub(super) struct Matrix<'a> {
    wanted: &'a Wanted,
    context: &'a RequestContext,
    /// What the body takes beside them.
    body_bytes: usize,
    /// What they take.
    bytes: usize,
    /// How many have come, be their names the same or not.
    count: u64,
    pub(super) series: BTreeMap<SeriesKey, Vec<MetricPoint>>,
    /// Why reading ended, if the text was not the reason.
    pub(super) unusable: Option<Unusable>,
}

impl<'a> Matrix<'a> {
    pub(super) fn new(wanted: &'a Wanted, context: &'a RequestContext, body_bytes: usize) -> Self {
        Self { wanted, context, body_bytes, bytes: 0, count: 0, series: BTreeMap::new(), unusable: None }
    }

    /// Room for one more series: all its points, none of them with a value.
    fn begin(&mut self) -> Result<Vec<MetricPoint>, Unusable> {
        let Steps { first, step, points, .. } = self.wanted.steps;
        self.count += 1;
        let count = self.count;
        if count.saturating_mul(points) > MOST_POINTS {
            return Err(Unusable::TooMuch(format!(
                "the answer has {count} series of {points} points or more, which is more than {MOST_POINTS} in all; ask for a longer step, a shorter time or fewer services"
            )));
        }
        let time = |index: u64| UnixNanos::from_millis(first + index * step);
        let points: Vec<MetricPoint> =
            (0..points).map(|index| MetricPoint { time: time(index), value: None }).collect();
        self.take(SERIES_BYTES + points.len() * size_of::<MetricPoint>())?;
        Ok(points)
    }

    fn take(&mut self, bytes: usize) -> Result<(), Unusable> {
        self.bytes += bytes;
        self.context.takes(self.body_bytes + self.bytes).map_err(Unusable::NoRoom)
    }

    /// Ends the reading for that reason.
    fn end<E: de::Error>(&mut self, why: Unusable) -> E {
        self.unusable = Some(why);
        E::custom("it is not read further")
    }
}

/// The whole answer.
pub(super) struct AnswerSeed<'m, 'a>(pub(super) &'m mut Matrix<'a>);
struct DataSeed<'m, 'a>(&'m mut Matrix<'a>);
struct ListSeed<'m, 'a>(&'m mut Matrix<'a>);
struct SeriesSeed<'m, 'a>(&'m mut Matrix<'a>);
struct LabelsSeed<'w>(&'w Wanted);
struct ValuesSeed<'w>(&'w Wanted, &'w mut Vec<MetricPoint>);

impl<'de> DeserializeSeed<'de> for AnswerSeed<'_, '_> {
    type Value = Head;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Head, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AnswerSeed<'_, '_> {
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of Prometheus")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
        let mut head = Head::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "status" => head.status = map.next_value()?,
                "data" => head.kind = map.next_value_seed(DataSeed(self.0))?,
                "warnings" => head.warnings = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(head)
    }
}

impl<'de> DeserializeSeed<'de> for DataSeed<'_, '_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The kind of the result.
impl<'de> Visitor<'de> for DataSeed<'_, '_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the data of an answer")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kind = None;
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "resultType" => kind = Some(map.next_value()?),
                "result" => map.next_value_seed(ListSeed(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(kind)
    }
}

impl<'de> DeserializeSeed<'de> for ListSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(SeriesSeed(self.0))?.is_some() {}
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for SeriesSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SeriesSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let matrix = self.0;
        let mut points = matrix.begin().map_err(|why| matrix.end(why))?;
        let mut key: Option<SeriesKey> = None;
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "metric" => key = Some(map.next_value_seed(LabelsSeed(matrix.wanted))?),
                "values" => map.next_value_seed(ValuesSeed(matrix.wanted, &mut points))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let key = key.ok_or_else(|| de::Error::missing_field("metric"))?;
        let names = key.0.len() + key.1.as_ref().map_or(0, String::len);
        matrix.take(names).map_err(|why| matrix.end(why))?;
        matrix.series.insert(key, points);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for LabelsSeed<'_> {
    type Value = SeriesKey;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<SeriesKey, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for LabelsSeed<'_> {
    type Value = SeriesKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the labels of a series")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SeriesKey, A::Error> {
        let operation = self.0.operation.as_deref();
        let mut key: SeriesKey = (String::new(), operation.map(|_| String::new()));
        while let Some(name) = map.next_key::<String>()? {
            let value: String = map.next_value()?;
            if name == "service_name" {
                key.0 = value;
            } else if Some(name.as_str()) == operation {
                key.1 = Some(value);
            }
        }
        Ok(key)
    }
}

impl<'de> DeserializeSeed<'de> for ValuesSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ValuesSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of moments with values")
    }

    /// What is no finite number is none.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self(Wanted { steps, factor, .. }, points) = self;
        while let Some((seconds, Number(value))) = list.next_element::<(f64, Number)>()? {
            let point = index_of(seconds, *steps).and_then(|index| points.get_mut(index));
            let asked = || de::Error::custom(format!("it has a point at {seconds}, which was not asked for"));
            point.ok_or_else(asked)?.value = Some(value * factor).filter(|value| value.is_finite());
        }
        Ok(())
    }
}

/// A number as Prometheus writes it, which is a text.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number in a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
        text.parse().map(Number).map_err(|_| {
            let shown: String = text.chars().take(40).collect();
            E::custom(format!("{shown:?} is no number"))
        })
    }
}

/// Which point stands at this moment, to the half of a millisecond.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a time in milliseconds that a double holds exactly"
)]
fn index_of(seconds: f64, steps: Steps) -> Option<usize> {
    let millis = (seconds * 1_000.0).round();
    if !(0.0..9.0e15).contains(&millis) {
        return None;
    }
    let since = (millis as u64).checked_sub(steps.first)?;
    (since.is_multiple_of(steps.step)).then(|| usize::try_from(since / steps.step).ok()).flatten()
}
