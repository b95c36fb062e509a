//! Requests as the router sees them, and the conditions that are checked one by one.

use crate::pattern::{Pattern, PatternError};
use crate::route::{HttpMatch, PathMatch, ValueMatch};
use http::HeaderMap;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::cell::OnceCell;

/// What the router asks of a request.
pub trait Request {
    /// Method, case-sensitive.
    fn method(&self) -> &str;
    /// Path as [`crate::path::normalise`] gives it.
    fn path(&self) -> &str;
    /// Query without `?`, as received.
    fn query(&self) -> Option<&str>;
    /// Value of a header, the values of a repeated one joined with `,` (RFC 9110 section 5.3).
    /// `name` is in lower case.
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>>;
}

/// A request from its parts, for `explain` and tests.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// Method.
    pub method: &'a str,
    /// Normalised path.
    pub path: &'a str,
    /// Query without `?`.
    pub query: Option<&'a str>,
    /// Header fields.
    pub headers: &'a HeaderMap,
}

impl Request for RequestView<'_> {
    fn method(&self) -> &str {
        self.method
    }

    fn path(&self) -> &str {
        self.path
    }

    fn query(&self) -> Option<&str> {
        self.query
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?.as_bytes();
        let mut joined = Cow::Borrowed(first);
        for value in values {
            let all = joined.to_mut();
            all.push(b',');
            all.extend_from_slice(value.as_bytes());
        }
        Some(joined)
    }
}

/// Parameters of a query, split once, decoded when compared.
///
/// Pairs are separated by `&`; a parameter without `=` has an empty value. `+` and percent-encodings
/// are decoded (application/x-www-form-urlencoded, WHATWG URL section 5.1); broken encodings stand
/// for themselves. Of a repeated parameter the first counts (Gateway API v1.7.0,
/// `HTTPQueryParamMatch.name`).
#[derive(Debug)]
pub struct QueryParameters<'a> {
    pairs: SmallVec<[(&'a str, &'a str); 8]>,
}

impl<'a> QueryParameters<'a> {
    /// Splits a query.
    pub fn parse(query: &'a str) -> Self {
        let pairs = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .collect();
        Self { pairs }
    }

    /// First value of a parameter, encoded as received.
    fn raw(&self, name: &str) -> Option<&'a str> {
        let mut pairs = self.pairs.iter();
        pairs
            .find(|(found, _)| decoded(found.as_bytes()).eq(name.bytes()))
            .map(|(_, value)| *value)
    }

    /// First value of a parameter, decoded.
    pub fn value(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        let raw = self.raw(name)?.as_bytes();
        Some(if raw.iter().any(|byte| matches!(byte, b'%' | b'+')) {
            Cow::Owned(decoded(raw).collect())
        } else {
            Cow::Borrowed(raw)
        })
    }
}

/// Bytes of a form-encoded text.
fn decoded(raw: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = raw;
    std::iter::from_fn(move || {
        let (&first, mut behind) = rest.split_first()?;
        let byte = match (first, behind) {
            (b'+', _) => b' ',
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                match (digit(high), digit(low)) {
                    (Some(high), Some(low)) => {
                        behind = tail;
                        (high << 4 | low) as u8
                    }
                    _ => first,
                }
            }
            _ => first,
        };
        rest = behind;
        Some(byte)
    })
}

/// A request with what was derived from it during one lookup.
pub(crate) struct Lookup<'r, R> {
    pub request: &'r R,
    query: OnceCell<QueryParameters<'r>>,
}

impl<'r, R: Request> Lookup<'r, R> {
    pub fn new(request: &'r R) -> Self {
        Self {
            request,
            query: OnceCell::new(),
        }
    }

    pub fn query(&self) -> &QueryParameters<'r> {
        self.query
            .get_or_init(|| QueryParameters::parse(self.request.query().unwrap_or_default()))
    }
}

/// The patterns of one match, compiled, in the order path, headers, query. Empty for most.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    pub path: Option<Result<Pattern, PatternError>>,
    pub headers: Vec<Option<Result<Pattern, PatternError>>>,
    pub query: Vec<Option<Result<Pattern, PatternError>>>,
}

impl Conditions {
    /// Compiles the patterns of a match; `None` when it has none.
    pub fn compile(of: &HttpMatch) -> Option<Self> {
        let value = |value: &ValueMatch| match value {
            ValueMatch::Exact(_) => None,
            ValueMatch::Regex(source) => Some(Pattern::compile(source)),
        };
        let compiled = Self {
            path: match &of.path {
                PathMatch::Regex(source) => Some(Pattern::compile(source)),
                _ => None,
            },
            headers: of.headers.iter().map(|header| value(&header.value)).collect(),
            query: of.query.iter().map(|parameter| value(&parameter.value)).collect(),
        };
        let mut values = compiled.headers.iter().chain(&compiled.query);
        (compiled.path.is_some() || values.any(Option::is_some)).then_some(compiled)
    }
}

/// Whether a value is there and meets its condition. A pattern that does not compile is never met.
pub(crate) fn value_holds(
    condition: &ValueMatch,
    compiled: Option<&Option<Result<Pattern, PatternError>>>,
    found: Option<&[u8]>,
) -> bool {
    let Some(found) = found else {
        return false;
    };
    match condition {
        ValueMatch::Exact(expected) => expected.as_bytes() == found,
        ValueMatch::Regex(_) => matches!(compiled, Some(Some(Ok(pattern))) if pattern.is_match(found)),
    }
}
