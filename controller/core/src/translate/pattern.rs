//! Regular expressions of matches.

use gatewright_model::pattern::{Pattern, PatternError};

/// Checks an expression as the router will compile it ([`Pattern`]).
///
/// # Errors
/// Words for the condition's message, in one line.
pub fn check(expression: &str) -> Result<(), String> {
    Pattern::compile(expression).map(drop).map_err(|error| {
        // The parser's text draws the place over several lines; the last one says what is wrong.
        let text = match &error {
            PatternError::Syntax(text) => text.to_string(),
            other => other.to_string(),
        };
        let reason = text
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("invalid")
            .trim();
        let reason = reason.strip_prefix("error: ").unwrap_or(reason);
        let shown: String = expression.chars().take(128).collect();
        format!("\"{shown}\" is not a usable regular expression ({reason}); accepted is RE2 syntax")
    })
}

/// An expression for the two elements of a gRPC path; one that is absent matches any.
pub fn grpc_path(service: Option<&str>, method: Option<&str>) -> String {
    let part =
        |element: Option<&str>| element.map_or_else(|| "[^/]+".to_owned(), |text| format!("(?:{text})"));
    format!("/{}/{}", part(service), part(method))
}

#[cfg(test)]
mod tests {
    use super::{check, grpc_path};
    use gatewright_model::pattern::Pattern;

    #[test]
    fn re2_syntax_is_accepted_and_the_rest_named() {
        for good in ["/foo.*", "v[0-9]+", "(?i)abc", "a|b", "^/x$", ""] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["(", "a)|(b", "(?=x)", "\\1", "[z-a]", "(\\w{1000}){1000}"] {
            let words = check(bad).unwrap_err();
            assert!(words.contains("RE2") && !words.contains('\n'), "{bad}: {words}");
        }
    }

    #[test]
    fn grpc_paths_have_two_elements() {
        assert_eq!(
            grpc_path(Some("shop\\..*"), Some("Get|List")),
            "/(?:shop\\..*)/(?:Get|List)"
        );
        let any_method = Pattern::compile(&grpc_path(Some("a.*"), None)).unwrap();
        let matches = ["/abc/Get", "/abc/", "/b/Get"].map(|path| any_method.is_match(path.as_bytes()));
        assert_eq!(matches, [true, false, false]);
    }
}
