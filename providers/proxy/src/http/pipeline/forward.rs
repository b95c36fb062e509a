//! From the rule to a backend's endpoint, with its retries, and the answer back.

use super::local::{self, Refusal, client_fault};
use super::{Arrived, Run};
use crate::balance::{self, Lease, Outcome, PickContext};
use crate::h1::BodyLength;
use crate::http::attempt::{self, Attempted, Deadlines, RelayError, Try};
use crate::http::relay::{Pump, PumpError, Replay};
use crate::http::retries::{Retries, classify, stale, verdict, wait};
use crate::http::timer::Timer;
use crate::http::upstream::{Answer, Upstream};
use crate::http::{Downstream, mirror, normalise};
use crate::observe::ResponseFlag;
use crate::policy::{self, FilterContext, Verdict};
use crate::runtime::{BackendRuntime, CompiledRule};
use http::{Method, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::time::Instant;

/// A request on its way. `'a` is the snapshot's life.
pub(super) struct Routed<'a, 'c> {
    pub(super) rule: &'a Arc<CompiledRule>,
    pub(super) context: FilterContext<'c>,
    pub(super) session: Option<policy::SessionToken>,
    pub(super) replay: Replay,
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

impl<'a> Run<'a> {
    pub(super) async fn forward<D: Downstream>(
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
        let session = rule.session.as_deref().or(chosen.session.as_deref());
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
        if normalise::last_forward(&mut arrived.head) {
            return Err(Refusal::Response(Box::new(local::options())));
        }
        normalise::via(&mut arrived.head);
        let mirrors = mirror::sampled(&rule.filters, &chosen.filters);
        let deadlines = Deadlines::new(rule, &arrived.head, self.cx.worker.options(), self.started);
        let now = self.started.into_std();
        backend
            .retry_budget_state
            .request(backend.settings().retry_budget.as_ref(), now);
        let mut retries = Retries::new(rule.retry.as_deref());
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
                    if !retries.after_failure(&error, reused, &arrived.head) {
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
