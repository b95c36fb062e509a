//! Literal text as a value of a condition: no character of it ever acts as a wildcard.
//!
//! Values are globs: `*` stands for any characters and `?` for one. That a backslash makes them literal is documented
//! for query strings alone
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_QueryStringConditionConfig.html>).
//! Elsewhere such text becomes an anchored regular expression.
//! Which characters values may hold, and that none has more than 128:
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleCondition.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/add-rule.html>.

use crate::Str;
use crate::alb::rule::Values;
use gatewright_model::hostname::HostPattern;
use std::collections::BTreeSet;

/// Longest value in characters, glob or expression.
pub(super) const MAX: usize = 128;

/// A port that may follow the name in `Host`; values are compared with the name, expressions with all of it.
const PORT: &str = "(:[0-9]+)?";

/// Why a text cannot be a value, in words.
pub(super) type Refusal = String;

/// A value of its own, when it is short enough.
pub(super) fn checked(value: String) -> Result<Str, Refusal> {
    match value.chars().count() {
        count if count > MAX => Err(format!(
            "a value of a condition has at most {MAX} characters, this one {count}"
        )),
        0 => Err("a value of a condition cannot be empty".to_owned()),
        _ => Ok(value.into()),
    }
}

fn one(value: String) -> Result<BTreeSet<Str>, Refusal> {
    Ok(BTreeSet::from([checked(value)?]))
}

/// Text with everything quoted that means something in a regular expression.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for found in text.chars() {
        if matches!(
            found,
            '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$'
        ) {
            out.push('\\');
        }
        out.push(found);
    }
    out
}

/// `host-header`; none for any host. A value needs a dot and only letters behind the last one; other names become
/// expressions.
pub(super) fn host(pattern: &HostPattern) -> Result<Option<Values>, Refusal> {
    let is_value = |name: &str| {
        name.rsplit_once('.')
            .is_some_and(|(_, last)| !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_alphabetic()))
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    };
    let values = match pattern {
        HostPattern::Any => return Ok(None),
        HostPattern::Exact(name) if is_value(name) => Values::Wildcards(one(name.to_string())?),
        HostPattern::Exact(name) => Values::Regex(one(format!("^{}{PORT}$", quoted(name)))?),
        HostPattern::Wildcard(suffix) if is_value(suffix) => Values::Wildcards(one(format!("*{suffix}"))?),
        HostPattern::Wildcard(suffix) => Values::Regex(one(format!("^.+{}{PORT}$", quoted(suffix)))?),
    };
    Ok(Some(values))
}

/// Whether a path can be a glob that matches it alone.
fn is_path_value(path: &str) -> bool {
    path.bytes().all(|byte| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'_' | b'-' | b'.' | b'$' | b'/' | b'~' | b'"' | b'\'' | b'@' | b':' | b'+'
            )
    })
}

/// `path-pattern` that is this path.
pub(super) fn path(path: &str) -> Result<Values, Refusal> {
    if is_path_value(path) {
        return one(path.to_owned()).map(Values::Wildcards);
    }
    one(format!("^{}$", quoted(path))).map(Values::Regex)
}

/// `path-pattern` for a path and everything below it, as two globs; none where one of them cannot be written.
/// `prefix` has no slash at its end and is not empty.
pub(super) fn prefix_values(prefix: &str) -> Option<Values> {
    let below = format!("{prefix}/*");
    (is_path_value(prefix) && below.len() <= MAX)
        .then(|| Values::Wildcards(BTreeSet::from([prefix.into(), below.into()])))
}

/// The same as one expression.
pub(super) fn prefix_expression(prefix: &str) -> Result<Values, Refusal> {
    one(format!("^{}(/.*)?$", quoted(prefix))).map(Values::Regex)
}

/// `path-pattern` for a gRPC method of any service: `/{service}/{method}`.
pub(super) fn grpc_method(method: &str) -> Result<Values, Refusal> {
    one(format!("^/[^/]+/{}$", quoted(method))).map(Values::Regex)
}

/// `http-header`.
pub(super) fn header(value: &str) -> Result<Values, Refusal> {
    if let Some(found) = value.chars().find(|found| !matches!(found, ' '..='~')) {
        return Err(format!(
            "a value of a header condition holds printable ASCII characters, not {found:?}"
        ));
    }
    if value.contains(['*', '?', '\\']) {
        return one(format!("^{}$", quoted(value))).map(Values::Regex);
    }
    one(value.to_owned()).map(Values::Wildcards)
}

/// Key or value of `query-string`.
///
/// What is not in the list of accepted characters cannot be written. `+`, `&` and `%` are in it or stand for others
/// there: a query carries them encoded, and no page says whether values are compared before or after decoding.
pub(super) fn query(text: &str) -> Result<Str, Refusal> {
    let mut out = String::with_capacity(text.len());
    for found in text.chars() {
        match found {
            '*' | '?' => {
                out.push('\\');
                out.push(found);
            }
            'a'..='z'
            | 'A'..='Z'
            | '0'..='9'
            | '_'
            | '-'
            | '.'
            | '$'
            | '/'
            | '~'
            | '"'
            | '\''
            | '@'
            | ':'
            | '('
            | ')'
            | '!'
            | ','
            | ';'
            | '=' => out.push(found),
            other => {
                return Err(format!(
                    "a query-string condition cannot hold {other:?}: it is not accepted, or a query carries it encoded"
                ));
            }
        }
    }
    checked(out)
}

/// `http-header`, the name.
pub(super) fn header_name(name: &str) -> Result<Str, Refusal> {
    if name == "host" {
        return Err("a header condition cannot name the Host header".to_owned());
    }
    if name.len() > 40 {
        return Err(format!(
            "the name of a header condition has at most 40 characters, this one {}",
            name.len()
        ));
    }
    Ok(name.into())
}

/// `http-request-method`: case-sensitive, at most 40 of A-Z, `-` and `_`.
pub(super) fn method(name: &str) -> Result<Str, Refusal> {
    let accepted = name
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'));
    if name.is_empty() || name.len() > 40 || !accepted {
        return Err(format!(
            "a method condition holds up to 40 of A-Z, '-' and '_', not {name:?}"
        ));
    }
    Ok(name.into())
}

#[cfg(test)]
mod tests;
