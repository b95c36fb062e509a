//! Filters of a rule, a backend reference or a listener, compiled and executed in order.

use crate::authz::CompiledExternalAuth;
use crate::http::{LocalResponse, RequestHead, ResponseHead};
use crate::policy::cors::{self, CompiledCors};
use crate::policy::{CompiledHeaders, CompiledMirror, CompiledRedirect, CompiledRewrite};
use crate::runtime::{BackendRuntime, ConnInfo, HttpPort};
use gatewright_model::backend::BackendTarget;
use gatewright_model::filter::HttpFilter;
use gatewright_model::key::BackendKey;
use gatewright_model::listener::ListenerFilter;
use std::sync::Arc;

/// What a filter decided.
#[derive(Debug)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Answer this instead. Response filters have been applied.
    Respond(LocalResponse),
}

/// What filters may look at beside the request itself.
#[derive(Clone, Copy, Debug)]
pub struct FilterContext<'a> {
    /// The client's connection.
    pub conn: &'a ConnInfo,
    /// The port that it came in on.
    pub port: &'a HttpPort,
    /// Path prefix that the rule matched, when it matched one.
    pub matched_prefix: Option<&'a str>,
}

/// What response filters need to know of the request.
#[derive(Debug, Default)]
pub struct FilterState {
    origin: Option<Box<[u8]>>,
    /// Fields that an authorization server wants in the response to the client.
    pub(crate) response_headers: Option<Box<crate::http::Headers>>,
}

/// Filters of a rule or of a backend reference, compiled. One pointer, because most rules have none.
#[derive(Debug, Default)]
pub struct FilterChain(Option<Box<Steps>>);

#[derive(Debug)]
struct Steps {
    request: Box<[RequestStep]>,
    response: Box<[CompiledHeaders]>,
    seldom: Option<Box<Seldom>>,
}

/// What few chains have.
#[derive(Debug, Default)]
struct Seldom {
    cors: Option<CompiledCors>,
    auths: Vec<Arc<CompiledExternalAuth>>,
    mirrors: Vec<CompiledMirror>,
    refused: Vec<String>,
}

#[derive(Debug)]
enum RequestStep {
    Headers(CompiledHeaders),
    Redirect(Box<CompiledRedirect>),
    Rewrite(Box<CompiledRewrite>),
}

impl FilterChain {
    /// Compiles filters in the order written. `resolve` finds the backends that filters name.
    pub fn compile(
        filters: &[HttpFilter],
        resolve: &dyn Fn(&BackendKey) -> Option<Arc<BackendRuntime>>,
    ) -> Self {
        if filters.is_empty() {
            return Self(None);
        }
        let (mut request, mut response) = (Vec::new(), Vec::new());
        let mut chain = Seldom::default();
        for filter in filters {
            let refused = &mut chain.refused;
            match filter {
                HttpFilter::RequestHeaders(modifier) => {
                    let compiled = CompiledHeaders::compile(modifier, refused);
                    request.push(RequestStep::Headers(compiled));
                }
                HttpFilter::ResponseHeaders(modifier) => {
                    let compiled = CompiledHeaders::compile(modifier, refused);
                    response.push(compiled);
                }
                HttpFilter::Redirect(redirect) => {
                    let compiled = CompiledRedirect::compile(redirect, refused);
                    request.push(RequestStep::Redirect(Box::new(compiled)));
                }
                HttpFilter::UrlRewrite(rewrite) => {
                    let compiled = CompiledRewrite::compile(rewrite, refused);
                    request.push(RequestStep::Rewrite(Box::new(compiled)));
                }
                HttpFilter::Mirror(mirror) => chain.mirrors.push(CompiledMirror::new(
                    backend(&mirror.backend, resolve),
                    mirror.numerator,
                    mirror.denominator,
                )),
                HttpFilter::Cors(cors) => chain.cors = Some(CompiledCors::compile(cors, refused)),
                HttpFilter::ExternalAuth(auth) => {
                    let target = backend(&auth.backend, resolve);
                    chain
                        .auths
                        .push(Arc::new(CompiledExternalAuth::compile(auth, target)));
                }
            }
        }
        let seldom = !chain.is_empty();
        Self(Some(Box::new(Steps {
            request: request.into(),
            response: response.into(),
            seldom: seldom.then(|| Box::new(chain)),
        })))
    }

    fn seldom(&self) -> Option<&Seldom> {
        self.0.as_ref()?.seldom.as_deref()
    }

    /// Whether there is nothing to do at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Parts of the filters that cannot be executed, in words. Empty for what passed validation.
    pub fn refused(&self) -> &[String] {
        self.seldom().map_or(&[], |steps| &steps.refused)
    }

