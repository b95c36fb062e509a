//! Cookies that keep a client with a target group (`AWSALBTG`) or a target (`AWSALB`).
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html>: their content cannot be
//! read or changed by clients (here: signed with a key that lives as long as the program), they have `Expires` and no
//! `Max-Age`, and each has a twin with `SameSite=None` and, in its name, `CORS`. One that cannot be decoded is as none.

use super::config::Arn;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

/// Signs and reads cookies.
pub(super) struct Jar {
    key: hmac::Key,
}

/// Which cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// `AWSALBTG`: which target group.
    Group,
    /// `AWSALB`: which target.
    Target,
}

impl Name {
    const fn text(self) -> &'static str {
        match self {
            Self::Group => "AWSALBTG",
            Self::Target => "AWSALB",
        }
    }
}

/// Bytes of a signature in a cookie.
const SIGNATURE: usize = 16;

impl Jar {
    /// A jar with a new key. None without randomness.
    pub(super) fn new() -> Option<Self> {
        let mut secret = [0_u8; 32];
        aws_lc_rs::rand::fill(&mut secret).ok()?;
        Some(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
        })
    }

    /// What a request's cookie says, unless it has expired at `now` (seconds since the epoch).
    pub(super) fn read(&self, headers: &HeaderMap, name: Name, now: u64) -> Option<String> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| *key == name.text())
            .find_map(|(_, value)| self.open(value, name, now))
    }

    fn open(&self, value: &str, name: Name, now: u64) -> Option<String> {
        let sealed = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (signature, payload) = sealed.split_at_checked(SIGNATURE)?;
        let signed = hmac::sign(&self.key, &Self::named(name, payload));
        if signed.as_ref().get(..SIGNATURE)? != signature {
            return None;
        }
        let (expires, text) = std::str::from_utf8(payload).ok()?.split_once(' ')?;
        (expires.parse::<u64>().ok()? > now).then(|| text.to_owned())
    }

    /// Adds a cookie and its twin to a response, valid for `seconds` from `now` on.
    pub(super) fn set(&self, headers: &mut HeaderMap, cookie: &Cookie<'_>, now: u64) {
        let expires = now.saturating_add(u64::from(cookie.seconds));
        let payload = format!("{expires} {}", cookie.text);
        let signature = hmac::sign(&self.key, &Self::named(cookie.name, payload.as_bytes()));
        let mut sealed = signature.as_ref().get(..SIGNATURE).unwrap_or_default().to_vec();
        sealed.extend_from_slice(payload.as_bytes());
        let value = URL_SAFE_NO_PAD.encode(sealed);
        let name = cookie.name.text();
        let until = i64::try_from(expires)
            .ok()
            .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
            .map(|time| time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
            .unwrap_or_default();
        for line in [
            format!("{name}={value}; Expires={until}; Path=/"),
            format!("{name}CORS={value}; Expires={until}; Path=/; SameSite=None"),
        ] {
            if let Ok(line) = HeaderValue::from_str(&line) {
                headers.append(SET_COOKIE, line);
            }
        }
    }

    /// A cookie of one name is none of the other's.
    fn named(name: Name, payload: &[u8]) -> Vec<u8> {
        let mut named = name.text().as_bytes().to_vec();
        named.push(b' ');
        named.extend_from_slice(payload);
        named
    }
}

/// A cookie to be set.
pub(super) struct Cookie<'a> {
    /// Which.
    pub(super) name: Name,
    /// What it says.
    pub(super) text: &'a str,
    /// How long it is valid.
    pub(super) seconds: u32,
}

/// What the cookie of a target says.
pub(super) fn target_text(group: &Arn, id: &str, port: u16) -> String {
    format!("{group} {id} {port}")
}
