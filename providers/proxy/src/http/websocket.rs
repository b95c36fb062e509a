//! The handshake of WebSockets where the two sides of the proxy speak different HTTP versions:
//! extended CONNECT has no key (RFC 8441 section 5), HTTP/1.1 needs one (RFC 6455 section 1.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// Appended to the key before hashing (RFC 6455 section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A new `Sec-WebSocket-Key`. It guards against confused caches, not attackers.
pub(crate) fn key() -> String {
    STANDARD.encode(fastrand::u128(..).to_be_bytes())
}

/// The `Sec-WebSocket-Accept` for a key.
pub(crate) fn accept(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(GUID);
    STANDARD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_of_the_specification() {
        // RFC 6455 section 1.3.
        assert_eq!(
            super::accept(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert_eq!(super::key().len(), 24);
        assert!(super::key().ends_with("=="));
    }
}
