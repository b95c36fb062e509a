//! From a request to its answer: which operation, faults, input, effect, answer.

mod identify;
mod signed;
mod table;

use crate::calls::{Call, Calls};
use crate::clock::Clock;
use crate::error::ApiError;
use crate::faults::{Effect, Faults, Subject};
use crate::history::History;
use crate::iam::{self, Policy};
use crate::protocol::model::Protocol;
use crate::protocol::xml::Told;
use crate::protocol::{cbor, check, json, object, rest, xml};
use crate::publish::Publisher;
use crate::service::{Context, Healths, Settings};
use crate::state::{Account, MOST_ACCOUNTS, World, place};
use crate::sts::{Keys, authenticate};
use crate::traffic::config::Config;
use bytes::Bytes;
use http::{HeaderMap, Method};
use identify::{Identified, Style};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

pub use table::{Loaded, Table, TableError};

/// Region of calls that are not signed.
pub const DEFAULT_REGION: &str = "us-east-1";

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path.
    pub path: String,
    /// Query, without its question mark.
    pub query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, whole.
    pub body: Bytes,
}

/// What the client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Answer(Answer),
    /// None: the connection is closed after a time.
    Silence(Duration),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// `X-Amzn-ErrorType`, of services that tell codes there.
    pub error_type: Option<String>,
    /// Id of the call.
    pub request_id: String,
    /// Body.
    pub body: Vec<u8>,
}

/// AWS on this machine.
#[derive(Debug)]
pub struct Simulator {
    table: Arc<Table>,
    /// Its clock.
    pub clock: Clock,
    inner: Mutex<Inner>,
    healths: Arc<dyn Healths>,
    config: watch::Sender<Arc<Config>>,
    sequence: AtomicU64,
}

/// What calls change.
#[derive(Debug)]
pub struct Inner {
    /// Everything that exists.
    pub world: World,
    /// How long states last.
    pub settings: Settings,
    /// Faults to come.
    pub faults: Faults,
    /// What was called.
    pub calls: Calls,
    /// How it was some time before.
    pub history: History,
    /// What the data plane is told.
    pub publisher: Publisher,
    /// What callers may do, if not everything.
    pub policy: Option<Policy>,
    /// Access keys and their secrets.
    pub keys: Keys,
    /// Until when nothing is answered and no load balancer serves, in milliseconds since 1970: the process is as good as gone.
    pub away_until: Option<u64>,
    /// Counts up with every change of the world, and of what the admin API was told.
    pub changes: u64,
    /// What the data plane cannot serve: ARNs, and why.
    pub problems: Vec<(String, String)>,
}

impl Simulator {
    /// A simulator of services with a world.
    pub fn new(table: Arc<Table>, world: World, publisher: Publisher, healths: Arc<dyn Healths>) -> Self {
        let inner = Inner {
            world,
            settings: Settings::default(),
            faults: Faults::default(),
            calls: Calls::default(),
            history: History::default(),
            publisher,
            policy: None,
            keys: Keys::default(),
            away_until: None,
            changes: 0,
            problems: Vec::new(),
        };
        let simulator = Self {
            table,
            clock: Clock::default(),
            inner: Mutex::new(inner),
            healths,
            config: watch::Sender::new(Arc::new(Config::default())),
            sequence: AtomicU64::new(0),
        };
        simulator.publish();
        simulator
    }

    /// What the data plane serves.
    pub fn config(&self) -> watch::Receiver<Arc<Config>> {
        self.config.subscribe()
    }

    /// Everything, locked.
    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the data plane what changed since it was last told, by calls or by the passing of time.
    pub fn publish(&self) {
        let mut inner = self.inner();
        self.publish_locked(&mut inner);
    }

    fn publish_locked(&self, inner: &mut Inner) {
        let Inner {
            world,
            settings,
            publisher,
            away_until,
            ..
        } = inner;
        if away_until.is_some_and(|until| self.clock.now() < until) {
            return;
        }
        *away_until = None;
        if let Some(config) = publisher.publish(world, settings, self.clock.now()) {
            self.config.send_replace(Arc::new(config));
        }
    }

