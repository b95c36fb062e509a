//! One request, from a client to its answer.

use super::answer::{self, Body, Refusal};
use super::cookie::{Cookie, Name, target_text};
use super::function;
use super::group::{Group, InFlight, Version};
use super::headers::{self, Arrival, Mark};
use super::idle::Activity;
use super::keys;
use super::matching::{self, Action, Before, Forward, RETURN, Rewritten, Unauthenticated, without_port};
use super::relay;
use super::serving::Serving;
use super::slot::Slot;
use super::websocket;
use http::header::{CONTENT_TYPE, HOST, SERVER};
use http::uri::PathAndQuery;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A connection, as its requests see it.
pub(super) struct Visit {
    pub(super) slot: Arc<Slot>,
    pub(super) arrival: Arrival,
    pub(super) activity: Arc<Activity>,
}

/// Answers a request.
pub(super) async fn handle(visit: Arc<Visit>, request: Request<Incoming>) -> Response<Body> {
    let serving = visit.slot.serving.load_full();
    // Its own timeouts answer it; the connection's stays out of the way.
    let awaiting = visit.activity.awaiting();
    let answered = decide(&visit, &serving, request).await;
    drop(awaiting);
    let mut response = match answered {
        Ok(response) => response,
        Err(refusal) => {
            let mut response = refusal.answer();
            own(&mut response, &serving);
            response
        }
    };
    headers::to_client(response.headers_mut(), &serving.listener);
    response
}

fn own(response: &mut Response<Body>, serving: &Serving) {
    if !serving.listener.server {
        response.headers_mut().remove(SERVER);
    }
}

async fn decide(
    visit: &Visit,
    serving: &Serving,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    // "HTTP 403: Forbidden. You configured an AWS WAF web access control list (web ACL) ... and it blocked a request"
    // (load-balancer-troubleshooting).
    if serving.blocks {
        return Err(Refusal::Forbidden);
    }
    if *request.method() == Method::TRACE {
        return Err(Refusal::Method);
    }
    if headers::too_many_forwarded(request.headers()) {
        return Err(Refusal::ForwardedFor);
    }
    let came = host(&request)?;
    let seen = matching::Request {
        method: request.method().as_str(),
        host: without_port(&came),
        path: request.uri().path(),
        query: request.uri().query(),
        headers: request.headers(),
        source: visit.arrival.peer.ip(),
    };
    let rule = serving.rules.decide(&seen).ok_or(Refusal::NoTarget)?;
    if let Some(before) = &rule.before
        && let Some(mut response) = ask(before, &came, &seen).await?
    {
        own(&mut response, serving);
        return Ok(response);
    }
    let forward = match &rule.action {
        Action::Fixed(fixed) => {
            let mut response = answer::fixed(fixed);
            own(&mut response, serving);
            return Ok(response);
        }
        Action::Redirect(redirect) => {
            let location = redirect.location(&seen, visit.arrival.protocol(), visit.arrival.port);
            let mut response = answer::redirect(redirect.status, &location);
            own(&mut response, serving);
            return Ok(response);
        }
        Action::Forward(forward) => forward,
    };
    let url = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let rewritten = rule
        .transforms
        .apply(seen.host, url)
        .map_err(|_| Refusal::Transform)?;
    let passed = Passed {
        visit,
        serving,
        came: &came,
        rewritten,
    };
    to_group(&passed, forward, request).await
}

/// What a request is answered that lacks what is asked of it; none when it is served.
async fn ask(
    before: &Before,
    host: &str,
    request: &matching::Request<'_>,
) -> Result<Option<Response<Body>>, Refusal> {
    match before {
        Before::Login(_) if request.path == RETURN => Err(Refusal::Unauthorized),
        Before::Login(login) => match login.unauthenticated {
            Unauthenticated::Allow => Ok(None),
            Unauthenticated::Deny => Err(Refusal::Unauthorized),
            Unauthenticated::Authenticate => {
                let state = format!("{:032x}", fastrand::u128(..));
                Ok(Some(answer::redirect(302, &login.location(host, &state))))
            }
        },
        Before::Token(check) => {
            let keys = keys::of(&check.endpoint).await.map_err(|_| Refusal::Keys)?;
            let admitted = check.admits(request, &keys, seconds());
            admitted.map(|()| None).map_err(|_| Refusal::Unauthorized)
        }
    }
}

fn seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The host that a client asks for: the authority of an absolute URI or of HTTP/2, else the header. HTTP/1.1 needs
/// one (RFC 9112, section 3.2), and only one.
fn host(request: &Request<Incoming>) -> Result<String, Refusal> {
    if let Some(authority) = request.uri().authority() {
        return Ok(authority.host_and_port().to_owned());
    }
    let mut lines = request.headers().get_all(HOST).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().map(str::to_owned).map_err(|_| Refusal::BadRequest),
        (None, _) if request.version() < http::Version::HTTP_11 => Ok(String::new()),
        _ => Err(Refusal::BadRequest),
    }
}

