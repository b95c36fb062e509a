//! gRPC over TLS, without a library: one unary call with an empty message on a connection of its own.

use super::place::grpc_echo;
use crate::tls;
use crate::world::World;
use ::http::{Request, Version};
use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// A call may take so long.
const LIMIT: Duration = Duration::from_secs(5);

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Status of HTTP.
    pub http: u16,
    /// Status of gRPC, from the trailers or the head; none when there is none.
    pub grpc: Option<u16>,
    /// The message as it came; the echo server writes names of the pod and the method into it as they are.
    pub message: String,
}

impl Call {
    /// Whether the call succeeded in a pod of this Deployment.
    pub fn is_from(&self, deployment: &str) -> bool {
        self.grpc == Some(0) && self.message.contains(&format!("{deployment}-"))
    }
}

impl World {
    /// Makes an echo server for gRPC; its Service of the same name has port 8080.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn grpc_backend(&self, name: &str) -> Result<()> {
        grpc_echo(self, name).await
    }
}

/// Calls a method (`/package.Service/Method`) of a host, with more headers.
///
/// # Errors
/// When there is no answer within five seconds.
pub async fn call(at: SocketAddr, host: &str, method: &str, headers: &[(&str, &str)]) -> Result<Call> {
    let exchange = async {
        let stream = tls::connect(at, host, &["h2"]).await?;
        let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::post(format!("https://{host}{method}"))
            .version(Version::HTTP_2)
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // An empty message: not compressed, of length 0.
        let request = request.body(Full::new(Bytes::from_static(&[0; 5])))?;
        let response = sender.send_request(request).await.context("calling")?;
        let status = |headers: &::http::HeaderMap| headers.get("grpc-status")?.to_str().ok()?.parse().ok();
        let (http, mut grpc) = (response.status().as_u16(), status(response.headers()));
        let body = response.into_body().collect().await.context("reading")?;
        if let Some(found) = body.trailers().and_then(status) {
            grpc = Some(found);
        }
        Ok(Call {
            http,
            grpc,
            message: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        })
    };
    timeout(LIMIT, exchange)
        .await
        .with_context(|| format!("no answer from {at} in {} s", LIMIT.as_secs()))?
}