    /// Is as a process that ends, is away for a time, and starts again with its state kept (`--state`): resources come back as
    /// they were written, load balancers serve anew at their addresses, all connections and calls end. How it was some time
    /// before is forgotten, and buckets are full again. Faults, settings, limits, the policy and keys stay: they say how AWS is
    /// to be, and who restarts AWS wants it to be the same afterwards.
    ///
    /// # Errors
    ///
    /// When the state cannot be written or read.
    pub fn restart(&self, away_ms: u64) -> Result<(), serde_json::Error> {
        let mut inner = self.inner();
        let kept = serde_json::to_vec(&inner.world)?;
        inner.world = serde_json::from_slice(&kept)?;
        inner.history.clear();
        inner.faults.buckets.refill();
        inner.away_until = Some(self.clock.now().saturating_add(away_ms));
        inner.changes += 1;
        let nothing = inner.publisher.close();
        self.config.send_replace(Arc::new(nothing));
        self.publish_locked(&mut inner);
        Ok(())
    }

    /// Whether there is nobody who answers.
    fn is_away(&self) -> bool {
        let away = self.inner().away_until;
        away.is_some_and(|until| self.clock.now() < until)
    }

    /// Serves a request.
    pub async fn call(&self, request: &Request) -> Outcome {
        if self.is_away() {
            return Outcome::Silence(Duration::ZERO);
        }
        let id = self.request_id();
        let identified = match identify::identify(&self.table, request) {
            Ok(identified) => identified,
            Err(refused) => return Outcome::Answer(refuse(refused.style, None, &refused.error, &id)),
        };
        let context = match self.context(&identified, &request.headers, &id) {
            Ok(context) => context,
            Err(error) => return Outcome::Answer(refuse(identified.style(), Some(&identified), &error, &id)),
        };
        if let Some(scope) = &identified.scope
            && let Err(error) = self.authentic(identified.service.protocol, scope, request)
        {
            return Outcome::Answer(self.refused(&identified, &context, &error));
        }
        let effects = match self.strike(&identified, &context) {
            Ok(effects) => effects,
            Err(error) => return Outcome::Answer(self.refused(&identified, &context, &error)),
        };
        for effect in &effects {
            match effect {
                Effect::Delay { ms } => tokio::time::sleep(Duration::from_millis(*ms)).await,
                Effect::TimeoutBefore { after_ms } => {
                    return Outcome::Silence(Duration::from_millis(*after_ms));
                }
                Effect::Error {
                    code,
                    message,
                    status,
                } => {
                    let error = ApiError {
                        code: code.clone(),
                        message: message.clone(),
                        status: *status,
                    };
                    return Outcome::Answer(self.refused(&identified, &context, &error));
                }
                Effect::ErrorAfter { .. } | Effect::TimeoutAfter { .. } | Effect::Stale { .. } => {}
            }
        }
        // The process may have ended during delays, and the clock went on.
        if self.is_away() {
            return Outcome::Silence(Duration::ZERO);
        }
        let context = Context {
            now: self.clock.now(),
            ..context
        };
        let answer = match self.perform(&identified, &context, &effects) {
            Ok(answer) => answer,
            Err(error) => self.refused(&identified, &context, &error),
        };
        for effect in effects {
            match effect {
                Effect::TimeoutAfter { after_ms } => {
                    return Outcome::Silence(Duration::from_millis(after_ms));
                }
                Effect::ErrorAfter {
                    code,
                    message,
                    status,
                } => {
                    let error = ApiError {
                        code,
                        message,
                        status,
                    };
                    return Outcome::Answer(self.refused(&identified, &context, &error));
                }
                _ => {}
            }
        }
        Outcome::Answer(answer)
    }

