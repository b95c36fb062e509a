//! What is known about a downstream connection.

use crate::http::Scheme;
use std::net::SocketAddr;
use std::time::Instant;

/// Facts about one accepted connection, fixed before its first request is read.
#[derive(Clone, Debug)]
pub struct ConnInfo {
    /// Other end of the socket.
    pub peer: SocketAddr,
    /// The client: [`ConnInfo::peer`], or what a PROXY protocol header of a trusted peer says.
    pub client: SocketAddr,
    /// The address the client connected to (from the PROXY header where there is one).
    pub local: SocketAddr,
    /// Port of the Gateway listener. Differs from the bound port when ports are shifted.
    pub listener_port: u16,
    /// TLS session, when this proxy terminated it.
    pub tls: Option<Box<TlsInfo>>,
    /// When the connection was accepted.
    pub accepted: Instant,
}

impl ConnInfo {
    /// The scheme of requests on this connection.
    pub(crate) const fn scheme(&self) -> Scheme {
        if self.tls.is_some() {
            Scheme::Https
        } else {
            Scheme::Http
        }
    }

    /// What to speak: told by ALPN, or to be found out from the first bytes.
    pub fn protocol(&self) -> ConnProtocol {
        match &self.tls {
            None => ConnProtocol::Detect,
            Some(tls) => match tls.alpn.as_deref() {
                Some(b"h2") => ConnProtocol::Http2,
                _ => ConnProtocol::Http1,
            },
        }
    }
}

/// How the HTTP version of a connection is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnProtocol {
    /// HTTP/1.x.
    Http1,
    /// HTTP/2.
    Http2,
    /// Cleartext: HTTP/2 when the first bytes are its preface (RFC 9113 section 3.3).
    Detect,
}

/// A terminated TLS session.
#[derive(Clone, Debug, Default)]
pub struct TlsInfo {
    /// Server name the client asked for, lower case.
    pub sni: Option<Box<str>>,
    /// Negotiated application protocol.
    pub alpn: Option<Vec<u8>>,
    /// Protocol version, for logs (`TLSv1.3`).
    pub version: &'static str,
    /// Cipher suite, for logs.
    pub cipher: &'static str,
    /// Certificate of the client, when it sent one.
    pub client_certificate: Option<ClientCertificate>,
}

/// A client's certificate.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// Whether a trusted authority signed it.
    pub verified: bool,
    /// Subject, RFC 4514 text.
    pub subject: String,
    /// Lower-case hexadecimal SHA-256.
    pub fingerprint: String,
    /// URI and DNS subject alternative names.
    pub names: Vec<String>,
}
