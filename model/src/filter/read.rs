//! From the form on the wire to a filter that makes sense: operators with the arguments they take, values of one kind on both sides.
//! Rules: `jaegertracing/jaeger docs/rfc/0005-structured-query-filters.md` §5 and `jaegertracing/jaeger-idl query/expression/v1/validate.go`.

use super::constant::constant;
use super::field::Domain;
use super::{
    Call, Collection, Comparison, Constant, Field, Filter, Level, Operand, Operator, Pattern, Reference, Term,
};

/// Calls within calls, the outermost one counted.
const MAX_DEPTH: usize = 20;
/// Arguments, list values and calls of one filter together.
const MAX_TERMS: usize = 2_000;

/// A filter that makes no sense: what is wrong, and with which operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FilterError(pub(super) String);

pub(super) fn refuse<T>(what: impl Into<String>) -> Result<T, FilterError> {
    Err(FilterError(what.into()))
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// [`FilterError`] in words that name the operator and what it takes.
    pub fn read(call: &Call) -> Result<Self, FilterError> {
        Reading { terms: MAX_TERMS, quantified: Vec::new() }.call(call, MAX_DEPTH)
    }
}

struct Reading {
    /// Terms that may still come.
    terms: usize,
    /// Collections of which one element is spoken about.
    quantified: Vec<Collection>,
}

impl Reading {
    fn call(&mut self, call: &Call, depth: usize) -> Result<Filter, FilterError> {
        let Some(depth) = depth.checked_sub(1) else {
            return refuse(format!("the filter nests calls more than {MAX_DEPTH} deep"));
        };
        self.terms = match self.terms.checked_sub(1 + call.args.len()) {
            Some(left) => left,
            None => return refuse(format!("the filter has more than {MAX_TERMS} terms")),
        };
        match call.op.as_str() {
            "and" => Ok(Filter::All(self.calls(call, depth)?)),
            "or" => Ok(Filter::Any(self.calls(call, depth)?)),
            "not" => {
                let [arg] = arguments(call)?;
                Ok(Filter::Not(Box::new(self.call(as_call(&call.op, arg)?, depth)?)))
            }
            "exists" => {
                let [arg] = arguments(call)?;
                Ok(Filter::Exists(reference(&call.op, arg)?))
            }
            "some" => self.some(call, depth),
            "in" => self.one_of(call, false),
            "not_in" => self.one_of(call, true),
            "regex" => matching(call),
            other => match operator(other) {
                Some(operator) => comparison(call, operator).map(Filter::Compare),
                None => refuse(format!(
                    "the operator {other:?} is none of and, or, not, eq, ne, gt, lt, gte, lte, regex, exists, in, not_in, some"
                )),
            },
        }
    }

    fn calls(&mut self, call: &Call, depth: usize) -> Result<Vec<Filter>, FilterError> {
        if call.args.len() < 2 {
            return refuse(format!("{:?} takes two conditions or more, not {}", call.op, call.args.len()));
        }
        call.args.iter().map(|arg| self.call(as_call(&call.op, arg)?, depth)).collect()
    }

    fn some(&mut self, call: &Call, depth: usize) -> Result<Filter, FilterError> {
        let [collection, condition] = arguments(call)?;
        let collection = match collection {
            Term::Nested { level } if level == "event" => Collection::Events,
            Term::Nested { level } if level == "link" => Collection::Links,
            other => {
                return refuse(format!(
                    "\"some\" takes {{\"nested\":{{\"level\":\"event\"}}}} (or \"link\") first, not {}",
                    other.name()
                ));
            }
        };
        if self.quantified.contains(&collection) {
            return refuse("\"some\" within a \"some\" over the same events or links is not defined");
        }
        self.quantified.push(collection);
        let condition = self.call(as_call(&call.op, condition)?, depth)?;
        self.quantified.pop();
        Ok(Filter::Some(collection, Box::new(condition)))
    }

    fn one_of(&mut self, call: &Call, negated: bool) -> Result<Filter, FilterError> {
        let [subject, list] = arguments(call)?;
        let subject = reference(&call.op, subject)?;
        let Term::List { values, kind } = list else {
            return refuse(format!("{:?} takes a list second, not {}", call.op, list.name()));
        };
        if values.is_empty() {
            return refuse(format!("{:?} takes a list with one value or more", call.op));
        }
        self.terms = match self.terms.checked_sub(values.len()) {
            Some(left) => left,
            None => return refuse(format!("the filter has more than {MAX_TERMS} terms")),
        };
        if kind.is_empty() && matches!(subject, Reference::Attribute { .. }) {
            return refuse(format!(
                "the list of {:?} needs a type (string, int, double or bool): {subject} declares none",
                call.op
            ));
        }
        let list: Result<Vec<_>, _> =
            values.iter().map(|value| constant(&call.op, value, kind, Some(&subject))).collect();
        let list = list?;
        for value in &list {
            same_domain(&call.op, &subject, value)?;
        }
        Ok(Filter::OneOf { subject, list, negated })
    }
}

fn operator(name: &str) -> Option<Operator> {
    use Operator::{Eq, Gt, Gte, Lt, Lte, Ne};
    [Eq, Ne, Gt, Gte, Lt, Lte].into_iter().find(|operator| operator.name() == name)
}

