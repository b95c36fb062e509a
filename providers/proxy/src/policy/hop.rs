//! Hop-by-hop fields (RFC 9110 section 7.6.1).
//!
//! `Via` (section 7.6.3) is the pipeline's: it knows the versions of both sides.

use crate::http::Headers;

/// What the stripped fields asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nominated {
    /// `Connection: close` was there.
    pub close: bool,
    /// `Connection: upgrade` was there: the `Upgrade` field counts (RFC 9110 section 7.8).
    pub upgrade: bool,
    /// `TE: trailers` was there: the sender can read trailers (section 6.5.1). A gRPC backend
    /// refuses requests without it.
    pub trailers: bool,
}

/// Whether a field concerns one connection only, whatever `Connection` says. Framing fields
/// (`Content-Length`, `Transfer-Encoding`) are the codecs' and are gone already.
pub const fn is_hop_by_hop(name: &[u8]) -> bool {
    matches!(
        name,
        b"connection"
            | b"keep-alive"
            | b"proxy-connection"
            | b"proxy-authenticate"
            | b"proxy-authorization"
            | b"te"
            | b"trailer"
            | b"transfer-encoding"
            | b"upgrade"
    )
}

/// Fields that a `Connection` field may not take away: deleting them would change what the request
/// means to the backend, which is what an attacker would nominate them for.
fn is_protected(name: &[u8]) -> bool {
    matches!(
        name,
        b"host"
            | b"content-length"
            | b"content-type"
            | b"cookie"
            | b"authorization"
            | b"forwarded"
            | b"x-request-id"
            | b"via"
    ) || name.starts_with(b"x-forwarded-")
}

/// Removes hop-by-hop and `Connection`-nominated fields. Used for both directions.
pub fn strip(headers: &mut Headers) -> Nominated {
    let mut nominated = Nominated::default();
    let mut named: smallvec::SmallVec<[Vec<u8>; 4]> = smallvec::SmallVec::new();
    for element in headers.list("connection") {
        let element = element.to_ascii_lowercase();
        match element.as_slice() {
            b"close" => nominated.close = true,
            b"upgrade" => nominated.upgrade = true,
            b"keep-alive" | b"te" => {}
            // More names than a sane peer sends: the rest changes nothing anyway.
            _ if named.len() < 32 && !is_protected(&element) => named.push(element),
            _ => {}
        }
    }
    nominated.trailers = headers.list("te").any(|element| {
        element
            .split(|byte| *byte == b';')
            .next()
            .is_some_and(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    });
    headers.retain(|name, _| {
        let name = name.as_bytes();
        !is_hop_by_hop(name) && !named.iter().any(|other| other == name)
    });
    nominated
}

#[cfg(test)]
mod tests {
    use super::{Nominated, strip};
    use crate::http::Headers;

    fn stripped(fields: &[(&str, &str)]) -> (Vec<String>, Nominated) {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.append_raw(name.as_bytes(), value.as_bytes()).unwrap();
        }
        let nominated = strip(&mut headers);
        (
            headers.iter().map(|(name, _)| name.to_owned()).collect(),
            nominated,
        )
    }

    #[test]
    fn fixed_and_nominated_fields_go() {
        let (left, nominated) = stripped(&[
            ("Connection", "close, X-Secret"),
            ("connection", "x-other"),
            ("x-secret", "1"),
            ("X-Other", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic eA=="),
            ("te", "trailers, deflate;q=0.5"),
            ("trailer", "x-sum"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("accept", "*/*"),
        ]);
        assert_eq!(left, ["accept"]);
        assert_eq!(
            nominated,
            Nominated {
                close: true,
                upgrade: false,
                trailers: true
            }
        );
    }

    #[test]
    fn end_to_end_fields_cannot_be_nominated_away() {
        let (left, _) = stripped(&[
            (
                "connection",
                "cookie, authorization, x-forwarded-for, content-length",
            ),
            ("cookie", "a=b"),
            ("authorization", "x"),
            ("x-forwarded-for", "1.2.3.4"),
            ("content-length", "3"),
        ]);
        assert_eq!(
            left,
            ["cookie", "authorization", "x-forwarded-for", "content-length"]
        );
    }

    #[test]
    fn te_without_trailers_is_not_trailers() {
        assert!(!stripped(&[("te", "gzip")]).1.trailers);
        assert!(!stripped(&[("te", "xtrailers")]).1.trailers);
        assert!(stripped(&[("connection", "Upgrade")]).1.upgrade);
    }
}
