//! The way of a request: listener, route, filters, backend, endpoint, and back.

use crate::authz;
use crate::balance::{self, Lease, Outcome, PickContext};
use crate::h1::BodyLength;
use crate::http::attempt::{self, Attempted, Deadlines, RelayError, Try};
use crate::http::relay::{Pump, PumpError, Replay};
use crate::http::retries::{Retries, classify, stale, verdict, wait};
use crate::http::timer::Timer;
use crate::http::upstream::{Answer, Upstream};
use crate::http::{Downstream, LocalResponse, RequestHead, ResponseHead, StreamError, mirror, normalise};
use crate::observe::{self, RequestRecord, ResponseFlag};
use crate::policy::{self, FilterChain, FilterContext, FilterState, Verdict};
use crate::runtime::{
    BackendRuntime, CompiledRule, ConnInfo, HttpListener, HttpPort, PortHandle, RouteProtocol, WorkerContext,
};
use http::{Method, StatusCode};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
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

/// Why the proxy answers itself.
#[derive(Debug)]
enum Refusal {
    /// With the standard body of a status.
    Status(StatusCode, Option<ResponseFlag>),
    /// With a response of an authorization server.
    Denied(Box<LocalResponse>),
    /// With a response of a filter, which the response filters have seen already.
    Response(Box<LocalResponse>),
    /// Not at all: the client is gone or the response has begun.
    Silent(StatusCode, ResponseFlag),
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

/// Sends a response of our own and its body.
pub(crate) async fn respond_local<D: Downstream>(
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

fn timed_out() -> StreamError {
    StreamError::Io(std::io::ErrorKind::TimedOut.into())
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
        if rule.fault.is_some() {
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

    async fn forward<D: Downstream>(
        &mut self,
        client: &mut D,
        arrived: &mut Arrived,
        mut routed: Routed<'a, '_>,
        timer: &mut Timer,
    ) -> Result<StatusCode, Refusal> {
        let rule = routed.rule;
        let fault = |flag| Refusal::Status(StatusCode::INTERNAL_SERVER_ERROR, Some(flag));
        let chosen = balance::choose_weighted(&rule.backends, rule.total_weight)
            .ok_or_else(|| fault(ResponseFlag::NoBackend))?;
        let backend = chosen
            .backend
            .as_ref()
            .ok_or_else(|| fault(ResponseFlag::NoBackend))?;
        self.report.backend = Some(backend);
        if backend.settings().fault.is_some() {
            return Err(fault(ResponseFlag::BackendFault));
        }
        let session = rule.session.as_ref().or(chosen.session.as_ref());
        if rule.session.is_none() {
            routed.session = chosen
                .session
                .as_ref()
                .and_then(|session| session.token(&arrived.head));
        }
        self.chains.1 = Some(&chosen.filters);
        if let Verdict::Respond(response) =
            chosen
                .filters
                .request(&mut arrived.head, &mut self.state, &routed.context)
        {
            return Err(Refusal::Response(Box::new(response)));
        }
        normalise::via(&mut arrived.head);
        let mirrors = mirror::sampled(&rule.filters, &chosen.filters);
        let deadlines = Deadlines::new(rule, self.cx.worker.options(), self.started);
        let now = self.started.into_std();
        backend
            .retry_budget_state
            .request(backend.settings().retry_budget.as_ref(), now);
        let mut retries = Retries::new(rule.retry.as_ref());
        let mut same: Option<Lease> = None;
        loop {
            let lease = match same.take() {
                Some(lease) => lease,
                None => self
                    .pick(backend, routed.session.as_ref(), &retries.tried)
                    .ok_or(Refusal::Status(
                        StatusCode::SERVICE_UNAVAILABLE,
                        Some(ResponseFlag::NoEndpoint),
                    ))?,
            };
            self.report.attempts += 1;
            self.report.endpoint = Some(lease.endpoint().address);
            let begun = Instant::now();
            let attempt = Try {
                rule,
                backend,
                endpoint: lease.endpoint(),
                fresh: retries.fresh,
                begun,
            };
            let mut request = Pump::default();
            let attempted = attempt::run(
                client,
                arrived,
                (&mut routed.replay, &mut request),
                attempt,
                (self.cx, &deadlines, timer),
            )
            .await;
            self.report.received = routed.replay.received();
            let (status, flag) = match attempted {
                Attempted::Answered(upstream, answer) => {
                    self.report.upstream = Some(begun.elapsed());
                    lease.report(verdict(answer_status(&answer)));
                    if !(retries.after_answer(&answer) && routed.replay.possible()) {
                        mirror::start(mirrors, &arrived.head, &routed.replay, &self.cx.worker);
                        let reply = Reply {
                            upstream,
                            answer,
                            replay: routed.replay,
                            request,
                            session,
                            token: routed.session,
                            lease: &lease,
                        };
                        return self.reply(client, arrived, reply, (&deadlines, timer)).await;
                    }
                    drop(upstream);
                    (answer_status(&answer), None)
                }
                Attempted::Client(error) => return Err(client_fault(&error)),
                Attempted::ClientGone => {
                    return Err(Refusal::Silent(StatusCode::BAD_GATEWAY, ResponseFlag::ClientGone));
                }
                Attempted::ClientTimeout => {
                    return Err(Refusal::Status(
                        StatusCode::REQUEST_TIMEOUT,
                        Some(ResponseFlag::ClientTimeout),
                    ));
                }
                Attempted::RequestTimeout => {
                    lease.report(Outcome::Timeout);
                    return Err(Refusal::Status(
                        StatusCode::GATEWAY_TIMEOUT,
                        Some(ResponseFlag::RequestTimeout),
                    ));
                }
                Attempted::Failed { error, reused } => {
                    let (status, flag, outcome) = classify(&error);
                    lease.report(outcome);
                    if !routed.replay.possible() {
                        return Err(Refusal::Status(status, Some(flag)));
                    }
                    if error.before_request() && retries.connect_again() {
                        retries.failed_at(lease.endpoint().address);
                        routed.replay.rewind();
                        continue;
                    }
                    // A connection from the pool that the backend closed while we wrote: once more,
                    // on a new one, if that cannot do harm (RFC 9110 section 9.2.2).
                    if reused && !retries.fresh && stale(&error) && arrived.head.is_idempotent() {
                        retries.fresh = true;
                        same = Some(lease);
                        routed.replay.rewind();
                        continue;
                    }
                    if !retries.after_failure(&error, reused) {
                        return Err(Refusal::Status(status, Some(flag)));
                    }
                    (status, Some(flag))
                }
            };
            // A retry that the policy wants: the budget decides (GEP-3388: 503 beyond it).
            if !Self::within_budget(backend) {
                return Err(Refusal::Status(
                    StatusCode::SERVICE_UNAVAILABLE,
                    Some(ResponseFlag::RetryBudget),
                ));
            }
            retries.failed_at(lease.endpoint().address);
            drop(lease);
            if !wait(retries.backoff(), &deadlines).await {
                let flag = flag.unwrap_or(ResponseFlag::RequestTimeout);
                let status = if status.is_server_error() {
                    StatusCode::GATEWAY_TIMEOUT
                } else {
                    status
                };
                return Err(Refusal::Status(status, Some(flag)));
            }
            routed.replay.rewind();
        }
    }

    fn pick(
        &self,
        backend: &BackendRuntime,
        session: Option<&policy::SessionToken>,
        tried: &[SocketAddr],
    ) -> Option<Lease> {
        let options = self.cx.worker.options();
        let context = PickContext {
            session,
            exclude: tried,
            zone: options.zone.as_deref(),
            node: options.node.as_deref(),
            now: self.started.into_std(),
        };
        balance::pick(&backend.endpoints(), &context)
    }

    fn within_budget(backend: &BackendRuntime) -> bool {
        let settings = backend.settings();
        backend
            .retry_budget_state
            .allow_retry(settings.retry_budget.as_ref(), std::time::Instant::now())
    }

    /// Sends the response on, and what is left of the request.
    async fn reply<D: Downstream>(
        &mut self,
        client: &mut D,
        arrived: &Arrived,
        reply: Reply<'_>,
        (deadlines, timer): (&Deadlines, &mut Timer),
    ) -> Result<StatusCode, Refusal> {
        let Reply {
            mut upstream,
            answer,
            mut replay,
            mut request,
            session,
            token,
            lease,
        } = reply;
        let broken = |_| Refusal::Silent(StatusCode::BAD_GATEWAY, ResponseFlag::UpstreamProtocol);
        let (mut head, body) = match answer {
            Answer::Final {
                head,
                length,
                declared,
            } => (head, Some((length, declared))),
            Answer::Switched(head) => (head, None),
            Answer::Interim(head) => (head, Some((BodyLength::None, None))),
        };
        self.filter_response(&mut head);
        self.state.finish(&mut head);
        if let Some(session) = session {
            session.respond(&mut head, &arrived.head, lease.endpoint(), token.as_ref());
        }
        normalise::date(&mut head);
        let status = head.status;
        match body {
            Some((length, declared)) => client.respond(&head, length, declared).map_err(broken)?,
            None => {
                client.accept_upgrade(&head).map_err(broken)?;
                // What follows is no longer a request body.
                request = Pump::default();
                replay = Replay::new(0, None);
            }
        }
        // An extended CONNECT that was accepted is a tunnel like any other (RFC 8441 section 5).
        let tunnel = body.is_none() || (arrived.head.method == Method::CONNECT && status.is_success());
        let relay = attempt::Relay {
            deadlines,
            tunnel,
            sent: &mut self.report.sent,
        };
        let result = attempt::relay(client, &mut upstream, (&mut replay, &mut request), relay, timer).await;
        self.report.received = replay.received();
        match result {
            Ok(()) => {
                upstream.finish();
                Ok(status)
            }
            Err(failure) => {
                let flag = match failure {
                    RelayError::Pump(PumpError::Read(_)) => {
                        lease.report(Outcome::Reset);
                        ResponseFlag::UpstreamReset
                    }
                    RelayError::Pump(PumpError::Write(_)) => ResponseFlag::ClientGone,
                    RelayError::Upstream => ResponseFlag::UpstreamTimeout,
                    RelayError::Client => ResponseFlag::ClientTimeout,
                };
                Err(Refusal::Silent(status, flag))
            }
        }
    }
}

/// A request on its way. `'a` is the snapshot's life.
struct Routed<'a, 'c> {
    rule: &'a Arc<CompiledRule>,
    context: FilterContext<'c>,
    session: Option<policy::SessionToken>,
    replay: Replay,
}

/// An answer on its way back, and what it needs to know about the choice that was made.
struct Reply<'a> {
    upstream: Upstream,
    answer: Answer,
    replay: Replay,
    request: Pump,
    session: Option<&'a policy::SessionPolicy>,
    token: Option<policy::SessionToken>,
    lease: &'a Lease,
}

fn answer_status(answer: &Answer) -> StatusCode {
    match answer {
        Answer::Final { head, .. } | Answer::Interim(head) | Answer::Switched(head) => head.status,
    }
}

/// The answer to a client whose body is at fault.
fn client_fault(error: &StreamError) -> Refusal {
    match error {
        StreamError::TooLarge => {
            Refusal::Status(StatusCode::PAYLOAD_TOO_LARGE, Some(ResponseFlag::ClientError))
        }
        StreamError::Body(_) => Refusal::Status(StatusCode::BAD_REQUEST, Some(ResponseFlag::ClientError)),
        _ => Refusal::Silent(StatusCode::BAD_REQUEST, ResponseFlag::ClientGone),
    }
}
