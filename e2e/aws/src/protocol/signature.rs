//! Signature Version 4: whether a request was signed with the secret of its access key, and lately.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use super::scope::Scope;
use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use http::{HeaderMap, Method};
use jiff::civil::DateTime;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// How far a request's date may be from AWS's: "Signature expired: … (… - 5 min.)",
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html>.
const SKEW_S: i64 = 300;

/// Everything but "A-Z, a-z, 0-9, hyphen, underscore, period, tilde" is encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// What was signed.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'r> {
    /// Method.
    pub method: &'r Method,
    /// Path, as it came.
    pub path: &'r str,
    /// Query, as it came.
    pub query: &'r str,
    /// Headers.
    pub headers: &'r HeaderMap,
    /// Body.
    pub body: &'r [u8],
}

/// What is wrong with a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another secret, or another request, was signed.
    Mismatch,
    /// It lacks something that is signed, or has something malformed.
    Incomplete(String),
    /// It was signed too long ago, or will be: in AWS's words.
    Skewed(String),
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Seconds since 1970 of `20150830T123600Z`.
fn seconds(date: &str) -> Option<i64> {
    let time: DateTime = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    let zoned = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_second())
}

fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| String::new(),
        |time| time.strftime("%Y%m%dT%H%M%SZ").to_string(),
    )
}

/// Whether a request was signed about now. What has no date was made by hand: it is not looked at.
///
/// # Errors
///
/// In AWS's words.
pub fn in_time(signed: &Signed<'_>, now: i64) -> Result<(), Fault> {
    let Some(told) = header(signed.headers, "x-amz-date") else {
        return Ok(());
    };
    let at = seconds(told).ok_or_else(|| Fault::Incomplete(format!("X-Amz-Date {told} is not a date")))?;
    let (earliest, latest) = (now.saturating_sub(SKEW_S), now.saturating_add(SKEW_S));
    if at < earliest {
        return Err(Fault::Skewed(format!(
            "Signature expired: {told} is now earlier than {} ({} - 5 min.)",
            date(earliest),
            date(now)
        )));
    }
    if at > latest {
        return Err(Fault::Skewed(format!(
            "Signature not yet current: {told} is still later than {} ({} + 5 min.)",
            date(latest),
            date(now)
        )));
    }
    Ok(())
}

/// Whether a request was signed with a secret.
///
/// # Errors
///
/// When it was not.
pub fn verify(signed: &Signed<'_>, scope: &Scope, secret: &str) -> Result<(), Fault> {
    let missing = |what: &str| Fault::Incomplete(format!("Authorization header requires {what}"));
    let at = header(signed.headers, "x-amz-date").ok_or_else(|| missing("existence of 'X-Amz-Date'"))?;
    if !at.starts_with(&scope.date) {
        return Err(Fault::Incomplete(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{at}'",
            scope.date
        )));
    }
    if !scope.signed_headers.iter().any(|name| name == "host") {
        return Err(missing("'host' to be signed"));
    }
    let canonical = canonical(signed, scope)?;
    let Scope {
        date,
        region,
        service,
        ..
    } = scope;
    let told = format!(
        "AWS4-HMAC-SHA256\n{at}\n{date}/{region}/{service}/aws4_request\n{}",
        hex(&Sha256::digest(canonical))
    );
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [date.as_str(), region, service, "aws4_request"] {
        key = sign(&key, part);
    }
    if hex(&sign(&key, &told)) == scope.signature {
        Ok(())
    } else {
        Err(Fault::Mismatch)
    }
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&Key::new(HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

fn canonical(signed: &Signed<'_>, scope: &Scope) -> Result<String, Fault> {
    let mut lines = String::new();
    for name in &scope.signed_headers {
        let values: Vec<String> = signed
            .headers
            .get_all(name)
            .iter()
            .map(|value| trimmed(&String::from_utf8_lossy(value.as_bytes())))
            .collect();
        if values.is_empty() {
            return Err(Fault::Incomplete(format!(
                "'{name}' is in SignedHeaders and is no header of the request"
            )));
        }
        let _ = writeln!(lines, "{name}:{}", values.join(","));
    }
    let body = hex(&Sha256::digest(signed.body));
    let payload = match header(signed.headers, "x-amz-content-sha256") {
        // Words such as UNSIGNED-PAYLOAD stand for what is not signed.
        Some(told) if told.bytes().all(|byte| byte.is_ascii_hexdigit()) && told != body => {
            return Err(Fault::Mismatch);
        }
        Some(told) => told.to_owned(),
        None => body,
    };
    Ok(format!(
        "{}\n{}\n{}\n{lines}\n{}\n{payload}",
        signed.method,
        path(signed.path, &scope.service),
        query(signed.query),
        scope.signed_headers.join(";"),
    ))
}

/// "Convert sequential spaces to a single space", and none at the ends.
fn trimmed(value: &str) -> String {
    value
        .split([' ', '\t'])
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// "Each path segment must be URI-encoded twice, except for Amazon S3": once more than it came.
fn path(path: &str, service: &str) -> String {
    if path.is_empty() {
        return "/".to_owned();
    }
    let segments = path.split('/').map(|segment| {
        if service == "s3" {
            encoded(segment)
        } else {
            utf8_percent_encode(segment, RESERVED).to_string()
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Names and values encoded once, sorted.
fn query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(name), encoded(value))
        })
        .collect();
    pairs.sort();
    let pairs = pairs.into_iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("&")
}

/// Encoded in the one canonical way, however it came.
fn encoded(text: &str) -> String {
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    percent_encoding::percent_encode(&bytes, RESERVED).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
