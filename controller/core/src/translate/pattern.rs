//! Regular expressions of matches.

use regex::RegexBuilder;

/// Bound on the compiled size of one expression: what RE2 users know as the default of 1,000
/// instructions would refuse harmless ones, no bound would let one route take the memory of all.
const SIZE_LIMIT: usize = 256 * 1024;

/// Checks an expression as the router will compile it: RE2 syntax as the `regex` crate reads it,
/// linear time, anchored at both ends.
///
/// # Errors
/// Words for the condition's message, one line.
pub fn check(expression: &str) -> Result<(), String> {
    // The expression is compiled alone first, so that `a)|(b` cannot close the group around it.
    let compile = |text: &str| RegexBuilder::new(text).size_limit(SIZE_LIMIT).build().map(drop);
    compile(expression)
        .and_then(|()| compile(&anchored(expression)))
        .map_err(|error| {
            let text = error.to_string();
            let reason = text
                .lines()
                .rev()
                .find(|line| !line.trim().is_empty())
                .unwrap_or("invalid")
                .trim();
            let shown: String = expression.chars().take(128).collect();
            format!("\"{shown}\" is not a usable regular expression ({reason}); accepted is RE2 syntax")
        })
}

/// The whole-value form of an expression.
pub fn anchored(expression: &str) -> String {
    format!("^(?:{expression})$")
}

/// An expression for the two elements of a gRPC path.
pub fn grpc_path(service: Element<'_>, method: Element<'_>) -> String {
    let part = |element: Element<'_>| match element {
        Element::Any => "[^/]+".to_owned(),
        Element::Regex(text) => format!("(?:{text})"),
    };
    format!("/{}/{}", part(service), part(method))
}

/// One element of a gRPC path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// Anything.
    Any,
    /// Whatever the expression matches.
    Regex(&'a str),
}

#[cfg(test)]
mod tests {
    use super::{Element, anchored, check, grpc_path};
    use regex::Regex;

    #[test]
    fn re2_syntax_is_accepted_and_the_rest_named() {
        for good in ["/foo.*", "v[0-9]+", "(?i)abc", "a|b", "^/x$", ""] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["(", "a)|(b", "(?=x)", "\\1", "[z-a]", "a{1000000}"] {
            let words = check(bad).unwrap_err();
            assert!(words.contains("RE2") && !words.contains('\n'), "{bad}: {words}");
        }
    }

    #[test]
    fn expressions_match_the_whole_value() {
        let regex = Regex::new(&anchored("a|b")).unwrap();
        assert!(regex.is_match("a") && regex.is_match("b"));
        assert!(!regex.is_match("ab") && !regex.is_match("xb"));
    }

    #[test]
    fn grpc_paths_have_two_elements() {
        assert_eq!(
            grpc_path(Element::Regex("shop\\..*"), Element::Regex("Get|List")),
            "/(?:shop\\..*)/(?:Get|List)"
        );
        let any_method = Regex::new(&anchored(&grpc_path(Element::Regex("a.*"), Element::Any))).unwrap();
        assert!(
            any_method.is_match("/abc/Get")
                && !any_method.is_match("/abc/")
                && !any_method.is_match("/b/Get")
        );
    }
}
