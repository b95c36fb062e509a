//! The way of a request: listener, route, filters, backend, endpoint, and back.

mod forward;
mod local;

pub(crate) use local::refuse;

use crate::authz;
use crate::h1::BodyLength;
use crate::http::relay::Replay;
use crate::http::timer::Timer;
use crate::http::{Downstream, LocalResponse, RequestHead, ResponseHead};
use crate::observe::{self, RequestRecord, ResponseFlag};
use crate::policy::{self, FilterChain, FilterContext, FilterState, Verdict};
use crate::runtime::{
    BackendRuntime, CompiledRule, ConnInfo, HttpListener, HttpPort, PortHandle, RouteProtocol, WorkerContext,
};
use forward::Routed;
use http::{Method, StatusCode};
use local::{Refusal, client_fault, respond_local};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What stays the same for all requests of a connection.
#[derive(Debug)]
pub(crate) struct ConnContext {
    pub(crate) conn: ConnInfo,
    pub(crate) port: Rc<PortHandle>,
    pub(crate) worker: Rc<WorkerContext>,
}

/// A request whose head was read and found well-formed.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) head: RequestHead,
    /// Host in lower case without port; empty when an HTTP/1.0 request named none.
    pub(crate) host: String,
    pub(crate) length: BodyLength,
    pub(crate) expect_continue: bool,
    pub(crate) trailers: bool,
}

/// What the log says about a request beyond its head.
#[derive(Debug, Default)]
struct Report<'a> {
    listener: Option<&'a Arc<HttpListener>>,
    rule: Option<&'a Arc<CompiledRule>>,
    backend: Option<&'a Arc<BackendRuntime>>,
    endpoint: Option<SocketAddr>,
    attempts: u32,
    upstream: Option<Duration>,
    flag: Option<ResponseFlag>,
    received: u64,
    sent: u64,
}

/// Serves one request to its end. Whether the connection can serve another is the codec's to know.
pub(crate) async fn serve<D: Downstream>(
    client: &mut D,
    mut arrived: Arrived,
    cx: &ConnContext,
    timer: &mut Timer,
) {
    let started = Instant::now();
    let snapshot = cx.port.snapshot();
    let to_head = arrived.head.method == Method::HEAD;
    let span = cx.worker.observer.start_span(&snapshot, &mut arrived.head);
    let mut run = Run {
        cx,
        port: &snapshot,
        started,
        report: Report::default(),
        state: FilterState::default(),
        chains: (None, None),
    };
    let status = match run.request(client, &mut arrived, timer).await {
        Ok(status) => status,
        Err(Refusal::Silent(status, flag)) => {
            run.report.flag = Some(flag);
            client.abort();
            status
        }
        Err(refusal) => {
            let response = run.refusal(refusal, &arrived.head);
            let status = response.head.status;
            match respond_local(client, response, to_head, cx, timer).await {
                Ok(sent) => run.report.sent += sent,
                Err(_) => {
                    run.report.flag = run.report.flag.or(Some(ResponseFlag::ClientGone));
                    client.abort();
                }
            }
            status
        }
    };
    let report = &run.report;
    cx.worker.observer.request(&RequestRecord {
        conn: &cx.conn,
        listener: report.listener.map(AsRef::as_ref),
        rule: report.rule.map(AsRef::as_ref),
        backend: report.backend.map(AsRef::as_ref),
        endpoint: report.endpoint,
        request: Some(&arrived.head),
        status: status.as_u16(),
        bytes_in: report.received,
        bytes_out: report.sent,
        duration: started.elapsed(),
        upstream_duration: report.upstream,
        attempts: report.attempts,
        flag: report.flag,
        span: span.as_ref(),
    });
}

struct Run<'a> {
    cx: &'a ConnContext,
    port: &'a HttpPort,
    started: Instant,
    report: Report<'a>,
    state: FilterState,
    /// Filters of the rule and of the backend reference, once they have seen the request: they see
    /// the response too, whoever makes it.
    chains: (Option<&'a FilterChain>, Option<&'a FilterChain>),
}

impl<'a> Run<'a> {
    /// The response that says why a request is refused.
    fn refusal(&mut self, refusal: Refusal, head: &RequestHead) -> LocalResponse {
        let (mut response, filtered) = match refusal {
            Refusal::Response(response) => (*response, true),
            Refusal::Denied(response) => (*response, false),
            Refusal::Status(status, flag) => {
                self.report.flag = flag;
                let protocol = self.report.rule.map_or(RouteProtocol::Http, |rule| rule.protocol);
                (observe::error_response(status, protocol, Some(head)), false)
            }
            Refusal::Silent(status, _) => (LocalResponse::empty(status), false),
        };
        if !filtered {
            self.filter_response(&mut response.head);
        }
        self.state.finish(&mut response.head);
        response
    }

    fn filter_response(&self, head: &mut ResponseHead) {
        for chain in [self.chains.1, self.chains.0].into_iter().flatten() {
            chain.response(head, &self.state);
        }
    }

