//! Cross-origin resource sharing (Gateway API v1.7.0, `HTTPCORSFilter`; WHATWG Fetch section 3.2).

use crate::http::{Headers, LocalResponse, RequestHead, ResponseHead};
use gatewright_model::Str;
use gatewright_model::filter::Cors;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

/// A CORS policy, ready to execute.
#[derive(Debug)]
pub struct CompiledCors {
    origins: Origins,
    credentials: bool,
    methods: List,
    headers: List,
    expose: Option<HeaderValue>,
    max_age: HeaderValue,
}

#[derive(Debug)]
enum Origins {
    Any,
    Some(Vec<OriginPattern>),
}

/// `scheme://host[:port]`, the host possibly with `*`.
#[derive(Debug)]
struct OriginPattern {
    scheme: Box<str>,
    /// Text around the wildcards; one part without a wildcard is an exact host.
    parts: Vec<Box<str>>,
    port: Option<u16>,
}

/// A list answered in an `Access-Control-Allow-*` field.
#[derive(Debug)]
enum List {
    /// Nothing configured: no field.
    None,
    /// `*`.
    Any,
    /// The configured values, joined.
    Values(HeaderValue),
}

impl List {
    fn compile(values: &[Str]) -> Self {
        if values.is_empty() {
            Self::None
        } else if values.iter().any(|value| &**value == "*") {
            Self::Any
        } else {
            joined(values).map_or(Self::None, Self::Values)
        }
    }

    /// Answers a preflight: the configured list, or what was asked for. With credentials `*` is not
    /// a wildcard to browsers (Fetch section 3.2.5), and the specification forbids it; without them
    /// the echo is as good, and one rule is simpler than two.
    fn answer(&self, name: &HeaderName, asked: Option<&[u8]>, headers: &mut Headers) {
        match self {
            Self::None => {}
            Self::Values(value) => headers.append(name, value),
            Self::Any => {
                if let Some(asked) = asked {
                    let _ = headers.append_raw(name.as_str().as_bytes(), asked);
                }
            }
        }
    }
}

fn joined(values: &[Str]) -> Option<HeaderValue> {
    let text: Vec<&str> = values.iter().map(|value| &**value).collect();
    HeaderValue::from_str(&text.join(", ")).ok()
}

impl CompiledCors {
    /// Compiles a policy. Origins that are neither `*` nor `scheme://host[:port]` match nothing and
    /// are said in `refused`.
    pub fn compile(cors: &Cors, refused: &mut Vec<String>) -> Self {
        let origins = if cors.allow_origins.iter().any(|origin| &**origin == "*") {
            Origins::Any
        } else {
            Origins::Some(
                cors.allow_origins
                    .iter()
                    .filter_map(|text| {
                        let pattern = OriginPattern::compile(text);
                        if pattern.is_none() {
                            refused.push(format!(
                                "cors.allowOrigins: {text:?} is not scheme://host[:port] or *"
                            ));
                        }
                        pattern
                    })
                    .collect(),
            )
        };
        // `*` here means all only without credentials; with them it would name a field called `*`.
        let expose = if cors.expose_headers.iter().any(|name| &**name == "*") {
            if cors.allow_credentials {
                let named: Vec<Str> = cors
                    .expose_headers
                    .iter()
                    .filter(|name| &***name != "*")
                    .cloned()
                    .collect();
                (!named.is_empty()).then(|| joined(&named)).flatten()
            } else {
                Some(HeaderValue::from_static("*"))
            }
        } else if cors.expose_headers.is_empty() {
            None
        } else {
            joined(&cors.expose_headers)
        };
        Self {
            origins,
            credentials: cors.allow_credentials,
            methods: List::compile(&cors.allow_methods),
            headers: List::compile(&cors.allow_headers),
            expose,
            max_age: HeaderValue::from(cors.max_age),
        }
    }

    /// Whether responses may be shared with an origin.
    pub fn allows(&self, origin: &str) -> bool {
        match &self.origins {
            Origins::Any => true,
            Origins::Some(patterns) => {
                let Some((scheme, host, port)) = split_origin(origin) else {
                    return false;
                };
                patterns.iter().any(|pattern| pattern.matches(scheme, host, port))
            }
        }
    }

    /// The answer to a preflight request: 204, with the cross-origin fields when the origin matches
    /// and without them when not (the browser then refuses the request itself).
    pub fn preflight(&self, request: &RequestHead) -> LocalResponse {
        let mut head = ResponseHead::new(StatusCode::NO_CONTENT);
        let headers = &mut head.headers;
        let origin = request.headers.get("origin").unwrap_or_default();
        if self.shares(origin, headers) {
            let asked_method = request.headers.get("access-control-request-method");
            let asked_headers = request.headers.joined("access-control-request-headers");
            self.methods
                .answer(&header::ACCESS_CONTROL_ALLOW_METHODS, asked_method, headers);
            self.headers.answer(
                &header::ACCESS_CONTROL_ALLOW_HEADERS,
                asked_headers.as_deref(),
                headers,
            );
            headers.append(&header::ACCESS_CONTROL_MAX_AGE, &self.max_age);
        }
        // Caches between must not answer another origin or another question with it.
        headers.append(
            &header::VARY,
            &HeaderValue::from_static(
                "origin, access-control-request-method, access-control-request-headers",
            ),
        );
        LocalResponse {
            head,
            body: bytes::Bytes::new(),
        }
    }