    fn context(
        &self,
        identified: &Identified<'_>,
        headers: &HeaderMap,
        request_id: &str,
    ) -> Result<Context, ApiError> {
        let scope = identified.scope.as_ref();
        let access_key = scope.map(|scope| scope.access_key.clone());
        let token = headers
            .get("x-amz-security-token")
            .and_then(|token| token.to_str().ok());
        let now = self.clock.now();
        let identity = authenticate(access_key.as_deref(), token, now)?;
        Ok(Context {
            account: identity.account.clone(),
            region: scope.map_or_else(|| DEFAULT_REGION.to_owned(), |scope| scope.region.clone()),
            now,
            access_key,
            identity,
            request_id: request_id.to_owned(),
            settings: self.inner().settings.clone(),
            healths: Arc::clone(&self.healths),
        })
    }

    /// Throttling, then the faults that are asked for.
    fn strike(&self, identified: &Identified<'_>, context: &Context) -> Result<Vec<Effect>, ApiError> {
        let subject = Subject {
            service: identified.service.id,
            operation: &identified.operation.name,
            account: &context.account,
            region: &context.region,
        };
        let mut inner = self.inner();
        if !inner.faults.buckets.take(subject, context.now) {
            return Err(match identified.service.protocol {
                // https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
                Protocol::Ec2 => {
                    ApiError::new("RequestLimitExceeded", "Request limit exceeded.").with_status(503)
                }
                // The tagging API has a word of its own
                // (https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html#API_GetResources_Errors).
                // VPC Lattice's has the status 429, by its model
                // (https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_ListServices.html#API_ListServices_Errors).
                _ if identified.service.id == "tagging" => {
                    ApiError::new("ThrottledException", "Rate exceeded")
                }
                _ => ApiError::new("ThrottlingException", "Rate exceeded"),
            });
        }
        Ok(inner.faults.strike(subject))
    }

    fn perform(
        &self,
        identified: &Identified<'_>,
        context: &Context,
        effects: &[Effect],
    ) -> Result<Answer, ApiError> {
        let input = identified.input()?;
        let place = place(&context.account, &context.region);
        let mut inner = self.inner();
        let reads = reads(&identified.operation.name);
        let stale = effects.iter().find_map(|effect| match effect {
            Effect::Stale { ms } if reads => Some(context.now.saturating_sub(*ms)),
            _ => None,
        });
        if inner.world.accounts.len() >= MOST_ACCOUNTS && !inner.world.accounts.contains_key(&place) {
            return Err(ApiError::new(
                "OptInRequired",
                "the simulator has no room for more accounts and regions",
            )
            .with_status(403));
        }
        if let Some(policy) = &inner.policy {
            let nothing = Account::default();
            let account = inner.world.accounts.get(&place).unwrap_or(&nothing);
            let operation = (identified.service.id, identified.operation.name.as_str());
            iam::check(policy, account, context, operation, &input)?;
        }
        let output = if let Some(mut before) = stale.and_then(|at| inner.history.at(&place, at)) {
            (identified.handler)(&mut before, context, &input)?
        } else {
            if !reads && inner.faults.needs_history() {
                let before = inner.world.accounts.get(&place).cloned().unwrap_or_default();
                inner.history.remember(&place, context.now, before);
            }
            let account = inner.world.accounts.entry(place).or_default();
            let output = (identified.handler)(account, context, &input)?;
            if !reads {
                inner.changes += 1;
                self.publish_locked(&mut inner);
            }
            output
        };
        inner.calls.record(record(identified, context, None));
        drop(inner);
        write(identified, context, &output)
    }

    fn refused(&self, identified: &Identified<'_>, context: &Context, error: &ApiError) -> Answer {
        self.inner()
            .calls
            .record(record(identified, context, Some(error)));
        refuse(identified.style(), Some(identified), error, &context.request_id)
    }

    /// Ids look as AWS's do and repeat with the same calls.
    fn request_id(&self) -> String {
        let number = self.sequence.fetch_add(1, Ordering::Relaxed);
        let mut hex = String::new();
        for byte in Sha256::digest(number.to_be_bytes()).iter().take(16) {
            let _ = write!(hex, "{byte:02x}");
        }
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!(
            "{}-{}-{}-{}-{}",
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32)
        )
    }
}

