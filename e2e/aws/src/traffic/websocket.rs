//! WebSocket connections.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html#listener-configuration>:
//! an HTTP/1.1 connection is upgraded, and both connections become one between client and target. The idle timeout
//! of the client's connection goes on. Assumed: other protocols are not upgraded to.

use super::answer::{Body, Refusal, body};
use super::headers;
use super::relay::{self, Exchange};
use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;

/// The client's side of an upgrade, when a request wants one to WebSocket.
pub(super) fn wanted(request: &mut Request<Incoming>) -> Option<OnUpgrade> {
    let wants = request.version() == http::Version::HTTP_11
        && request
            .headers()
            .get(UPGRADE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && request
            .headers()
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    wants.then(|| hyper::upgrade::on(request))
}

/// Passes a request for an upgrade on; what the target accepts is joined to the client.
pub(super) async fn relay(
    exchange: Exchange,
    mut request: Request<Incoming>,
    client: OnUpgrade,
    stop: CancellationToken,
) -> Result<Response<Body>, Refusal> {
    switch(request.headers_mut());
    let mut response = relay::send(&exchange, request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(relay::respond(exchange, response));
    }
    let target = hyper::upgrade::on(&mut response);
    let (mut head, _) = response.into_parts();
    headers::hop_by_hop(&mut head.headers);
    switch(&mut head.headers);
    tokio::spawn(async move {
        let gone = exchange.in_flight.target().gone.clone();
        let join = async {
            let (Ok(client), Ok(target)) = tokio::join!(client, target) else {
                return;
            };
            let (mut client, mut target) = (TokioIo::new(client), TokioIo::new(target));
            let _ = tokio::io::copy_bidirectional(&mut client, &mut target).await;
        };
        tokio::select! {
            () = join => {}
            () = gone.cancelled() => {}
            () = stop.cancelled() => {}
        }
        drop(exchange);
    });
    Ok(Response::from_parts(head, body(Bytes::new())))
}

fn switch(headers: &mut http::HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}