    /// Adds the cross-origin fields to the response of an actual request. The policy is the
    /// gateway's: fields of the same names that the backend sent are replaced, and removed for an
    /// origin that does not match.
    pub fn response(&self, origin: Option<&[u8]>, headers: &mut Headers) {
        headers.retain(|name, _| {
            !matches!(
                name,
                "access-control-allow-origin"
                    | "access-control-allow-credentials"
                    | "access-control-expose-headers"
            )
        });
        if let Some(origin) = origin {
            self.shares(origin, headers);
        }
        if !headers
            .list("vary")
            .any(|name| name == b"*" || name.eq_ignore_ascii_case(b"origin"))
        {
            headers.append(&header::VARY, &HeaderValue::from_static("origin"));
        }
    }

    /// Adds what preflights and actual responses have in common. `Access-Control-Allow-Origin` is
    /// always the request's origin, never `*`: right with and without credentials.
    fn shares(&self, origin: &[u8], headers: &mut Headers) -> bool {
        let allowed =
            std::str::from_utf8(origin).is_ok_and(|origin| !origin.is_empty() && self.allows(origin));
        if !allowed
            || headers
                .append_raw(header::ACCESS_CONTROL_ALLOW_ORIGIN.as_str().as_bytes(), origin)
                .is_err()
        {
            return false;
        }
        if self.credentials {
            headers.append(
                &header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                &HeaderValue::from_static("true"),
            );
        }
        if let Some(expose) = &self.expose {
            headers.append(&header::ACCESS_CONTROL_EXPOSE_HEADERS, expose);
        }
        true
    }
}

/// Whether a request is a CORS preflight (Fetch section 3.2.2).
pub fn is_preflight(request: &RequestHead) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains("origin")
        && request.headers.contains("access-control-request-method")
}

impl OriginPattern {
    fn compile(text: &str) -> Option<Self> {
        let (scheme, host, port) = split_origin(text)?;
        Some(Self {
            scheme: scheme.to_ascii_lowercase().into(),
            parts: host
                .to_ascii_lowercase()
                .split('*')
                .map(|part| part.to_owned().into_boxed_str())
                .collect(),
            port,
        })
    }

    /// Schemes and hosts are compared without case (RFC 6454 section 4); a port not written is the
    /// scheme's well-known one.
    fn matches(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
            && self.port.or(well_known(&self.scheme)) == port.or(well_known(scheme))
            && self.matches_host(host)
    }

    /// Each `*` stands for one or more characters, dots included (`HTTPCORSFilter.allowOrigins`).
    fn matches_host(&self, host: &str) -> bool {
        let (Some((first, middle)), host) = (self.parts.split_first(), host.as_bytes()) else {
            return false;
        };
        let Some((last, middle)) = middle.split_last() else {
            return host.eq_ignore_ascii_case(first.as_bytes());
        };
        let (first, last) = (first.as_bytes(), last.as_bytes());
        let Some(rest) = strip_prefix(host, first) else {
            return false;
        };
        if rest.len() < last.len() + 1 + middle.iter().map(|part| part.len() + 1).sum::<usize>() {
            return false;
        }
        let (mut rest, tail) = rest.split_at(rest.len() - last.len());
        if !tail.eq_ignore_ascii_case(last) {
            return false;
        }
        for part in middle {
            // At least one character for the wildcard before the part, then its first occurrence.
            let Some(position) = rest.get(1..).and_then(|from| {
                from.windows(part.len().max(1))
                    .position(|at| part.is_empty() || at.eq_ignore_ascii_case(part.as_bytes()))
            }) else {
                return false;
            };
            rest = rest.get(1 + position + part.len()..).unwrap_or_default();
        }
        !rest.is_empty()
    }
}

fn strip_prefix<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn well_known(scheme: &str) -> Option<u16> {
    if scheme.eq_ignore_ascii_case("http") {
        Some(80)
    } else if scheme.eq_ignore_ascii_case("https") {
        Some(443)
    } else {
        None
    }
}

/// Scheme, host and port of an origin; none for `null` and for text that is no origin.
fn split_origin(text: &str) -> Option<(&str, &str, Option<u16>)> {
    let (scheme, rest) = text.split_once("://")?;
    if scheme.is_empty() || rest.is_empty() || rest.contains(['/', '?', '#', '@', ' ', ',']) {
        return None;
    }
    match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            (!host.is_empty()).then_some((scheme, host, Some(port.parse().ok()?)))
        }
        _ => Some((scheme, rest, None)),
    }
}

#[cfg(test)]
mod tests;
