//! The name formats of Kubernetes (`k8s.io/apimachinery/pkg/util/validation`), with its messages.

const DNS1123_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DNS1123_SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const DNS1035_LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED_NAME: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// What is wrong with `text` as a DNS-1123 label; empty when nothing is.
pub(crate) fn dns1123_label(text: &str) -> Vec<String> {
    collect(text, 63, is_dns1123_label(text), DNS1123_LABEL)
}

/// What is wrong with `text` as a DNS-1123 subdomain.
pub(crate) fn dns1123_subdomain(text: &str) -> Vec<String> {
    collect(
        text,
        253,
        text.split('.').all(is_dns1123_label),
        DNS1123_SUBDOMAIN,
    )
}

/// What is wrong with `text` as a DNS-1035 label.
pub(crate) fn dns1035_label(text: &str) -> Vec<String> {
    let ok = is_dns1123_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase());
    collect(text, 63, ok, DNS1035_LABEL)
}

/// What is wrong with `text` as a label value.
pub(crate) fn label_value(text: &str) -> Vec<String> {
    collect(text, 63, text.is_empty() || is_label_like(text), LABEL_VALUE)
}

/// What is wrong with `text` as a qualified name: an optional DNS subdomain, a slash, and a name.
pub(crate) fn qualified_name(text: &str) -> Vec<String> {
    let (prefix, name) = match text.split_once('/') {
        None => (None, text),
        Some((prefix, name)) if !name.contains('/') => (Some(prefix), name),
        Some(_) => {
            return vec![format!(
                "a qualified name {QUALIFIED_NAME} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    let mut problems = Vec::new();
    match prefix {
        Some("") => problems.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => problems.extend(
            dns1123_subdomain(prefix)
                .into_iter()
                .map(|p| format!("prefix part {p}")),
        ),
        None => {}
    }
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        problems.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_label_like(name) {
        problems.push(format!("name part {QUALIFIED_NAME}"));
    }
    problems
}

/// What is wrong with `text` as a key of a ConfigMap or Secret.
pub(crate) fn config_key(text: &str) -> Vec<String> {
    let characters = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let mut problems = collect(
        text,
        253,
        characters,
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    );
    if text == "." || text.starts_with("..") {
        problems.push("must not be '.' or start with '..'".to_owned());
    }
    problems
}

/// What is wrong with `text` as the name of a service port (IANA_SVC_NAME, RFC 6335, section 5.1).
pub(crate) fn port_name(text: &str) -> Vec<String> {
    let ok = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.bytes().any(|b| b.is_ascii_lowercase())
        && !text.contains("--")
        && !text.starts_with('-')
        && !text.ends_with('-');
    collect(
        text,
        15,
        ok,
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), at least one letter, no '--', and no hyphen at either end",
    )
}

fn collect(text: &str, max: usize, ok: bool, message: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > max {
        problems.push(format!("must be no more than {max} bytes"));
    }
    if !ok {
        problems.push(message.to_owned());
    }
    problems
}

fn is_dns1123_label(text: &str) -> bool {
    let edge = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    edge(text.bytes().next())
        && edge(text.bytes().next_back())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_label_like(text: &str) -> bool {
    let edge = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    edge(text.bytes().next())
        && edge(text.bytes().next_back())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
