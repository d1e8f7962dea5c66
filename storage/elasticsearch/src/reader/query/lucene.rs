//! Regular expressions in Lucene's spelling, for `regexp` questions with `"flags": "NONE"`. Facts: Elasticsearch's and OpenSearch's
//! pages on regular expression syntax: an expression is of the whole value, `.` is any character, there are no named classes.

use regex_syntax::ast::{self, Ast, ClassBracketed, ClassPerl, ClassPerlKind, ClassSet, ClassSetItem};
use regex_syntax::ast::{RepetitionKind, RepetitionRange};
use spoor_model::filter::Pattern;

/// The expression for values of which a part matches; in words why there is none.
pub(super) fn containing(pattern: &Pattern) -> Result<String, String> {
    let parsed = ast::parse::Parser::new().parse(pattern.text()).map_err(|error| error.kind().to_string())?;
    let mut out = ".*(".to_owned();
    write(&mut out, &parsed)?;
    out.push_str(").*");
    Ok(out)
}

fn write(out: &mut String, part: &Ast) -> Result<(), String> {
    match part {
        Ast::Empty(_) => out.push_str("()"),
        Ast::Literal(literal) => write_character(out, literal.c),
        Ast::Dot(_) => out.push_str("[^\n]"),
        Ast::ClassPerl(class) => write_perl(out, class)?,
        Ast::ClassBracketed(class) => write_class(out, class)?,
        Ast::Repetition(repetition) => {
            grouped(out, &repetition.ast)?;
            write_times(out, &repetition.op.kind);
        }
        Ast::Group(group) => grouped(out, &group.ast)?,
        Ast::Alternation(alternation) => {
            for (index, part) in alternation.asts.iter().enumerate() {
                out.push_str(if index == 0 { "(" } else { "|(" });
                write(out, part)?;
                out.push(')');
            }
        }
        Ast::Concat(concat) => concat.asts.iter().try_for_each(|part| match part {
            Ast::Alternation(_) => grouped(out, part),
            _ => write(out, part),
        })?,
        Ast::Flags(_) | Ast::Assertion(_) | Ast::ClassUnicode(_) => return not_here("this part"),
    }
    Ok(())
}

fn not_here<T>(what: &str) -> Result<T, String> {
    Err(format!("{what} of the expression has no counterpart in this store's expressions"))
}

fn grouped(out: &mut String, part: &Ast) -> Result<(), String> {
    out.push('(');
    write(out, part)?;
    out.push(')');
    Ok(())
}

fn write_times(out: &mut String, kind: &RepetitionKind) {
    use std::fmt::Write;
    // Writing into a text cannot fail.
    let _ = match kind {
        RepetitionKind::ZeroOrOne => out.write_char('?'),
        RepetitionKind::ZeroOrMore => out.write_char('*'),
        RepetitionKind::OneOrMore => out.write_char('+'),
        RepetitionKind::Range(RepetitionRange::Exactly(times)) => write!(out, "{{{times}}}"),
        RepetitionKind::Range(RepetitionRange::AtLeast(times)) => write!(out, "{{{times},}}"),
        RepetitionKind::Range(RepetitionRange::Bounded(least, most)) => write!(out, "{{{least},{most}}}"),
    };
}

/// A character that means itself, also between brackets.
fn write_character(out: &mut String, character: char) {
    if character.is_ascii_punctuation() {
        out.push('\\');
    }
    out.push(character);
}

fn members(kind: &ClassPerlKind) -> &'static str {
    match kind {
        ClassPerlKind::Digit => "0-9",
        ClassPerlKind::Space => "\t\n\u{c}\r ",
        ClassPerlKind::Word => "0-9A-Za-z_",
    }
}

fn write_perl(out: &mut String, class: &ClassPerl) -> Result<(), String> {
    out.push_str(if class.negated { "[^" } else { "[" });
    out.push_str(members(&class.kind));
    out.push(']');
    Ok(())
}

fn write_class(out: &mut String, class: &ClassBracketed) -> Result<(), String> {
    let ClassSet::Item(item) = &class.kind else { return not_here("a class made of two classes") };
    out.push_str(if class.negated { "[^" } else { "[" });
    write_item(out, item)?;
    out.push(']');
    Ok(())
}

fn write_item(out: &mut String, item: &ClassSetItem) -> Result<(), String> {
    match item {
        ClassSetItem::Empty(_) => Ok(()),
        ClassSetItem::Literal(literal) => {
            write_character(out, literal.c);
            Ok(())
        }
        ClassSetItem::Range(range) => {
            write_character(out, range.start.c);
            out.push('-');
            write_character(out, range.end.c);
            Ok(())
        }
        ClassSetItem::Perl(class) if !class.negated => {
            out.push_str(members(&class.kind));
            Ok(())
        }
        ClassSetItem::Union(union) => union.items.iter().try_for_each(|item| write_item(out, item)),
        ClassSetItem::Perl(_)
        | ClassSetItem::Ascii(_)
        | ClassSetItem::Unicode(_)
        | ClassSetItem::Bracketed(_) => not_here("a class within a class"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_spelled_so_that_only_its_own_operators_work() {
        for (pattern, lucene) in [
            ("abc", ".*(abc).*"),
            ("@example.com", ".*(\\@example[^\n]com).*"),
            (r"a\.b", r".*(a\.b).*"),
            ("a|bc", ".*((a)|(bc)).*"),
            ("x(a|b)y", ".*(x((a)|(b))y).*"),
            ("a+b?c*", ".*((a)+(b)?(c)*).*"),
            ("(ab){2,3}d{4}e{5,}", ".*(((ab)){2,3}(d){4}(e){5,}).*"),
            (r"\d\W", ".*([0-9][^0-9A-Za-z_]).*"),
            ("[a-c_\\]]", ".*([a-c\\_\\]]).*"),
            ("[^\\d-]", ".*([^0-9\\-]).*"),
            ("<1-9>~#&", r".*(\<1\-9\>\~\#\&).*"),
        ] {
            assert_eq!(containing(&Pattern::new(pattern).unwrap()).unwrap(), lucene, "{pattern}");
        }
        for pattern in ["[[:alpha:]]", "[a&&b]", r"[\D]"] {
            assert!(containing(&Pattern::new(pattern).unwrap()).is_err(), "{pattern}");
        }
    }
}
