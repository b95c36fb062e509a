//! External authorization (Gateway API v1.7.0, `HTTPExternalAuthFilter`, GEP-1494).
//!
//! The filter fails closed: when the server cannot be asked, does not answer in time, or answers
//! something that is not understood, the request is refused with 503 and never forwarded. A request
//! whose body is longer than `forwardBody.maxSize` is refused with 413: a decision about a part of a
//! body would not be one about the request.

mod envoy;
mod grpc;
mod http_protocol;

use crate::http::upstream::{FetchLimits, Fetched, UpstreamError, fetch};
use crate::http::{Headers, LocalResponse, RequestHead};
use crate::observe;
use crate::policy::{FilterState, Verdict};
use crate::runtime::{AlpnOffer, BackendRuntime, ConnInfo, RouteProtocol, WorkerContext};
use bytes::Bytes;
use gatewright_model::Str;
use gatewright_model::filter::{ExternalAuth, ExternalAuthProtocol};
use http::StatusCode;
use std::rc::Rc;
use std::sync::Arc;

/// Longest body of an answer: a denial may carry a page.
const MAX_ANSWER: usize = 256 * 1024;

/// An external authorization filter, ready to execute.
#[derive(Debug)]
pub struct CompiledExternalAuth {
    /// The authorization server; `None`: the reference is invalid and every request is refused.
    pub backend: Option<Arc<BackendRuntime>>,
    protocol: Protocol,
    body_limit: usize,
}

#[derive(Debug)]
enum Protocol {
    Grpc { request: Vec<Str> },
    Http(HttpRules),
}

/// What the HTTP protocol sends and copies.
#[derive(Debug, Default)]
struct HttpRules {
    /// Put in front of the path: empty, or starting with `/` and not ending with it.
    prefix: String,
    request: Vec<Str>,
    response: Vec<Str>,
}

/// What a server decided.
#[derive(Debug)]
enum Decision {
    /// Forward, after these changes.
    Allow(Box<Changes>),
    /// Answer this.
    Deny(Box<LocalResponse>),
    /// The answer is not understood: why.
    Unclear(&'static str),
}

/// Changes to a request that may go on.
#[derive(Debug, Default)]
struct Changes {
    set: Headers,
    append: Headers,
    remove: Vec<String>,
    query_set: Vec<(String, String)>,
    query_remove: Vec<String>,
    /// For the response to the client.
    response: Headers,
}

impl CompiledExternalAuth {
    /// Compiles a filter.
    pub fn compile(auth: &ExternalAuth, backend: Option<Arc<BackendRuntime>>) -> Self {
        let lower = |names: &[Str]| {
            names
                .iter()
                .map(|name| name.to_ascii_lowercase().into())
                .collect()
        };
        let protocol = match &auth.protocol {
            ExternalAuthProtocol::Grpc {
                allowed_request_headers,
            } => Protocol::Grpc {
                request: lower(allowed_request_headers),
            },
            ExternalAuthProtocol::Http {
                path,
                allowed_request_headers,
                allowed_response_headers,
            } => Protocol::Http(HttpRules {
                prefix: http_protocol::prefix(path),
                request: lower(allowed_request_headers),
                response: lower(allowed_response_headers),
            }),
        };
        Self {
            backend,
            protocol,
            body_limit: auth.forward_body_limit as usize,
        }
    }

    /// How much of the request body [`check`] wants to see, in bytes; 0 for none. One more than
    /// what is sent along, so that a longer body is noticed.
    pub fn body_limit(&self) -> usize {
        match self.body_limit {
            0 => 0,
            limit => limit.saturating_add(1),
        }
    }
}

/// Asks an authorization server about a request. `front` is the body, as far as
/// [`CompiledExternalAuth::body_limit`] asked for it.
pub async fn check(
    auth: &CompiledExternalAuth,
    (head, state): (&mut RequestHead, &mut FilterState),
    front: &[u8],
    conn: &ConnInfo,
    worker: &Rc<WorkerContext>,
) -> Verdict {
    if front.len() > auth.body_limit {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, head);
    }
    let Some(backend) = &auth.backend else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, head);
    };
    let limit = worker.options().timeouts.external_auth;
    let (question, body, offer) = match &auth.protocol {
        Protocol::Http(rules) => {
            let question = http_protocol::request(rules, head, front.len());
            (question, Bytes::copy_from_slice(front), None)
        }
        Protocol::Grpc { request } => {
            let (question, body) = grpc::request(request, head, front, conn, limit);
            (question, body, Some(AlpnOffer::H2))
        }
    };
    let limits = FetchLimits {
        timeout: limit,
        max_body: MAX_ANSWER,
        offer,
    };
    let answer = fetch(worker, backend, question, body, limits).await;
    decide(auth, answer, (head, state), &backend.name)
}

