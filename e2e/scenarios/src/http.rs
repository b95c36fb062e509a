//! One request on a connection of its own, or on one that is kept: nothing is retried, so that every fault is seen.

use crate::tls;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A request may take so long.
const LIMIT: Duration = Duration::from_secs(5);

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its fields, with names in lower case.
    pub fields: Vec<(String, String)>,
    /// Its body, as text.
    pub body: String,
}

impl Answer {
    /// The first field of this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The pod that answered; empty if it was no echo backend.
    pub fn pod(&self) -> String {
        self.echo()["pod"].as_str().unwrap_or_default().to_owned()
    }

    /// What the echo backend says of itself and of the request; `null` if it was not the one that answered.
    pub fn echo(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Sends `GET path` for `host`, with more header lines (`Name: value`), and reads the answer to its end.
///
/// # Errors
/// When no complete answer comes within five seconds.
pub async fn get(address: SocketAddr, host: &str, path: &str, headers: &[String]) -> Result<Answer> {
    let exchange = async {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        exchange(stream, host, path, headers).await
    };
    timeout(LIMIT, exchange)
        .await
        .with_context(|| format!("no answer from {address} in {} s", LIMIT.as_secs()))?
}

/// As [`get`], over TLS with `host` as server name; any certificate will do.
///
/// # Errors
/// As [`get`].
pub async fn get_tls(address: SocketAddr, host: &str, path: &str) -> Result<Answer> {
    let exchange = async {
        let stream = tls::connect(address, host, &["http/1.1"]).await?;
        exchange(stream, host, path, &[]).await
    };
    timeout(LIMIT, exchange)
        .await
        .with_context(|| format!("no answer from {address} in {} s", LIMIT.as_secs()))?
}

/// A connection for one request after the other.
pub struct Kept(SendRequest<Empty<Bytes>>);

impl Kept {
    /// Connects.
    ///
    /// # Errors
    /// When there is no connection within five seconds.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        Self::on(address, async {
            TcpStream::connect(address).await.context("connecting")
        })
        .await
    }

    /// As [`Kept::connect`], over TLS with `host` as server name; any certificate will do.
    ///
    /// # Errors
    /// As [`Kept::connect`].
    pub async fn connect_tls(address: SocketAddr, host: &str) -> Result<Self> {
        Self::on(address, tls::connect(address, host, &["http/1.1"])).await
    }

    async fn on<S>(address: SocketAddr, stream: impl Future<Output = Result<S>>) -> Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let connect = async {
            let (sender, connection) = handshake(TokioIo::new(stream.await?)).await?;
            tokio::spawn(connection);
            Ok(Self(sender))
        };
        timeout(LIMIT, connect)
            .await
            .with_context(|| format!("no connection to {address} in {} s", LIMIT.as_secs()))?
    }

    /// Whether the server takes no more requests on it: it said so with an answer, or has closed it since.
    pub async fn is_closed(&mut self) -> bool {
        self.0.ready().await.is_err()
    }

    /// As [`get`].
    ///
    /// # Errors
    /// As [`get`], and when the connection ends in place of an answer.
    pub async fn get(&mut self, host: &str, path: &str) -> Result<Answer> {
        let request = Request::get(path).header("host", host).body(Empty::new())?;
        let exchange = async {
            let response = self.0.send_request(request).await.context("sending")?;
            let status = response.status().as_u16();
            let fields = response.headers().iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                (name.as_str().to_owned(), value.into_owned())
            });
            let fields = fields.collect();
            let body = response.into_body().collect().await.context("reading")?;
            Ok(Answer {
                status,
                fields,
                body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            })
        };
        timeout(LIMIT, exchange)
            .await
            .with_context(|| format!("no answer in {} s", LIMIT.as_secs()))?
    }
}

async fn exchange<S>(mut stream: S, host: &str, path: &str, headers: &[String]) -> Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.context("sending")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.context("reading")?;
    parse(&String::from_utf8_lossy(&bytes))
}

fn parse(text: &str) -> Result<Answer> {
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        bail!("the answer is not complete: {text:?}");
    };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let fields: Vec<(String, String)> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let chunked = fields
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value.eq_ignore_ascii_case("chunked"));
    Ok(Answer {
        status: status.with_context(|| format!("no status in {head:?}"))?,
        fields,
        body: if chunked { unchunk(body)? } else { body.to_owned() },
    })
}

/// The content of a chunked body (RFC 9112 section 7.1).
fn unchunk(mut body: &str) -> Result<String> {
    let mut content = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n").context("a chunk has no size")?;
        let size = usize::from_str_radix(size.trim(), 16).context("the size of a chunk")?;
        if size == 0 {
            return Ok(content);
        }
        let (chunk, rest) = rest.split_at_checked(size).context("a chunk is not complete")?;
        content.push_str(chunk);
        body = rest.strip_prefix("\r\n").context("a chunk has no end")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_in_both_framings() {
        let plain = parse("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno").unwrap();
        assert_eq!((plain.status, plain.body.as_str()), (404, "no"));
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n";
        let chunked = parse(text).unwrap();
        assert_eq!(chunked.body, "hello!");
        assert_eq!(chunked.field("transfer-encoding"), Some("chunked"));
        assert!(parse("HTTP/1.1 200 OK\r\n").is_err());
    }
}
