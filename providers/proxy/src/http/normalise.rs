//! Requests brought into the one form that is matched, filtered and forwarded.

use crate::h1::parse::{Request, TargetForm};
use crate::h1::{BodyLength, HeadError};
use crate::http::pipeline::Arrived;
use crate::http::{RequestHead, ResponseHead, Scheme, Version};
use crate::http2;
use crate::runtime::ProxyOptions;
use gatewright_model::{host, path};
use http::header::{DATE, HeaderValue, MAX_FORWARDS, VIA};
use http::{Method, StatusCode};
use std::borrow::Cow;
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

/// Pseudonym of this proxy in `Via` (RFC 9110 section 7.6.3).
const PSEUDONYM: &str = "gatewright";

/// Turns an HTTP/1 head into a request, or says with which status it is refused.
pub(crate) fn from_h1(request: Request, scheme: Scheme, policy: path::Policy) -> Result<Arrived, StatusCode> {
    // RFC 9110 sections 9.3.6 and 9.3.8: neither makes sense towards a gateway.
    if request.method == Method::CONNECT || request.method == Method::TRACE {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let fields = request.fields;
    let (authority, host) = authority(request.authority, request.version)?;
    let target = match request.form {
        TargetForm::Asterisk => request.target,
        _ if request.target == "*" => request.target,
        _ => self::target(request.target, policy)?,
    };
    // RFC 9931: bytes behind a request that asks for an upgrade belong to no tunnel before it is
    // accepted; a request that also has a body is served without the upgrade.
    let upgrade = fields
        .upgrade
        .filter(|protocol| fields.body == BodyLength::None && upgradable(protocol));
    let head = RequestHead {
        method: request.method,
        version: request.version,
        scheme,
        authority,
        target,
        headers: request.headers,
        upgrade,
        asked: None,
    };
    Ok(Arrived {
        head,
        host,
        length: fields.body,
        expect_continue: fields.expect_continue,
        trailers: fields.trailers,
    })
}

/// Turns an HTTP/2 head into a request, or says with which status it is refused. The codec has
/// refused malformed ones already (RFC 9113 sections 8.1.1 to 8.3).
pub(crate) fn from_h2(
    request: http2::Request,
    (scheme, options): (Scheme, &ProxyOptions),
) -> Result<Arrived, StatusCode> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    let upgrade = request.protocol.map(|protocol| protocol.to_ascii_lowercase());
    if request.method == Method::TRACE || (request.method == Method::CONNECT && upgrade.is_none()) {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    // RFC 8441 defines one protocol; others would be a tunnel we know nothing about.
    if upgrade.as_deref().is_some_and(|protocol| protocol != "websocket") {
        return Err(StatusCode::NOT_IMPLEMENTED);
    }
    let limits = &options.limits;
    let target = request.path.ok_or(BAD)?;
    if target.len() > limits.target_bytes {
        return Err(StatusCode::URI_TOO_LONG);
    }
    if target
        .bytes()
        .any(|byte| !byte.is_ascii_graphic() || byte == b'#')
    {
        return Err(BAD);
    }
    if request.fields > limits.head_fields {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    if request.contradictory {
        return Err(BAD);
    }
    let host = request
        .host
        .map(|host| String::from_utf8(host).map_err(|_| BAD))
        .transpose()?;
    let authority = match (request.authority, host) {
        // RFC 9113 section 8.3.1: both present must be equal.
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(&host) => return Err(BAD),
        (Some(authority), _) => authority,
        (None, Some(host)) => host,
        (None, None) => return Err(BAD),
    };
    let (authority, host) = self::authority(authority, Version::H2)?;
    let target = match target.as_str() {
        "*" if request.method == Method::OPTIONS => target,
        _ if !target.starts_with('/') => return Err(BAD),
        _ => self::target(target, options.path)?,
    };
    let length = match (request.ended, request.content_length) {
        (true, _) => BodyLength::None,
        (false, Some(length)) => BodyLength::Known(length),
        (false, None) => BodyLength::Chunked,
    };
    if request.expect == http2::Expect::Other {
        return Err(StatusCode::EXPECTATION_FAILED);
    }
    let head = RequestHead {
        method: request.method,
        version: Version::H2,
        scheme,
        authority,
        target,
        headers: request.headers,
        upgrade,
        asked: None,
    };
    Ok(Arrived {
        head,
        host,
        length,
        expect_continue: request.expect == http2::Expect::Continue && !request.ended,
        trailers: request.trailers,
    })
}

/// Protocols that are passed on as a tunnel. HTTP/2 by upgrade is gone (RFC 9113 section 3.1), and
/// TLS by upgrade would take the request out of our sight.
fn upgradable(protocol: &str) -> bool {
    !protocol.starts_with("h2c") && !protocol.starts_with("http/") && !protocol.starts_with("tls/")
}

/// The authority as forwarded, and the host that is matched: lower case, without port.
pub(crate) fn authority(authority: String, version: Version) -> Result<(String, String), StatusCode> {
    if authority.is_empty() && version == Version::H10 {
        return Ok((authority, String::new()));
    }
    let host = host::parse(authority.as_bytes())
        .map_err(|_| HeadError::Host.status())?
        .name
        .into_owned();
    Ok((authority, host))
}

/// Normalises the path of a target; the query stays as it is.
pub(crate) fn target(target: String, policy: path::Policy) -> Result<String, StatusCode> {
    let split = path::split_target(target.as_bytes(), &policy).map_err(|_| StatusCode::BAD_REQUEST)?;
    match (split.path, split.query) {
        (Cow::Borrowed(_), _) => Ok(target),
        (Cow::Owned(path), None) => Ok(path),
        (Cow::Owned(path), Some(query)) => Ok(format!("{path}?{query}")),
    }
}

/// Adds this proxy to `Via`: a gateway must, towards the backend (RFC 9110 section 7.6.3).
pub(crate) fn via(head: &mut RequestHead) {
    let received = match head.version {
        Version::H10 => "1.0 gatewright",
        Version::H11 => "1.1 gatewright",
        Version::H2 => "2.0 gatewright",
    };
    debug_assert!(received.ends_with(PSEUDONYM));
    head.headers.append(&VIA, &HeaderValue::from_static(received));
}

/// Counts an OPTIONS request's way down (RFC 9110 section 7.6.2); `true`: it must go no further. What
/// is no number is passed on, to be judged by its recipient.
pub(crate) fn last_forward(head: &mut RequestHead) -> bool {
    if head.method != Method::OPTIONS {
        return false;
    }
    let left: Option<u64> = head
        .headers
        .get_str(MAX_FORWARDS.as_str())
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok());
    match left {
        None => false,
        Some(0) => true,
        Some(left) => {
            head.headers.set(&MAX_FORWARDS, &HeaderValue::from(left - 1));
            false
        }
    }
}

/// Adds `Date` to a response that has none (RFC 9110 section 6.6.1).
pub(crate) fn date(head: &mut ResponseHead) {
    if !head.headers.contains("date") {
        NOW.with_borrow_mut(|now| {
            let seconds = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs());
            if now.0 != seconds {
                *now = (seconds, imf_fixdate(seconds));
            }
            if let Some(value) = &now.1 {
                head.headers.append(&DATE, value);
            }
        });
    }
}

