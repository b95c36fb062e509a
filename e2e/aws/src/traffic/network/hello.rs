//! What a client says first.

use rustls::server::Acceptor;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Most bytes that are read until a client said whom it means (RFC 8446, section 5.1: records of 2^14 bytes).
const LONGEST: usize = 64 * 1024;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The server name (SNI) that a client asks for, in lower case, and all that was read of it; none for what is no TLS, or
/// names nobody.
pub(super) async fn server_name(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    timeout(PATIENCE, read(stream)).await.ok()?
}

async fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut acceptor = Acceptor::default();
    let mut said = Vec::new();
    let mut piece = [0; 4096];
    while said.len() < LONGEST {
        let length = stream.read(&mut piece).await.ok()?;
        let mut new = piece.get(..length).filter(|new| !new.is_empty())?;
        said.extend_from_slice(new);
        while !new.is_empty() {
            acceptor.read_tls(&mut new).ok()?;
            if let Some(accepted) = acceptor.accept().ok()? {
                let name = accepted.client_hello().server_name()?.to_ascii_lowercase();
                return Some((name, said));
            }
        }
    }
    None
}