    /// Authorization servers to ask, in order, before [`FilterChain::request`].
    pub fn auths(&self) -> &[Arc<CompiledExternalAuth>] {
        self.seldom().map_or(&[], |steps| &steps.auths)
    }

    /// Mirrors of the rule.
    pub fn mirrors(&self) -> &[CompiledMirror] {
        self.seldom().map_or(&[], |steps| &steps.mirrors)
    }

    /// The answer to a CORS preflight request, when there is a CORS filter. It comes before
    /// authorization: browsers send preflights without credentials (Fetch section 3.2.1).
    pub fn preflight(&self, head: &RequestHead) -> Option<LocalResponse> {
        let steps = self.0.as_ref()?;
        let cors = steps.cors()?;
        cors::is_preflight(head).then(|| {
            let mut response = cors.preflight(head);
            steps.response_modifiers(&mut response.head);
            response
        })
    }

    /// Executes the request filters in order.
    pub fn request(
        &self,
        head: &mut RequestHead,
        state: &mut FilterState,
        context: &FilterContext<'_>,
    ) -> Verdict {
        let Some(steps) = &self.0 else {
            return Verdict::Continue;
        };
        if steps.cors().is_some() {
            if let Some(response) = self.preflight(head) {
                return Verdict::Respond(response);
            }
            if state.origin.is_none() {
                state.origin = head.headers.get("origin").map(Into::into);
            }
        }
        for step in &steps.request {
            match step {
                RequestStep::Headers(modifier) => {
                    modifier.apply(&mut head.headers);
                    if let Some(host) = modifier.host() {
                        head.keep_asked();
                        host.clone_into(&mut head.authority);
                    }
                }
                RequestStep::Rewrite(rewrite) => rewrite.apply(head, context.matched_prefix),
                RequestStep::Redirect(redirect) => {
                    let mut response = redirect.respond(head, context.port.port, context.matched_prefix);
                    self.response(&mut response.head, state);
                    return Verdict::Respond(response);
                }
            }
        }
        Verdict::Continue
    }

    /// Executes the response filters in order, on a backend's response or on an error of the proxy.
    pub fn response(&self, head: &mut ResponseHead, state: &FilterState) {
        let Some(steps) = &self.0 else { return };
        if let Some(cors) = steps.cors() {
            cors.response(state.origin.as_deref(), &mut head.headers);
        }
        steps.response_modifiers(head);
    }
}

impl Seldom {
    fn is_empty(&self) -> bool {
        let Self {
            cors,
            auths,
            mirrors,
            refused,
        } = self;
        cors.is_none() && auths.is_empty() && mirrors.is_empty() && refused.is_empty()
    }
}

impl Steps {
    fn cors(&self) -> Option<&CompiledCors> {
        self.seldom.as_ref()?.cors.as_ref()
    }

    fn response_modifiers(&self, head: &mut ResponseHead) {
        for modifier in &self.response {
            modifier.apply(&mut head.headers);
        }
    }
}

impl FilterState {
    /// Adds what authorization servers want the client to see. Once per response, for the chain of
    /// the rule.
    pub fn finish(&self, head: &mut ResponseHead) {
        if let Some(extra) = &self.response_headers {
            for (name, value) in extra.iter() {
                let _ = head.headers.append_raw(name.as_bytes(), value);
            }
        }
    }
}

fn backend(
    target: &BackendTarget,
    resolve: &dyn Fn(&BackendKey) -> Option<Arc<BackendRuntime>>,
) -> Option<Arc<BackendRuntime>> {
    match target {
        BackendTarget::Backend(key) => resolve(key),
        BackendTarget::Invalid(_) => None,
    }
}

/// Filters of a listener, compiled: they run before routing (GEP-5224).
#[derive(Debug, Default)]
pub struct ListenerFilters {
    auths: Vec<Arc<CompiledExternalAuth>>,
}

impl ListenerFilters {
    /// Compiles filters in the order written.
    pub fn compile(
        filters: &[ListenerFilter],
        resolve: &dyn Fn(&BackendKey) -> Option<Arc<BackendRuntime>>,
    ) -> Self {
        Self {
            auths: filters
                .iter()
                .map(|filter| match filter {
                    ListenerFilter::ExternalAuth(auth) => Arc::new(CompiledExternalAuth::compile(
                        auth,
                        backend(&auth.backend, resolve),
                    )),
                })
                .collect(),
        }
    }

    /// Authorization servers to ask, in order.
    pub fn auths(&self) -> &[Arc<CompiledExternalAuth>] {
        &self.auths
    }
}

#[cfg(test)]
pub(crate) mod tests;
