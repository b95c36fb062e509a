//! What AWS answered once, to be read again without AWS: a plan can be made from it anywhere and at any time.
//!
//! [`Tape`] keeps answers to calls that only read, by account and region, call and parameters. Requests are kept
//! without signature, credentials are not asked for through it, and AWS tells no private keys and client secrets in answers
//! to reads. What was not asked before has no answer; nothing is changed from a tape.

use crate::Settings;
use crate::calls::{Call, Service};
use crate::transport::call_of;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;

/// The form of the file.
const VERSION: u32 = 1;

/// Headers of answers that say how they are read.
const TELLING: [&str; 2] = ["content-type", "x-amzn-errortype"];

/// Answers of AWS. A clone is the same.
#[derive(Clone, Debug)]
pub struct Tape {
    mode: Mode,
    held: Arc<Mutex<Held>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Recording,
    Replaying,
}

/// What the file holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    version: u32,
    places: BTreeMap<String, At>,
}

/// One account and region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    region: String,
    /// By call and parameters.
    answers: BTreeMap<String, Answer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

/// A text that is no tape.
#[derive(Debug, Error)]
pub enum TapeError {
    /// It cannot be read.
    #[error("this is no recorded state: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Another program wrote it.
    #[error("the recorded state has version {found}, accepted is {VERSION}: record it again")]
    Version {
        /// Its version.
        found: u32,
    },
}

/// A question that was not asked.
#[derive(Debug, Error)]
#[error(
    "`{0}` was not asked when the state was recorded: record it again, with the same options and Gateways of the same \
     classes"
)]
struct Unknown(String);

impl Tape {
    /// An empty one, to which answers are added.
    pub fn recording() -> Self {
        Self {
            mode: Mode::Recording,
            held: Arc::new(Mutex::new(Held {
                version: VERSION,
                ..Held::default()
            })),
        }
    }

    /// One that was recorded before, as [`Tape::text`] gave it.
    ///
    /// # Errors
    /// When it is none.
    pub fn replaying(text: &str) -> Result<Self, TapeError> {
        let held: Held = serde_json::from_str(text)?;
        if held.version != VERSION {
            return Err(TapeError::Version { found: held.version });
        }
        Ok(Self {
            mode: Mode::Replaying,
            held: Arc::new(Mutex::new(held)),
        })
    }

    /// All answers, as JSON.
    ///
    /// # Errors
    /// Never: there is nothing in it that JSON does not have.
    pub fn text(&self) -> Result<String, TapeError> {
        Ok(serde_json::to_string_pretty(&*self.held())?)
    }

    /// Whether AWS is not asked.
    pub(crate) fn replays(&self) -> bool {
        self.mode == Mode::Replaying
    }

    /// The region that a place was found in.
    pub(crate) fn region(&self, settings: &Settings) -> Option<String> {
        self.held()
            .places
            .get(&name(settings))
            .map(|at| at.region.clone())
    }

    /// A client for a place, over the usual one.
    pub(crate) fn over(
        &self,
        settings: &Settings,
        region: &str,
        inner: SharedHttpClient,
    ) -> SharedHttpClient {
        let place = name(settings);
        if self.mode == Mode::Recording {
            let mut held = self.held();
            let at = held.places.entry(place.clone()).or_default();
            region.clone_into(&mut at.region);
        }
        SharedHttpClient::new(Taped {
            inner,
            tape: self.clone(),
            place: place.into(),
        })
    }

    fn put(&self, place: &str, question: String, answer: Answer) {
        if let Some(at) = self.held().places.get_mut(place) {
            at.answers.insert(question, answer);
        }
    }

    fn get(&self, place: &str, question: &str) -> Option<Answer> {
        self.held().places.get(place)?.answers.get(question).cloned()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place by what was asked for: the same options lead to it again.
pub(crate) fn name(settings: &Settings) -> String {
    let Settings {
        region,
        role,
        fips: _,
        dual_stack: _,
    } = settings;
    let role = role.as_ref().map_or("own credentials", |role| role.arn.as_str());
    format!(
        "{role} in {}",
        region.as_deref().unwrap_or("the region of the environment")
    )
}

/// The question that a request is: its call, path and parameters; nothing of who asks, when, and where.
fn question(request: &HttpRequest) -> String {
    let call = call_of(request).map_or("STS GetCallerIdentity".to_owned(), |call| {
        format!("{} {}", call.service.id(), call.operation)
    });
    let path = request
        .uri()
        .split_once("://")
        .map_or(request.uri(), |(_, rest)| {
            rest.find('/').map_or("/", |at| rest.get(at..).unwrap_or("/"))
        });
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
    format!("{call} {path} {body}").trim_end().to_owned()
}

/// Whether a call changes nothing.
fn reads(call: &Call) -> bool {
    call.service != Service::S3
        && ["Describe", "Get", "List"]
            .iter()
            .any(|begin| call.operation.starts_with(begin))
}

#[derive(Debug)]
struct Taped {
    inner: SharedHttpClient,
    tape: Tape,
    place: Arc<str>,
}

impl HttpClient for Taped {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(TapedConnector {
            inner: self.inner.http_connector(settings, components),
            tape: self.tape.clone(),
            place: Arc::clone(&self.place),
        })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

#[derive(Debug)]
struct TapedConnector {
    inner: SharedHttpConnector,
    tape: Tape,
    place: Arc<str>,
}

impl HttpConnector for TapedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, tape, place) = (self.inner.clone(), self.tape.clone(), Arc::clone(&self.place));
        HttpConnectorFuture::new(async move {
            let asked = question(&request);
            if tape.replays() {
                let Some(answer) = tape.get(&place, &asked) else {
                    return Err(ConnectorError::user(Unknown(asked).into()));
                };
                return given(answer);
            }
            let kept = call_of(&request).is_none_or(reads);
            let response = inner.call(request).await?;
            if !kept || response.status().as_u16() == 429 || response.status().as_u16() >= 500 {
                return Ok(response);
            }
            let status = response.status();
            let headers = response.headers().clone();
            let body = response.into_body().collect().await;
            let body = body.map_err(ConnectorError::io)?.to_bytes();
            let telling = TELLING
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), headers.get(name)?.to_owned())));
            let answer = Answer {
                status: status.as_u16(),
                headers: telling.collect(),
                body: String::from_utf8_lossy(&body).into_owned(),
            };
            tape.put(&place, asked, answer);
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            *response.headers_mut() = headers;
            Ok(response)
        })
    }
}

fn given(answer: Answer) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(answer.status).map_err(|error| ConnectorError::user(error.into()))?;
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

#[cfg(test)]
mod tests;