fn write(identified: &Identified<'_>, context: &Context, output: &Value) -> Result<Answer, ApiError> {
    let (service, operation) = (identified.service, identified.operation);
    if let Err(fault) = check::answer(&service.model, operation.output.as_ref(), output) {
        tracing::error!(
            service = service.id,
            operation = operation.name,
            fault,
            "the answer is not what the model says"
        );
        return Err(ApiError::internal(format!(
            "the simulator's answer is not what the model says: {fault}"
        )));
    }
    let style = identified.style();
    if service.protocol == Protocol::Rest {
        let (status, body) = rest::write(&service.model, operation, output);
        return Ok(Answer {
            status,
            content_type: content_type(style),
            error_type: None,
            request_id: context.request_id.clone(),
            body,
        });
    }
    let body = match (style, service.protocol) {
        (_, Protocol::Object) => object::body(output)?,
        (Style::Cbor, _) => cbor::write(&service.model, operation.output.as_ref(), output),
        (_, Protocol::Json) => json::write(&service.model, operation.output.as_ref(), output),
        (_, protocol) => xml::write(&service.model, protocol, operation, output, &context.request_id),
    };
    Ok(Answer {
        status: match service.protocol {
            Protocol::Object => object::status(&operation.name),
            _ => 200,
        },
        content_type: content_type(style),
        error_type: None,
        request_id: context.request_id.clone(),
        body,
    })
}

fn record(identified: &Identified<'_>, context: &Context, error: Option<&ApiError>) -> Call {
    Call {
        at: context.now,
        service: identified.service.id.to_owned(),
        operation: identified.operation.name.clone(),
        account: context.account.clone(),
        region: context.region.clone(),
        error: error.map(|error| error.code.clone()),
    }
}

/// Whether an operation only reads.
fn reads(operation: &str) -> bool {
    ["Describe", "Get", "List"]
        .iter()
        .any(|prefix| operation.starts_with(prefix))
}

fn refuse(
    style: Style<'_>,
    identified: Option<&Identified<'_>>,
    error: &ApiError,
    request_id: &str,
) -> Answer {
    let modelled = identified.and_then(|found| found.service.model.status_of(found.operation, &error.code));
    let status = error.status.or(modelled).unwrap_or(400);
    let told = Told {
        code: &error.code,
        message: &error.message,
        status,
        request_id,
    };
    let body = match style {
        Style::Of(service) if service.protocol == Protocol::Object => object::error(&told),
        Style::Of(service) if service.protocol == Protocol::Rest => rest::error(&error.message),
        Style::Of(service) if service.protocol != Protocol::Json => {
            xml::error(Some(&service.model), service.protocol, &told)
        }
        Style::Xml => xml::error(None, Protocol::Query, &told),
        Style::Cbor => cbor::error(&error.code, &error.message),
        Style::Of(_) | Style::Json => json::error(&error.code, &error.message),
    };
    Answer {
        status,
        content_type: content_type(style),
        error_type: match style {
            Style::Of(service) if service.protocol == Protocol::Rest => Some(error.code.clone()),
            _ => None,
        },
        request_id: request_id.to_owned(),
        body,
    }
}

fn content_type(style: Style<'_>) -> String {
    match style {
        Style::Of(service) if service.protocol == Protocol::Object => "application/xml".to_owned(),
        Style::Of(service) if service.protocol == Protocol::Json => {
            let version = service.model.metadata.json_version.as_deref().unwrap_or("1.1");
            format!("application/x-amz-json-{version}")
        }
        Style::Of(service) if service.protocol == Protocol::Rest => "application/json".to_owned(),
        Style::Cbor => "application/cbor".to_owned(),
        Style::Json => "application/x-amz-json-1.1".to_owned(),
        Style::Of(_) | Style::Xml => "text/xml;charset=UTF-8".to_owned(),
    }
}

#[cfg(test)]
mod tests;