trait HostAndPort {
    fn host_and_port(&self) -> &str;
}

impl HostAndPort for http::uri::Authority {
    /// Without user information.
    fn host_and_port(&self) -> &str {
        self.as_str().rsplit('@').next().unwrap_or_default()
    }
}

/// A request that a rule passes on.
struct Passed<'a> {
    visit: &'a Visit,
    serving: &'a Serving,
    came: &'a str,
    rewritten: Rewritten,
}

async fn to_group(
    passed: &Passed<'_>,
    forward: &Forward,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    let jar = &passed.serving.jar;
    let now = seconds();
    let arn = forward
        .sticky_s
        .and_then(|_| jar.read(request.headers(), Name::Group, now))
        .filter(|arn| forward.groups.iter().any(|weighted| weighted.group == *arn))
        .or_else(|| forward.draw(fastrand::u64(..)).cloned())
        .ok_or(Refusal::NoTarget)?;
    let group = passed.serving.groups.get(&arn).ok_or(Refusal::NoTarget)?;
    // "These listener and target group configurations do not need to match. VPC Lattice manages the entire process of
    // upgrading and downgrading between protocols and versions" (vpc-lattice/latest/ug/https-listeners.html).
    if passed.serving.lattice.is_none() && !fits(&request, group.version) {
        return Err(Refusal::Protocol);
    }
    let wanted = group
        .attributes
        .sticky_s
        .and_then(|_| jar.read(request.headers(), Name::Target, now));
    let target = group
        .pick(wanted.as_deref(), fastrand::u64(..))
        .ok_or(Refusal::NoTarget)?;
    let sticky = target_text(&arn, &target.id, target.port);
    let in_flight = InFlight::new(target);
    let mut response = to_target(passed, group, in_flight, now, request).await?;
    if let Some(seconds) = forward.sticky_s {
        jar.set(
            response.headers_mut(),
            &Cookie {
                name: Name::Group,
                text: &arn,
                seconds,
            },
            now,
        );
    }
    if let Some(seconds) = group.attributes.sticky_s {
        jar.set(
            response.headers_mut(),
            &Cookie {
                name: Name::Target,
                text: &sticky,
                seconds,
            },
            now,
        );
    }
    Ok(response)
}

/// Whether a request's protocol fits a group's version (load-balancer-troubleshooting, "HTTP 464"): HTTP/1.1 does not
/// go to gRPC or HTTP/2, gRPC not to HTTP/1.1, and only POST to gRPC.
fn fits(request: &Request<Incoming>, version: Version) -> bool {
    let http2 = request.version() == http::Version::HTTP_2;
    let grpc = http2
        && request
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    match version {
        Version::Http1 | Version::Function => !grpc,
        Version::Http2 => http2,
        Version::Grpc => http2 && *request.method() == Method::POST,
    }
}

async fn to_target(
    passed: &Passed<'_>,
    group: &Group,
    in_flight: InFlight,
    now: u64,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    let Passed {
        visit,
        serving,
        came,
        rewritten,
    } = passed;
    // "VPC Lattice does not support WebSockets" (vpc-lattice/latest/ug/listeners.html).
    let upgrade = match group.version {
        Version::Http1 | Version::Function if serving.lattice.is_none() => websocket::wanted(&mut request),
        Version::Http1 | Version::Function | Version::Http2 | Version::Grpc => None,
    };
    let url = rewritten
        .url
        .clone()
        .or_else(|| request.uri().path_and_query().cloned())
        .unwrap_or(PathAndQuery::from_static("/"));
    let host = headers::host_for_target(came, &visit.arrival, &serving.balancer, rewritten);
    let mark = Mark {
        now,
        id: fastrand::u128(..),
    };
    match &serving.lattice {
        Some(service) => headers::to_target_of(service, request.headers_mut(), &visit.arrival, &group.arn),
        None => headers::to_target(
            request.headers_mut(),
            &visit.arrival,
            &serving.balancer,
            &serving.listener,
            &mark,
        ),
    }
    let request = relay::addressed(request, group.version, &host, url)?;
    let exchange = relay::Exchange {
        in_flight,
        idle: serving.balancer.idle,
    };
    if group.version == Version::Function {
        // "WebSockets are not supported. Upgrade requests are rejected with an HTTP 400 code" (lambda-functions).
        if upgrade.is_some() {
            return Err(Refusal::BadRequest);
        }
        return function::invoke(exchange, group, request).await;
    }
    match upgrade {
        Some(client) => websocket::relay(exchange, request, client, visit.slot.stop.clone()).await,
        None => relay::relay(exchange, request).await,
    }
}
