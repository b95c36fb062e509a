//! Clients of either HTTP version on any stream.

use crate::echo::{Answer, Speaks};
use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request without body, with these fields.
pub fn request(
    method: &str,
    host: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> Result<Request<Full<Bytes>>> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{host}{path}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    Ok(request.body(Full::default())?)
}

/// A GET.
pub fn get(host: &str, path: &str) -> Result<Request<Full<Bytes>>> {
    request("GET", host, path, &[])
}

/// Sends one request on a stream that speaks this version.
pub async fn exchange<IO>(io: IO, speaks: Speaks, request: Request<Full<Bytes>>) -> Result<Answer>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(io);
    let exchange = async {
        let response = match speaks {
            Speaks::Http1 => {
                let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
                tokio::spawn(connection);
                // The target in origin form, its authority in Host (RFC 9112 section 3.2.1).
                let (mut parts, body) = request.into_parts();
                if let Some(authority) = parts.uri.authority().map(ToString::to_string) {
                    if !parts.headers.contains_key("host") {
                        parts.headers.insert("host", authority.parse()?);
                    }
                    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
                    parts.uri = path.parse()?;
                }
                sender.send_request(Request::from_parts(parts, body)).await?
            }
            Speaks::Http2 => {
                let (mut sender, connection) =
                    hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
                tokio::spawn(connection);
                let mut request = request;
                *request.version_mut() = Version::HTTP_2;
                sender.send_request(request).await?
            }
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        anyhow::Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.to_bytes(),
            trailers,
        })
    };
    tokio::time::timeout(crate::wait::PATIENCE, exchange)
        .await
        .context("no answer in time")?
}

/// Sends one request on a TCP connection of its own.
pub async fn send(address: SocketAddr, speaks: Speaks, request: Request<Full<Bytes>>) -> Result<Answer> {
    exchange(TcpStream::connect(address).await?, speaks, request).await
}

/// Writes bytes and reads until the other side closes.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    // A reset after the answer is an end too.
    let _ = tokio::time::timeout(crate::wait::PATIENCE, read)
        .await
        .context("the connection stays open")?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Status of a raw HTTP/1 answer; 0 when there is none.
pub fn status_of(answer: &str) -> u16 {
    answer
        .get(9..12)
        .and_then(|code| code.parse().ok())
        .unwrap_or_default()
}
