use super::{EscapedSlashes, PathError, Policy, RepeatedSlashes, normalise, split_target};
use proptest::prelude::*;
use std::borrow::Cow;

const KEEP_ALL: Policy = Policy {
    repeated_slashes: RepeatedSlashes::Keep,
    escaped_slashes: EscapedSlashes::Keep,
};
const DECODE: Policy = Policy {
    repeated_slashes: RepeatedSlashes::Merge,
    escaped_slashes: EscapedSlashes::Decode,
};
const REJECT: Policy = Policy {
    repeated_slashes: RepeatedSlashes::Merge,
    escaped_slashes: EscapedSlashes::Reject,
};

fn ok(raw: &str, policy: Policy) -> String {
    normalise(raw.as_bytes(), &policy)
        .unwrap_or_else(|error| panic!("{raw}: {error}"))
        .into_owned()
}

#[test]
fn default_policy() {
    let cases = [
        ("", "/"),
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b/"),
        // RFC 3986 section 6.2.2.2: unreserved characters are decoded, others upper-cased.
        ("/%7Euser/%41%2d%5f", "/~user/A-_"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/a%3fb%23c%25d", "/a%3Fb%23c%25d"),
        // Nothing is decoded twice.
        ("/%252e%252e/x", "/%252e%252e/x"),
        // RFC 3986 section 5.2.4, its own examples.
        ("/a/b/c/./../../g", "/a/g"),
        ("/mid/content=5/../6", "/mid/6"),
        ("/..", "/"),
        ("/../../x", "/x"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/a/b/..", "/a/"),
        ("/a/%2e%2E/b", "/b"),
        ("/a/.%2e/b", "/b"),
        // Not dot segments.
        ("/.well-known/x", "/.well-known/x"),
        ("/...", "/..."),
        ("/a..b/.c", "/a..b/.c"),
        // Slashes.
        ("//a///b//", "/a/b/"),
        ("//", "/"),
        ("/a//../b", "/b"),
        ("/a%2fb%5cc", "/a%2Fb%5Cc"),
        ("/a\\b", "/a%5Cb"),
        // Printable characters that no path may hold.
        ("/a\"<>[]^`{|}", "/a%22%3C%3E%5B%5D%5E%60%7B%7C%7D"),
        // All of pchar stays.
        ("/a-._~!$&'()*+,;=:@z", "/a-._~!$&'()*+,;=:@z"),
    ];
    for (raw, expected) in cases {
        assert_eq!(ok(raw, Policy::default()), expected, "{raw}");
    }
}

#[test]
fn other_policies() {
    assert_eq!(ok("//a//b/", KEEP_ALL), "//a//b/");
    // RFC 3986 section 5.2.4: `..` removes one segment, be it empty.
    assert_eq!(ok("/a//../b", KEEP_ALL), "/a/b");
    assert_eq!(ok("/a//..", KEEP_ALL), "/a/");
    assert_eq!(ok("/a%2Fb%5c../c", DECODE), "/a/c");
    assert_eq!(ok("/a\\..\\..\\b", DECODE), "/b");
    for raw in ["/a%2fb", "/a%5Cb", "/a\\b"] {
        assert_eq!(
            normalise(raw.as_bytes(), &REJECT),
            Err(PathError::EscapedSlash),
            "{raw}"
        );
    }
}

#[test]
fn hostile_paths_are_refused() {
    let cases: [(&[u8], PathError); 22] = [
        (b"a", PathError::NotAbsolute),
        (b"*", PathError::NotAbsolute),
        (b"http://x/", PathError::NotAbsolute),
        (b"/a b", PathError::Byte(b' ')),
        (b"/a\tb", PathError::Byte(b'\t')),
        (b"/a\r\nX: y", PathError::Byte(b'\r')),
        (b"/a\0", PathError::Byte(0)),
        (b"/a\x7f", PathError::Byte(0x7f)),
        (b"/\xc3\xa9", PathError::Byte(0xc3)),
        (b"/a#b", PathError::Byte(b'#')),
        (b"/a%", PathError::Escape),
        (b"/a%4", PathError::Escape),
        (b"/a%4g", PathError::Escape),
        (b"/a%+1", PathError::Escape),
        (b"/a%00", PathError::Nul),
        (b"/admin/..;/secret", PathError::HiddenDots),
        (b"/a/%2e%2e;x=y/b", PathError::HiddenDots),
        (b"/a/.;/b", PathError::HiddenDots),
        (b"/a/..%2fb", PathError::HiddenDots),
        (b"/a/%2e%2e%5cb", PathError::HiddenDots),
        (b"/a%2f..", PathError::HiddenDots),
        (b"/a%2F..;x%2Fb", PathError::HiddenDots),
    ];
    for (raw, expected) in cases {
        let found = normalise(raw, &Policy::default());
        assert_eq!(found, Err(expected), "{}", String::from_utf8_lossy(raw));
    }
}

#[test]
fn targets_are_split_at_the_first_question_mark() {
    let target = split_target(b"/a/../b?x=/../%zz&[]?", &Policy::default()).unwrap();
    assert_eq!(
        (target.path.as_ref(), target.query),
        ("/b", Some("x=/../%zz&[]?"))
    );
    let target = split_target(b"/b?", &Policy::default()).unwrap();
    assert_eq!((target.path.as_ref(), target.query), ("/b", Some("")));
    for raw in [&b"/b?a b"[..], b"/b?a#b", b"/b?\xff", b"/b?\r\n"] {
        assert!(split_target(raw, &Policy::default()).is_err());
    }
}

#[test]
fn normal_paths_are_not_copied() {
    for raw in ["/", "/a/b.c/d", "/.well-known/acme", "/a%2Fb%20"] {
        let normal = normalise(raw.as_bytes(), &Policy::default()).unwrap();
        assert!(matches!(normal, Cow::Borrowed(_)), "{raw}");
    }
}

fn policies() -> impl Strategy<Value = Policy> {
    let repeated = prop_oneof![Just(RepeatedSlashes::Merge), Just(RepeatedSlashes::Keep)];
    let escaped = prop_oneof![
        Just(EscapedSlashes::Keep),
        Just(EscapedSlashes::Decode),
        Just(EscapedSlashes::Reject)
    ];
    (repeated, escaped).prop_map(|(repeated_slashes, escaped_slashes)| Policy {
        repeated_slashes,
        escaped_slashes,
    })
}

/// Pieces that meet in the nasty ways.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "/", "//", ".", "..", "%2e", "%2E", "%2f", "%5c", "\\", "a", "b", ";", "%00", "%25", "%7e", "%c3",
        "%", "|", "?", "#", " ", "x=1",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// What must hold of every accepted path, whatever went in.
fn check(raw: &[u8], policy: Policy) -> Result<(), TestCaseError> {
    let Ok(normal) = normalise(raw, &policy) else {
        return Ok(());
    };
    let again = normalise(normal.as_bytes(), &policy);
    prop_assert_eq!(again.as_deref(), Ok(normal.as_ref()));
    prop_assert!(normal.starts_with('/'));
    prop_assert!(!normal.split('/').any(|segment| segment == "." || segment == ".."));
    prop_assert!(
        normal
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\\#?\"<>".contains(&byte))
    );
    if policy.repeated_slashes == RepeatedSlashes::Merge {
        prop_assert!(!normal.contains("//"));
    }
    if policy.escaped_slashes != EscapedSlashes::Keep {
        prop_assert!(!normal.contains("%2F") && !normal.contains("%5C"));
    }
    // A backend that decodes once more and resolves dots stays below what was matched.
    let decoded = normal
        .replace("%2F", "/")
        .replace("%5C", "/")
        .replace("%5c", "/")
        .replace("%2f", "/");
    prop_assert!(
        !decoded
            .split('/')
            .any(|segment| matches!(segment.split(';').next(), Some("." | "..")))
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn accepted_paths_are_fixed_points(raw in hostile(), policy in policies()) {
        check(raw.as_bytes(), policy)?;
    }

    #[test]
    fn any_bytes_are_safe(mut raw in prop::collection::vec(any::<u8>(), 0..24), policy in policies()) {
        check(&raw, policy)?;
        raw.insert(0, b'/');
        check(&raw, policy)?;
    }
}
