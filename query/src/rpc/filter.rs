//! Structured filters as messages.

use spoor_model::filter::{Call, Filter, Term};
use spoor_proto::jaeger::expression::v1 as wire;
use tonic::Status;

/// Reads a filter; what makes no sense is the client's to change.
pub(super) fn read(call: &wire::Call) -> Result<Filter, Status> {
    let refused = |cause: &dyn std::fmt::Display| Status::invalid_argument(format!("filter: {cause}"));
    let call = of_call(call).map_err(|cause| refused(&cause))?;
    Filter::read(&call).map_err(|cause| refused(&cause))
}

fn of_call(call: &wire::Call) -> Result<Call, &'static str> {
    let args: Result<Vec<Term>, _> = call.args.iter().map(of_term).collect();
    Ok(Call { op: call.op.clone(), args: args? })
}

fn of_term(expression: &wire::Expression) -> Result<Term, &'static str> {
    use wire::expression::Term as On;
    let term = expression.term.as_ref().ok_or("an argument says nothing")?;
    Ok(match term {
        On::Attr(attribute) => Term::Attr { key: attribute.key.clone(), level: attribute.level.clone() },
        On::Field(field) => Term::Field { name: field.name.clone(), level: field.level.clone() },
        On::Nested(nested) => Term::Nested { level: nested.level.clone() },
        On::Scalar(scalar) => Term::Scalar { value: scalar.value.clone(), kind: scalar.r#type.clone() },
        On::List(list) => Term::List { values: list.values.clone(), kind: list.r#type.clone() },
        On::Call(call) => Term::Call(of_call(call)?),
    })
}

#[cfg(test)]
mod tests {
    use spoor_model::filter::{Comparison, Constant, Operand, Operator, Reference};
    use tonic::Code;

    use super::*;

    fn term(term: wire::expression::Term) -> wire::Expression {
        wire::Expression { term: Some(term) }
    }

    fn scalar(value: &str) -> wire::Expression {
        term(wire::expression::Term::Scalar(wire::Scalar { value: value.to_owned(), r#type: String::new() }))
    }

    #[test]
    fn a_filter_means_what_its_json_means() {
        let size = wire::AttributeReference { key: "size".to_owned(), level: String::new() };
        let args = vec![term(wire::expression::Term::Attr(size)), scalar("9")];
        let filter = read(&wire::Call { op: "gt".to_owned(), args }).unwrap();
        let subject = Reference::Attribute { key: "size".to_owned(), level: None };
        let operand = Operand::Constant(Constant::Any("9".to_owned()));
        assert_eq!(filter, Filter::Compare(Comparison { subject, operator: Operator::Gt, operand }));
    }

    #[test]
    fn what_makes_no_sense_is_an_invalid_argument() {
        let nothing = wire::Call { op: "exists".to_owned(), args: vec![wire::Expression { term: None }] };
        let constants = wire::Call { op: "eq".to_owned(), args: vec![scalar("1"), scalar("1")] };
        for (call, says) in [(nothing, "says nothing"), (constants, "two constants")] {
            let refused = read(&call).unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert!(
                refused.message().starts_with("filter: ") && refused.message().contains(says),
                "{refused}"
            );
        }
    }
}
