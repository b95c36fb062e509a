//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html>, "Rule basics"

use crate::traffic::matching::{ExpressionError, check_regex};

#[test]
fn what_is_not_supported_is_refused() {
    for (expression, feature) in [
        ("a(?=b)", "a lookahead"),
        ("a(?!b)", "a lookahead"),
        ("(?<=a)b", "a lookbehind"),
        ("(?<!a)b", "a lookbehind"),
        (r"(a)\1", "a backreference"),
        (r"(?P<x>a)\k<x>", "a backreference"),
        ("(?P<x>a)(?P=x)", "a backreference"),
        ("(?>a+)b", "an atomic group"),
        ("a++b", "a possessive quantifier"),
        ("a*+b", "a possessive quantifier"),
        ("a?+b", "a possessive quantifier"),
        ("a{2}+b", "a possessive quantifier"),
        ("(?R)", "recursion"),
        ("(a(?1)b)", "recursion"),
        ("(?&x)", "a subroutine"),
        (r"\p{L}", "a Unicode character class"),
        (r"[\P{Lu}]", "a Unicode character class"),
    ] {
        assert_eq!(
            check_regex(expression),
            Err(ExpressionError::Feature(feature)),
            "{expression}"
        );
    }
}

#[test]
fn what_is_supported_is_taken() {
    for expression in [
        r"^/dp/([A-Za-z0-9]+)/?$",
        r"^\/api\/(.+)$",
        "a+?b",
        "[+*]+",
        "a{1,3}?",
        "(?i)a",
        r"\++",
        "(?:a|b)",
    ] {
        assert_eq!(check_regex(expression), Ok(()), "{expression}");
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    for expression in ["(", "[a", "a{2", "*", "(?P<x", "a{100000}{100000}"] {
        let refused = check_regex(expression);
        assert!(
            matches!(refused, Err(ExpressionError::Syntax(_))),
            "{expression}: {refused:?}"
        );
    }
}
