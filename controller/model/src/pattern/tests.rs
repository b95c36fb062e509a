use super::{Pattern, PatternError};

fn compile(source: &str) -> Pattern {
    Pattern::compile(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}

#[test]
fn the_whole_value_must_match() {
    let cases: [(&str, &[u8], bool); 22] = [
        ("a|ab", b"ab", true),
        ("a|ab", b"abc", false),
        ("b", b"abc", false),
        ("/v[0-9]+/.*", b"/v12/x/y", true),
        ("/v[0-9]+/.*", b"/v12", false),
        ("^/a$", b"/a", true),
        ("", b"", true),
        ("", b"a", false),
        // A newline is no end (`$` without `(?m)` in RE2).
        ("a", b"a\n", false),
        ("(?i)ab", b"AB", true),
        ("ab", b"AB", false),
        // RE2: Perl classes are ASCII.
        (r"\d+", "\u{664}".as_bytes(), false),
        (r"\w+", "é".as_bytes(), false),
        (r"\pL+", "é".as_bytes(), true),
        ("é", "é".as_bytes(), true),
        ("[éa]", "é".as_bytes(), true),
        // Values need not be UTF-8.
        (".*", b"\xff\xfe", true),
        // Comment mode must not swallow the anchors.
        ("(?x) a b # c", b"ab", true),
        ("(?x) a b # c", b"abc", false),
        // Flags end with the pattern.
        ("(?m)a$", b"a\nb", false),
        ("(?s).", b"\n", true),
        ("a{2,3}", b"aaaa", false),
    ];
    for (source, value, expected) in cases {
        let found = compile(source).is_match(value);
        assert_eq!(found, expected, "{source} on {}", String::from_utf8_lossy(value));
    }
}

#[test]
fn broken_and_greedy_patterns_are_refused() {
    for source in ["(", "a)|(b", "[", "*", r"(a)\1", "(?=a)", r"\q", "(?P<n"] {
        assert!(
            matches!(Pattern::compile(source), Err(PatternError::Syntax(_))),
            "{source}"
        );
    }
    for source in [
        "a{99999999}",
        r"(\w{1000}){1000}",
        r"((a{100}){100}){100}",
        r"(\pL{500}){50}",
    ] {
        assert_eq!(
            Pattern::compile(source).err(),
            Some(PatternError::Size),
            "{source}"
        );
    }
    assert_eq!(
        Pattern::compile(&"a".repeat(4097)).err(),
        Some(PatternError::Length(4097))
    );
    let nested = format!("{}{}", "(".repeat(2000), ")".repeat(2000));
    assert!(matches!(Pattern::compile(&nested), Err(PatternError::Syntax(_))));
}

#[test]
fn literal_prefixes() {
    let cases = [
        ("/api/v[0-9]+", "/api/v"),
        (r"/a\.b/c.*", "/a.b/c"),
        ("/(foo)/bar(/.*)?", "/foo/bar"),
        ("/foo|/bar", "/"),
        ("/foo/a|/foo/b", "/foo/"),
        ("/foo|", ""),
        ("(/foo)?/bar", "/"),
        ("/foo{0}", "/fo"),
        (r"\b/foo", "/foo"),
        ("(?i)/foo", "/"),
        (".*", ""),
        ("^/x/y$", "/x/y"),
        ("/a+", "/a"),
    ];
    for (source, expected) in cases {
        assert_eq!(super::literal_prefix(source), expected, "{source}");
    }
}
