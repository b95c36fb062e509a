//! Path modifiers (Gateway API v1.7.0, `HTTPPathModifier`).

use gatewright_model::filter::PathModifier;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What may not stand in a path as it is (RFC 3986 section 3.3). `%` stays: the value is written
/// encoded.
const NOT_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A path modifier, ready to execute.
#[derive(Debug)]
pub enum CompiledPath {
    /// The whole path, starting with `/`.
    Full(String),
    /// Replacement of the matched prefix, without trailing slash: empty or starting with `/`.
    Prefix(String),
}

impl CompiledPath {
    /// Compiles a modifier; characters that a path may not hold are percent-encoded, a missing
    /// leading slash is added.
    pub fn compile(modifier: &PathModifier) -> Self {
        match modifier {
            PathModifier::ReplaceFullPath(path) => Self::Full(rooted(path)),
            PathModifier::ReplacePrefixMatch(prefix) => {
                let trimmed = prefix.trim_end_matches('/');
                Self::Prefix(if trimmed.is_empty() {
                    String::new()
                } else {
                    rooted(trimmed)
                })
            }
        }
    }

    /// The modified path. `prefix` is the path prefix that the rule matched (`/foo`, `/foo/` and `/`
    /// alike); without one the path of a prefix modifier stays.
    pub fn apply(&self, path: &str, prefix: Option<&str>) -> String {
        match self {
            Self::Full(full) => full.clone(),
            Self::Prefix(replacement) => {
                let rest = prefix.and_then(|prefix| path.strip_prefix(prefix.trim_end_matches('/')));
                match rest {
                    // Whole path elements only: what follows the prefix is nothing or a slash.
                    Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                        let joined = [replacement.as_str(), rest].concat();
                        if joined.is_empty() { "/".to_owned() } else { joined }
                    }
                    _ => path.to_owned(),
                }
            }
        }
    }
}

fn rooted(path: &str) -> String {
    let encoded = utf8_percent_encode(path, NOT_PATH).to_string();
    if encoded.starts_with('/') {
        encoded
    } else {
        format!("/{encoded}")
    }
}

#[cfg(test)]
mod tests {
    use super::CompiledPath;
    use gatewright_model::filter::PathModifier;

    fn replace(path: &str, prefix: Option<&str>, with: &str) -> String {
        CompiledPath::compile(&PathModifier::ReplacePrefixMatch(with.into())).apply(path, prefix)
    }

    /// The table of `HTTPPathModifier.replacePrefixMatch`.
    #[test]
    fn prefixes_are_replaced_as_the_specification_tabulates() {
        let table = [
            ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
            ("/foo", "/foo", "/xyz", "/xyz"),
            ("/foo/", "/foo", "/xyz", "/xyz/"),
            ("/foo/bar", "/foo", "", "/bar"),
            ("/foo/", "/foo", "", "/"),
            ("/foo", "/foo", "", "/"),
            ("/foo/", "/foo", "/", "/"),
            ("/foo", "/foo", "/", "/"),
        ];
        for (path, prefix, with, expected) in table {
            assert_eq!(
                replace(path, Some(prefix), with),
                expected,
                "{path} {prefix} {with}"
            );
        }
    }

    #[test]
    fn the_root_prefix_and_whole_elements() {
        assert_eq!(replace("/a/b", Some("/"), "/xyz"), "/xyz/a/b");
        assert_eq!(replace("/", Some("/"), "/xyz"), "/xyz/");
        assert_eq!(replace("/", Some("/"), "/"), "/");
        assert_eq!(replace("/foobar", Some("/foo"), "/xyz"), "/foobar");
        assert_eq!(replace("/foo/bar", None, "/xyz"), "/foo/bar");
        assert_eq!(replace("/foo/bar", Some("/foo"), "xyz"), "/xyz/bar");
    }

    /// conformance/tests/httproute-rewrite-path.go
    #[test]
    fn rewrites_of_the_conformance_suite() {
        assert_eq!(
            replace("/prefix/one/two", Some("/prefix/one"), "/one"),
            "/one/two"
        );
        assert_eq!(
            replace("/strip-prefix/three", Some("/strip-prefix"), "/"),
            "/three"
        );
        assert_eq!(replace("/strip-prefix", Some("/strip-prefix"), "/"), "/");
        let full = CompiledPath::compile(&PathModifier::ReplaceFullPath("/one".into()));
        assert_eq!(full.apply("/full/one/two", Some("/full/one")), "/one");
    }

    #[test]
    fn a_path_never_holds_what_would_end_it() {
        let full = CompiledPath::compile(&PathModifier::ReplaceFullPath("a b?c#d%20\r\n".into()));
        assert_eq!(full.apply("/", None), "/a%20b%3Fc%23d%20%0D%0A");
    }
}