thread_local! {
    static NOW: RefCell<(u64, Option<HeaderValue>)> = const { RefCell::new((0, None)) };
}

/// IMF-fixdate (RFC 9110 section 5.6.7).
fn imf_fixdate(seconds: u64) -> Option<HeaderValue> {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let days = seconds / 86_400;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    // Civil date from days since the epoch, in eras of 400 years that begin on 1 March.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let weekday = DAYS.get((days % 7) as usize)?;
    let name = MONTHS.get(month as usize - 1)?;
    HeaderValue::try_from(format!(
        "{weekday}, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT"
    ))
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over_h2(method: &str, uri: &str) -> Result<Arrived, StatusCode> {
        let request = http2::Request {
            method: method.parse().unwrap(),
            path: Some(uri.to_owned()),
            host: Some(b"a.test".to_vec()),
            ended: true,
            ..http2::Request::default()
        };
        from_h2(request, (Scheme::Https, &ProxyOptions::default()))
    }

    /// RFC 9113 section 8.3.1: `*` is the `:path` of an OPTIONS request about the server alone.
    #[test]
    fn the_asterisk_belongs_to_options() {
        assert_eq!(over_h2("OPTIONS", "*").unwrap().head.target, "*");
        assert_eq!(over_h2("OPTIONS", "/a").unwrap().head.target, "/a");
        for method in ["GET", "POST", "DELETE"] {
            assert_eq!(over_h2(method, "*").unwrap_err(), StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn dates_are_imf_fixdates() {
        // RFC 9110 section 5.6.7 gives the second one.
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
        ] {
            assert_eq!(imf_fixdate(seconds).unwrap(), text);
        }
    }
}
