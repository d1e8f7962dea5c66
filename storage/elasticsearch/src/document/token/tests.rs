//! Claims about tokens: the order of numbers, and what a search asks for.

use proptest::prelude::*;

use super::*;

fn ordered(text: &str) -> String {
    let mut out = Vec::new();
    push_ordered(&mut out, text.as_bytes());
    String::from_utf8(out).unwrap()
}

fn of_double(number: f64) -> String {
    let mut text = Vec::new();
    push_positional(&mut text, number);
    ordered(std::str::from_utf8(&text).unwrap())
}

#[test]
fn a_number_is_its_digits_behind_a_letter() {
    for (text, token) in
        [("0", "b0"), ("500", "d500"), ("72.5", "c72.5"), ("-17", "X82:"), ("0.001", "b0.001")]
    {
        assert_eq!(ordered(text), token);
    }
    assert_eq!(of_double(1e300).get(..5), Some("v3011"));
    assert_eq!(of_double(1e16), "r10000000000000000.0");
}

#[test]
fn a_search_asks_for_every_type_that_has_this_text() {
    assert_eq!(tokens_of("k", "503"), ["k=503", "k@503", "k$503", "k#d503", "k#d503.0"]);
    assert_eq!(tokens_of("k", "-5"), ["k=-5", "k@-5", "k$-5", "k#-5", "k#-5.0"]);
    assert_eq!(tokens_of("k", "true"), ["k=true", "k@true", "k$true", "k?true"]);
    assert_eq!(tokens_of("k", ""), ["k=", "k@", "k$", "k!"]);
    assert_eq!(tokens_of("k", "1.0"), ["k=1.0", "k@1.0", "k$1.0", "k#b1.0"]);
    assert_eq!(tokens_of("k", "NaN")[3], "k%NaN");
    // What no number is written as is not asked for as one.
    for text in ["007", "+5", "1.50", "0x1"] {
        assert_eq!(tokens_of("k", text).len(), 3, "{text}");
    }
    assert_eq!(tokens_of("user@host", "me")[0], "user~@host=me");
}

proptest! {
    #[test]
    fn integers_are_ordered_as_their_tokens(left: i64, right: i64, small in -1200_i64..1200) {
        for right in [right, small] {
            prop_assert_eq!(left.cmp(&right), ordered(&left.to_string()).cmp(&ordered(&right.to_string())));
        }
    }

    #[test]
    fn doubles_are_ordered_as_their_tokens(left in any::<f64>(), right in any::<f64>(), small in -50.0..50.0_f64) {
        for right in [right, small] {
            prop_assume!(left.is_finite() && right.is_finite() && left != right);
            prop_assert_eq!(left.total_cmp(&right), of_double(left).cmp(&of_double(right)));
        }
    }

    #[test]
    fn integers_and_doubles_are_ordered_together(left: i32, right in -4e9..4e9_f64) {
        prop_assume!(f64::from(left) != right);
        let expected = f64::from(left).total_cmp(&right);
        prop_assert_eq!(expected, ordered(&left.to_string()).cmp(&of_double(right)));
    }
}
