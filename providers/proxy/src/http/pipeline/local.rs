//! Responses that the proxy makes itself.

use super::ConnContext;
use crate::h1::BodyLength;
use crate::http::timer::Timer;
use crate::http::{Downstream, LocalResponse, StreamError, normalise};
use crate::observe::{self, RequestRecord, ResponseFlag};
use crate::runtime::RouteProtocol;
use http::StatusCode;
use http::header::{self, HeaderValue};
use std::future::poll_fn;
use std::task::Poll;
use tokio::time::Instant;

/// Why the proxy answers itself.
#[derive(Debug)]
pub(super) enum Refusal {
    /// With the standard body of a status.
    Status(StatusCode, Option<ResponseFlag>),
    /// With a response of an authorization server.
    Denied(Box<LocalResponse>),
    /// With a response of a filter, which the response filters have seen already.
    Response(Box<LocalResponse>),
    /// Not at all: the client is gone or the response has begun.
    Silent(StatusCode, ResponseFlag),
}

/// Sends a response of our own and its body.
pub(super) async fn respond_local<D: Downstream>(
    client: &mut D,
    mut response: LocalResponse,
    to_head: bool,
    cx: &ConnContext,
    timer: &mut Timer,
) -> Result<u64, StreamError> {
    let length = response.body.len() as u64;
    normalise::date(&mut response.head);
    let bodiless = to_head
        || response.head.status == StatusCode::NO_CONTENT
        || response.head.status == StatusCode::NOT_MODIFIED
        || length == 0;
    client.will_close_unless_drained();
    if bodiless {
        client.respond(&response.head, BodyLength::None, to_head.then_some(length))?;
    } else {
        client.respond(&response.head, BodyLength::Known(length), None)?;
    }
    let mut body: &[u8] = if bodiless { &[] } else { &response.body };
    let deadline = Instant::now() + cx.worker.options().timeouts.body;
    poll_fn(|task| {
        while !body.is_empty() {
            match client.poll_send(task, body) {
                Poll::Ready(Ok(count)) => body = body.get(count..).unwrap_or_default(),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return timer.poll(task, deadline).map(|()| Err(timed_out())),
            }
        }
        match client.poll_end(task, None) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => timer.poll(task, deadline).map(|()| Err(timed_out())),
        }
    })
    .await?;
    Ok(if bodiless { 0 } else { length })
}

/// The answer to OPTIONS about the proxy itself (RFC 9110 section 9.3.7): `*` is about no resource,
/// so no route has a say and it works as a ping.
pub(super) fn options() -> LocalResponse {
    let mut response = LocalResponse::empty(StatusCode::NO_CONTENT);
    let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    response.head.headers.append(&header::ALLOW, &methods);
    response
}

fn timed_out() -> StreamError {
    StreamError::Io(std::io::ErrorKind::TimedOut.into())
}

/// The answer to a client whose body is at fault.
pub(super) fn client_fault(error: &StreamError) -> Refusal {
    match error {
        StreamError::TooLarge => {
            Refusal::Status(StatusCode::PAYLOAD_TOO_LARGE, Some(ResponseFlag::ClientError))
        }
        StreamError::Body(_) => Refusal::Status(StatusCode::BAD_REQUEST, Some(ResponseFlag::ClientError)),
        _ => Refusal::Silent(StatusCode::BAD_REQUEST, ResponseFlag::ClientGone),
    }
}

/// Answers a request whose head is refused, and reports it.
pub(crate) async fn refuse<D: Downstream>(
    client: &mut D,
    status: StatusCode,
    to_head: bool,
    cx: &ConnContext,
    timer: &mut Timer,
) {
    let started = Instant::now();
    let response = observe::error_response(status, RouteProtocol::Http, None);
    let sent = respond_local(client, response, to_head, cx, timer).await;
    cx.worker.observer.request(&RequestRecord {
        conn: &cx.conn,
        listener: None,
        rule: None,
        backend: None,
        endpoint: None,
        request: None,
        status: status.as_u16(),
        bytes_in: 0,
        bytes_out: sent.unwrap_or_default(),
        duration: started.elapsed(),
        upstream_duration: None,
        attempts: 0,
        flag: Some(ResponseFlag::ClientError),
        span: None,
    });
}
