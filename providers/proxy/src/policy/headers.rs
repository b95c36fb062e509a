//! `RequestHeaderModifier` and `ResponseHeaderModifier` (Gateway API v1.7.0, `HTTPHeaderFilter`).

use crate::http::Headers;
use gatewright_model::Str;
use gatewright_model::filter::{HeaderModifier, belongs_to_connection};
use gatewright_model::host::is_authority;
use http::{HeaderName, HeaderValue};
use std::sync::Arc;

/// A header modifier with names and values checked. One that can be executed as it stands, which is nearly
/// every one, is the model's own.
#[derive(Debug)]
pub struct CompiledHeaders {
    /// Names are lower-case tokens and unique within a list, values can stand in a field.
    modifier: Arc<HeaderModifier>,
    /// `set` of `Host`: what the request's authority becomes.
    host: Option<Str>,
}

impl CompiledHeaders {
    /// Compiles a modifier. What cannot be executed is left out and said in `refused`: names that
    /// are no tokens, values with control characters, connection and framing fields, and `Host`
    /// other than in `set` (which replaces the authority).
    pub fn compile(modifier: &Arc<HeaderModifier>, refused: &mut Vec<String>) -> Self {
        let mut host = None;
        let mut usable = HeaderModifier::default();
        for (name, value) in &modifier.set {
            if name.eq_ignore_ascii_case("host") {
                if is_authority(value) {
                    host = Some(value.clone());
                } else {
                    refused.push(format!("set: {value:?} is not a host that Host can be set to"));
                }
            } else {
                add(&mut usable.set, (name, value), "set", refused);
            }
        }
        for (name, value) in &modifier.add {
            if name.eq_ignore_ascii_case("host") {
                refused.push("add: a request has one Host; use set".to_owned());
            } else {
                add(&mut usable.add, (name, value), "add", refused);
            }
        }
        for name in &modifier.remove {
            let name = lower(name);
            if belongs_to_connection(&name) || *name == *"host" {
                refused.push(format!("remove: {name:?} belongs to the connection"));
            } else {
                usable.remove.push(name);
            }
        }
        Self {
            modifier: if usable == **modifier {
                Arc::clone(modifier)
            } else {
                Arc::new(usable)
            },
            host,
        }
    }

    /// The authority that the request gets, when the filter sets `Host`.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Applies the changes: remove, set, add. A name has one action only (`HTTPHeaderFilter`), so
    /// the order between them shows in nothing.
    pub fn apply(&self, headers: &mut Headers) {
        let HeaderModifier { set, add, remove } = &*self.modifier;
        for name in remove {
            headers.remove(name);
        }
        for (name, value) in set {
            headers.remove(name);
            headers.append_checked(name.as_bytes(), value.as_bytes());
        }
        // A line of its own is the same list to every recipient (RFC 9110 section 5.3) and right
        // for Set-Cookie, whose lines may not be joined.
        for (name, value) in add {
            headers.append_checked(name.as_bytes(), value.as_bytes());
        }
    }
}

/// Adds a field to a list unless it cannot be sent or its name is there already.
fn add(list: &mut Vec<(Str, Str)>, (name, value): (&Str, &Str), action: &str, refused: &mut Vec<String>) {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        refused.push(format!("{action}: {name:?} is not a header name"));
        return;
    }
    let lower = lower(name);
    if belongs_to_connection(&lower) {
        refused.push(format!("{action}: {name:?} belongs to the connection"));
    } else if HeaderValue::from_str(value).is_err() {
        refused.push(format!("{action}: the value of {name:?} has a control character"));
    } else if !list.iter().any(|(known, _)| *known == lower) {
        list.push((lower, Str::clone(value)));
    }
}

/// A name in lower case, shared when it is so already.
fn lower(name: &Str) -> Str {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        name.to_ascii_lowercase().into()
    } else {
        Str::clone(name)
    }
}

#[cfg(test)]
mod tests {
    use super::CompiledHeaders;
    use crate::http::Headers;
    use gatewright_model::filter::HeaderModifier;
    use std::sync::Arc;