    async fn request<D: Downstream>(
        &mut self,
        client: &mut D,
        arrived: &mut Arrived,
        timer: &mut Timer,
    ) -> Result<StatusCode, Refusal> {
        let cx = self.cx;
        let limits = &cx.worker.options().limits;
        if let (Some(max), BodyLength::Known(length)) = (limits.body_bytes, arrived.length)
            && length > max
        {
            return Err(Refusal::Status(
                StatusCode::PAYLOAD_TOO_LARGE,
                Some(ResponseFlag::ClientError),
            ));
        }
        if arrived.head.target == "*" {
            self.report.listener = self.port.listener(&arrived.host);
            return Err(Refusal::Response(Box::new(local::options())));
        }
        let listener = self.listener(&arrived.host)?;
        self.report.listener = Some(listener);
        let keep = match arrived.length {
            BodyLength::None => 0,
            BodyLength::Known(length) if length > limits.replay_bytes as u64 => 0,
            _ => limits.replay_bytes,
        };
        let mut replay = Replay::new(keep, limits.body_bytes);
        // Before routing, so that no route matches what a client only claims.
        policy::forward::apply(
            &mut arrived.head,
            &cx.conn,
            self.port,
            &cx.worker.options().forwarding,
        );
        for auth in listener.filters.auths() {
            self.authorize(auth, client, arrived, &mut replay).await?;
        }
        let found = listener.route(&arrived.head, &arrived.host);
        let (rule, prefix) = found.ok_or(Refusal::Status(
            StatusCode::NOT_FOUND,
            Some(ResponseFlag::NoRoute),
        ))?;
        self.report.rule = Some(rule);
        if rule.faulty {
            return Err(Refusal::Status(
                StatusCode::INTERNAL_SERVER_ERROR,
                Some(ResponseFlag::RuleFault),
            ));
        }
        // A preflight carries no credentials that could be authorized.
        if let Some(response) = rule.filters.preflight(&arrived.head) {
            return Err(Refusal::Response(Box::new(response)));
        }
        self.chains.0 = Some(&rule.filters);
        for auth in rule.filters.auths() {
            self.authorize(auth, client, arrived, &mut replay).await?;
        }
        let context = FilterContext {
            conn: &cx.conn,
            port: self.port,
            matched_prefix: prefix,
        };
        let session = rule
            .session
            .as_ref()
            .and_then(|session| session.token(&arrived.head));
        if let Verdict::Respond(response) = rule.filters.request(&mut arrived.head, &mut self.state, &context)
        {
            return Err(Refusal::Response(Box::new(response)));
        }
        self.forward(
            client,
            arrived,
            Routed {
                rule,
                context,
                session,
                replay,
            },
            timer,
        )
        .await
    }

    /// The listener by Host, and none but it. Over TLS it must also be the one that the server name
    /// selected: its certificate and client validation were used (RFC 9110 section 7.4, 421).
    fn listener(&self, host: &str) -> Result<&'a Arc<HttpListener>, Refusal> {
        let listener = self.port.listener(host).ok_or(Refusal::Status(
            StatusCode::NOT_FOUND,
            Some(ResponseFlag::NoRoute),
        ))?;
        if let Some(tls) = &self.cx.conn.tls {
            let shown = self.port.listener(tls.sni.as_deref().unwrap_or_default());
            if !shown.is_some_and(|shown| Arc::ptr_eq(shown, listener)) {
                return Err(Refusal::Status(
                    StatusCode::MISDIRECTED_REQUEST,
                    Some(ResponseFlag::Misdirected),
                ));
            }
        }
        Ok(listener)
    }

    async fn authorize<D: Downstream>(
        &mut self,
        auth: &Arc<policy::CompiledExternalAuth>,
        client: &mut D,
        arrived: &mut Arrived,
        replay: &mut Replay,
    ) -> Result<(), Refusal> {
        let want = auth.body_limit();
        if want > 0 && arrived.length != BodyLength::None {
            if arrived.expect_continue {
                arrived.expect_continue = false;
                client.interim(&ResponseHead::new(StatusCode::CONTINUE));
            }
            let limit = self.cx.worker.options().timeouts.body;
            let fetched = tokio::time::timeout(
                limit,
                poll_fn(|task| {
                    let _ = client.poll_flush(task);
                    replay.poll_prefetch(task, client, want)
                }),
            );
            match fetched.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(client_fault(&error)),
                Err(_) => {
                    return Err(Refusal::Status(
                        StatusCode::REQUEST_TIMEOUT,
                        Some(ResponseFlag::ClientTimeout),
                    ));
                }
            }
        }
        let front = replay.front();
        let front = front.get(..want).unwrap_or(front);
        let verdict = Box::pin(authz::check(
            auth,
            (&mut arrived.head, &mut self.state),
            front,
            &self.cx.conn,
            &self.cx.worker,
        ))
        .await;
        match verdict {
            Verdict::Continue => Ok(()),
            Verdict::Respond(response) => Err(Refusal::Denied(Box::new(response))),
        }
    }
}
