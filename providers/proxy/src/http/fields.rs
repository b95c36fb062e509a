//! Rules about single fields.

/// Whether a field may be forwarded in a trailer section: none that frames or routes the message,
/// carries credentials or is processed before the body (RFC 9110 section 6.5.1).
pub(crate) fn trailer_allowed(name: &str) -> bool {
    !matches!(
        name,
        "transfer-encoding"
            | "content-length"
            | "content-encoding"
            | "content-type"
            | "content-range"
            | "trailer"
            | "host"
            | "connection"
            | "keep-alive"
            | "proxy-connection"
            | "upgrade"
            | "te"
            | "expect"
            | "max-forwards"
            | "cache-control"
            | "range"
            | "if-match"
            | "if-none-match"
            | "if-modified-since"
            | "if-unmodified-since"
            | "if-range"
            | "authorization"
            | "proxy-authorization"
            | "www-authenticate"
            | "proxy-authenticate"
            | "cookie"
            | "set-cookie"
            | "forwarded"
            | "via"
            | "x-request-id"
    ) && !name.starts_with("x-forwarded-")
}