    fn headers(fields: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.append_raw(name.as_bytes(), value.as_bytes()).unwrap();
        }
        headers
    }

    fn lines(headers: &Headers) -> Vec<String> {
        headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
            .collect()
    }

    #[test]
    fn set_add_and_remove_follow_the_examples_of_the_specification() {
        let modifier = HeaderModifier {
            set: vec![("My-Header".into(), "bar".into()), ("x-new".into(), "1".into())],
            add: vec![("x-list".into(), "bar,baz".into())],
            remove: vec!["My-Header1".into(), "my-header3".into()],
        };
        let mut refused = Vec::new();
        let compiled = CompiledHeaders::compile(&Arc::new(modifier), &mut refused);
        let mut fields = headers(&[
            ("my-header", "foo"),
            ("my-header", "twice"),
            ("my-header1", "foo"),
            ("my-header2", "bar"),
            ("my-header3", "baz"),
            ("x-list", "foo"),
        ]);
        compiled.apply(&mut fields);
        assert_eq!(
            lines(&fields),
            [
                "my-header2: bar",
                "x-list: foo",
                "my-header: bar",
                "x-new: 1",
                "x-list: bar,baz"
            ]
        );
        assert_eq!(fields.joined("x-list").unwrap(), &b"foo,bar,baz"[..]);
        assert!(refused.is_empty());
    }

    #[test]
    fn what_can_be_executed_as_it_stands_is_not_copied() {
        let plain = Arc::new(HeaderModifier {
            set: vec![("x-a".into(), "1".into())],
            add: vec![("x-b".into(), "2".into())],
            remove: vec!["x-c".into()],
        });
        let mut refused = Vec::new();
        let compiled = CompiledHeaders::compile(&plain, &mut refused);
        assert!(Arc::ptr_eq(&compiled.modifier, &plain));
        let other = Arc::new(HeaderModifier {
            set: vec![("X-A".into(), "1".into()), ("te".into(), "2".into())],
            ..HeaderModifier::default()
        });
        let compiled = CompiledHeaders::compile(&other, &mut refused);
        assert_eq!(compiled.modifier.set, [("x-a".into(), "1".into())]);
        assert_eq!(refused.len(), 1);
    }

    #[test]
    fn the_first_of_equivalent_names_counts() {
        let modifier = HeaderModifier {
            set: vec![("a".into(), "1".into()), ("A".into(), "2".into())],
            add: vec![("b".into(), "1".into()), ("B".into(), "2".into())],
            remove: vec![],
        };
        let compiled = CompiledHeaders::compile(&Arc::new(modifier), &mut Vec::new());
        let mut fields = Headers::new();
        compiled.apply(&mut fields);
        assert_eq!(lines(&fields), ["a: 1", "b: 1"]);
    }

    #[test]
    fn connection_and_framing_fields_are_refused() {
        for name in [
            "Connection",
            "transfer-encoding",
            "Content-Length",
            "TE",
            "upgrade",
            "keep-alive",
        ] {
            let modifier = HeaderModifier {
                set: vec![(name.into(), "1".into())],
                add: vec![(name.into(), "1".into())],
                remove: vec![name.into()],
            };
            let mut refused = Vec::new();
            let compiled = CompiledHeaders::compile(&Arc::new(modifier), &mut refused);
            let mut fields = Headers::new();
            compiled.apply(&mut fields);
            assert!(fields.is_empty(), "{name}");
            assert_eq!(refused.len(), 3, "{name}: {refused:?}");
        }
    }

    #[test]
    fn values_that_would_split_a_message_are_refused() {
        let modifier = HeaderModifier {
            set: vec![("a".into(), "x\r\ny: z".into()), ("b c".into(), "x".into())],
            ..HeaderModifier::default()
        };
        let mut refused = Vec::new();
        let compiled = CompiledHeaders::compile(&Arc::new(modifier), &mut refused);
        let mut fields = Headers::new();
        compiled.apply(&mut fields);
        assert!(fields.is_empty());
        assert_eq!(refused.len(), 2);
    }

    #[test]
    fn setting_host_replaces_the_authority_and_nothing_else_touches_it() {
        let modifier = HeaderModifier {
            set: vec![("Host".into(), "one.example.org:8080".into())],
            add: vec![("host".into(), "two.example.org".into())],
            remove: vec!["HOST".into()],
        };
        let mut refused = Vec::new();
        let compiled = CompiledHeaders::compile(&Arc::new(modifier), &mut refused);
        assert_eq!(compiled.host(), Some("one.example.org:8080"));
        assert_eq!(refused.len(), 2);
        let bad = HeaderModifier {
            set: vec![("host".into(), "a/b".into())],
            ..HeaderModifier::default()
        };
        let mut refused = Vec::new();
        assert_eq!(
            CompiledHeaders::compile(&Arc::new(bad), &mut refused).host(),
            None
        );
        assert_eq!(refused.len(), 1);
    }
}