fn decide(
    auth: &CompiledExternalAuth,
    answer: Result<Fetched, UpstreamError>,
    (head, state): (&mut RequestHead, &mut FilterState),
    server: &str,
) -> Verdict {
    let decision = match (answer, &auth.protocol) {
        (Err(error), _) => {
            tracing::warn!(server, %error, "the authorization server cannot be asked: request refused");
            return refuse(StatusCode::SERVICE_UNAVAILABLE, head);
        }
        (Ok(answer), Protocol::Http(rules)) => http_protocol::decision(rules, answer),
        (Ok(answer), Protocol::Grpc { .. }) => grpc::decision(&answer),
    };
    match decision {
        Decision::Allow(changes) => {
            changes.apply(head);
            if !changes.response.is_empty() {
                let extra = state.response_headers.get_or_insert_default();
                for (name, value) in changes.response.iter() {
                    let _ = extra.append_raw(name.as_bytes(), value);
                }
            }
            Verdict::Continue
        }
        Decision::Deny(response) if head.is_grpc() => {
            // A gRPC client reads a status in trailers, not a page (gRPC over HTTP/2, "Responses").
            let mut translated =
                observe::error_response(response.head.status, RouteProtocol::Grpc, Some(head));
            for (name, value) in response.head.headers.iter() {
                if name != "content-type" {
                    let _ = translated.head.headers.append_raw(name.as_bytes(), value);
                }
            }
            Verdict::Respond(translated)
        }
        Decision::Deny(response) => Verdict::Respond(*response),
        Decision::Unclear(why) => {
            tracing::warn!(
                server,
                why,
                "the authorization server's answer is not understood: request refused"
            );
            refuse(StatusCode::SERVICE_UNAVAILABLE, head)
        }
    }
}

fn refuse(status: StatusCode, head: &RequestHead) -> Verdict {
    let protocol = if head.is_grpc() {
        RouteProtocol::Grpc
    } else {
        RouteProtocol::Http
    };
    Verdict::Respond(observe::error_response(status, protocol, Some(head)))
}

/// Whether an authorization server may set, append or remove a field of a request or response: not
/// what belongs to the connection or the framing, and not the host that was routed by.
fn may_change(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(':')
        && !matches!(name, "host" | "authority" | "content-length")
        && !crate::policy::hop::is_hop_by_hop(name.as_bytes())
}

impl Changes {
    fn apply(&self, head: &mut RequestHead) {
        for name in &self.remove {
            if may_change(name) {
                head.headers.remove(name);
            }
        }
        // All of a name go before the first is set: a server may set a name several times.
        for (name, _) in self.set.iter().filter(|(name, _)| may_change(name)) {
            head.headers.remove(name);
        }
        for (name, value) in self.set.iter().chain(self.append.iter()) {
            if may_change(name) {
                let _ = head.headers.append_raw(name.as_bytes(), value);
            }
        }
        if !self.query_set.is_empty() || !self.query_remove.is_empty() {
            self.apply_query(head);
        }
    }

    fn apply_query(&self, head: &mut RequestHead) {
        use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
        let changed = |name: &str| {
            let name = percent_decode_str(name).decode_utf8_lossy();
            self.query_remove.iter().any(|other| *other == name)
                || self.query_set.iter().any(|(other, _)| *other == name)
        };
        let mut pairs: Vec<String> = head
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .filter(|pair| !changed(pair.split_once('=').map_or(*pair, |(name, _)| name)))
            .map(str::to_owned)
            .collect();
        for (name, value) in &self.query_set {
            pairs.push(format!(
                "{}={}",
                utf8_percent_encode(name, NON_ALPHANUMERIC),
                utf8_percent_encode(value, NON_ALPHANUMERIC)
            ));
        }
        let mut target = head.path().to_owned();
        if !pairs.is_empty() {
            target.push('?');
            target.push_str(&pairs.join("&"));
        }
        head.target = target;
    }
}

#[cfg(test)]
mod tests;
