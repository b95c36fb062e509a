//! A gRPC backend that answers every unary call with the message it received.

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// A message as it stands in a stream: a flag for compression, its length, itself.
pub fn message(bytes: &[u8]) -> Bytes {
    let mut framed = Vec::with_capacity(5 + bytes.len());
    framed.push(0);
    framed.extend((bytes.len() as u32).to_be_bytes());
    framed.extend_from_slice(bytes);
    framed.into()
}

/// The first message of a stream.
pub fn payload(stream: &[u8]) -> &[u8] {
    stream.get(5..).unwrap_or_default()
}

/// Running backend; ends with the value.
pub struct GrpcEcho {
    /// Where it listens, HTTP/2 with prior knowledge.
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl GrpcEcho {
    /// Starts the backend on loopback.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), hyper::service::service_fn(answer)),
                );
            }
        });
        Ok(Self { address, task })
    }
}

impl Drop for GrpcEcho {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sends the request's frames back, then the trailers that end a successful call.
async fn answer(request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
    let message = request.into_body().collect().await?.to_bytes();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Ok(Frame::data(message)), Ok(Frame::trailers(trailers))];
    let body = BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames)));
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    Ok(response)
}