fn arguments<const N: usize>(call: &Call) -> Result<&[Term; N], FilterError> {
    <&[Term; N]>::try_from(call.args.as_slice()).or_else(|_| {
        refuse(format!(
            "{:?} takes {N} {}, not {}",
            call.op,
            if N == 1 { "argument" } else { "arguments" },
            call.args.len()
        ))
    })
}

fn as_call<'a>(op: &str, term: &'a Term) -> Result<&'a Call, FilterError> {
    match term {
        Term::Call(call) => Ok(call),
        other => refuse(format!("{op:?} takes a condition (a call) here, not {}", other.name())),
    }
}

fn reference(op: &str, term: &Term) -> Result<Reference, FilterError> {
    let level_of = |name: &str| {
        Level::from_name(name).map_or_else(
            || refuse(format!("the level {name:?} is none of span, resource, scope, event, link")),
            Ok,
        )
    };
    match term {
        Term::Attr { key, .. } if key.is_empty() => refuse(format!("an attribute of {op:?} has no key")),
        Term::Attr { key, level } => {
            let level = if level.is_empty() { None } else { Some(level_of(level)?) };
            Ok(Reference::Attribute { key: key.clone(), level })
        }
        Term::Field { name, level } => {
            let level = level_of(level)?;
            Field::find(level, name).map(Reference::Field).map_or_else(|| refuse(no_field(level, name)), Ok)
        }
        other => refuse(format!("{op:?} takes an attribute or a field here, not {}", other.name())),
    }
}

fn no_field(level: Level, name: &str) -> String {
    let known = Field::ALL.iter().filter(|field| field.level() == level).map(|field| field.name());
    format!("{} has no field {name:?}; it has {}", level.name(), known.collect::<Vec<_>>().join(", "))
}

fn matching(call: &Call) -> Result<Filter, FilterError> {
    let [subject, pattern] = arguments(call)?;
    let subject = reference(&call.op, subject)?;
    if !matches!(domain(&subject), Domain::Text | Domain::Unknown) {
        return refuse(format!("\"regex\" matches texts, which {subject} is not"));
    }
    match pattern {
        Term::Scalar { value, kind } if kind.is_empty() || kind == "string" => {
            Ok(Filter::Matches(subject, Pattern::new(value).map_err(FilterError)?))
        }
        other => refuse(format!("\"regex\" takes a text second, not {} of another type", other.name())),
    }
}

fn comparison(call: &Call, operator: Operator) -> Result<Comparison, FilterError> {
    let [left, right] = arguments(call)?;
    let comparison = match (left, right) {
        (Term::Scalar { .. }, Term::Scalar { .. }) => {
            return refuse(format!("{:?} compares two constants, which says nothing about a span", call.op));
        }
        (Term::Scalar { value, kind }, subject) => {
            let subject = reference(&call.op, subject)?;
            let operand = constant(&call.op, value, kind, Some(&subject))?;
            Comparison { subject, operator: operator.mirrored(), operand: Operand::Constant(operand) }
        }
        (subject, Term::Scalar { value, kind }) => {
            let subject = reference(&call.op, subject)?;
            let operand = constant(&call.op, value, kind, Some(&subject))?;
            Comparison { subject, operator, operand: Operand::Constant(operand) }
        }
        (subject, other) => {
            let (subject, other) = (reference(&call.op, subject)?, reference(&call.op, other)?);
            let (left, right) = (domain(&subject), domain(&other));
            if left != right && left != Domain::Unknown && right != Domain::Unknown {
                return refuse(format!(
                    "{:?} compares {subject} with {other}, which are of different kinds",
                    call.op
                ));
            }
            Comparison { subject, operator, operand: Operand::Reference(other) }
        }
    };
    if let Operand::Constant(value) = &comparison.operand {
        same_domain(&call.op, &comparison.subject, value)?;
    }
    if operator.is_ordered() {
        has_order(&call.op, &comparison)?;
    }
    Ok(comparison)
}

fn has_order(op: &str, comparison: &Comparison) -> Result<(), FilterError> {
    let words = |reference: &Reference| match reference {
        Reference::Field(field) => field.words().is_some(),
        Reference::Attribute { .. } => false,
    };
    let unordered = words(&comparison.subject)
        || match &comparison.operand {
            Operand::Reference(reference) => words(reference),
            Operand::Constant(value) => matches!(value, Constant::Bool(_)),
        };
    if unordered {
        return refuse(format!("{op:?} asks for an order that {} does not have", comparison.subject));
    }
    Ok(())
}

fn domain(reference: &Reference) -> Domain {
    match reference {
        Reference::Attribute { .. } => Domain::Unknown,
        Reference::Field(field) => field.domain(),
    }
}

fn same_domain(op: &str, subject: &Reference, value: &Constant) -> Result<(), FilterError> {
    let of_value = match value {
        Constant::Any(_) => Domain::Unknown,
        Constant::Text(_) => Domain::Text,
        Constant::Int(_) | Constant::Double(_) => Domain::Number,
        Constant::Bool(_) => Domain::Truth,
        Constant::Duration(_) => Domain::Duration,
        Constant::Time(_) => Domain::Time,
    };
    let of_subject = domain(subject);
    if of_subject != of_value && of_subject != Domain::Unknown && of_value != Domain::Unknown {
        return refuse(format!("{op:?} compares {subject} with a constant of another type"));
    }
    Ok(())
}
