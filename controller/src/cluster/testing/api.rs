//! An API server in memory: objects by path, versions and conflicts, lists and watches.
//!
//! It knows no schema: server-side apply and merge patches both merge JSON, which is what one writer sees.

use crate::cluster::deadline::Deadlines;
use axum::http::{Method, Request, Response, StatusCode};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{mpsc, watch};
use tower::Layer;

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// What clients send their requests to.
pub trait Service:
    tower::Service<Request<Body>, Response = Answer, Error = Infallible, Future: Send + 'static> + Send + 'static
{
}

impl<S> Service for S where
    S: tower::Service<Request<Body>, Response = Answer, Error = Infallible, Future: Send + 'static>
        + Send
        + 'static
{
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method.
    pub method: Method,
    /// Path, without query.
    pub path: String,
}

#[derive(Default)]
struct State {
    /// By path.
    objects: BTreeMap<String, Value>,
    version: u64,
    /// What watches are told: for those that begin with an older list.
    history: Vec<(Place, u64, Value)>,
    watches: Vec<(Place, mpsc::UnboundedSender<Value>)>,
    asked: Vec<Asked>,
    /// Answers that the next writes to a path get.
    failing: Vec<(String, StatusCode)>,
    /// Is told of each write before it is answered.
    hook: Option<Hook>,
    /// Which paths get no answer.
    silent: Option<Silent>,
    /// Which paths may not be read.
    forbidden: Option<Silent>,
    /// What is answered for a path that names no object: discovery.
    documents: BTreeMap<String, Value>,
}

type Hook = Box<dyn FnMut(&Asked) + Send>;

type Silent = Box<dyn Fn(&str) -> bool + Send>;

/// What becomes of a client's requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Line {
    /// They are answered.
    #[default]
    Good,
    /// They are answered 503.
    Refused,
    /// They are never answered.
    Dead,
    /// Those that read are answered, those that write never.
    Mute,
}

/// The API server. A clone is the same one.
#[derive(Clone, Default)]
pub struct FakeApi(Arc<Mutex<State>>);

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// `/api/v1` or `/apis/group/version`.
    group: String,
    namespace: Option<String>,
    plural: String,
    name: Option<String>,
    subresource: Option<String>,
}

impl Place {
    fn of(path: &str) -> Option<Self> {
        let mut parts = path.trim_matches('/').split('/');
        let group = match parts.next()? {
            "api" => format!("/api/{}", parts.next()?),
            "apis" => format!("/apis/{}/{}", parts.next()?, parts.next()?),
            _ => return None,
        };
        let rest: Vec<&str> = parts.collect();
        let (namespace, rest) = match rest.as_slice() {
            ["namespaces", namespace, plural, ..] if !plural.is_empty() => {
                (Some((*namespace).to_owned()), rest.get(2..)?.to_vec())
            }
            _ => (None, rest),
        };
        let part = |at: usize| rest.get(at).map(|part| (*part).to_owned());
        Some(Self {
            group,
            namespace,
            plural: part(0)?,
            name: part(1),
            subresource: part(2),
        })
    }

    /// Path of the object.
    fn path(&self, name: &str) -> String {
        let namespace = self.namespace.as_ref();
        let namespace = namespace.map_or(String::new(), |name| format!("/namespaces/{name}"));
        format!("{}{namespace}/{}/{name}", self.group, self.plural)
    }

    /// Whether a list of this place holds the object at another.
    fn holds(&self, other: &Self) -> bool {
        self.group == other.group
            && self.plural == other.plural
            && (self.namespace.is_none() || self.namespace == other.namespace)
    }
}

impl FakeApi {
    /// A client of it.
    pub fn client(&self) -> Client {
        self.client_on(watch::channel(Line::Good).1)
    }

    /// A client of it, on a line that a test disturbs.
    pub fn client_on(&self, line: watch::Receiver<Line>) -> Client {
        Client::new(Deadlines.layer(self.service_on(line)), "default")
    }

    /// What a client of it sends its requests to.
    pub fn service(&self) -> impl Service + use<> {
        self.service_on(watch::channel(Line::Good).1)
    }

    fn service_on(&self, line: watch::Receiver<Line>) -> impl Service + use<> {
        let api = self.clone();
        tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            let line = *line.borrow();
            async move {
                Ok::<_, Infallible>(match line {
                    Line::Good => api.answer(request).await,
                    Line::Refused => failure(StatusCode::SERVICE_UNAVAILABLE, "away"),
                    Line::Mute if request.method() == Method::GET => api.answer(request).await,
                    Line::Dead | Line::Mute => std::future::pending().await,
                })
            }
        })
    }

    /// The next writes to a path are answered with these codes, one after the other, and change nothing.
    pub fn fail(&self, path: &str, codes: &[u16]) {
        let codes = codes
            .iter()
            .map(|code| (path.to_owned(), StatusCode::from_u16(*code).unwrap()));
        self.state().failing.extend(codes);
    }

    /// Requests that read such paths are refused.
    pub fn forbid(&self, forbidden: impl Fn(&str) -> bool + Send + 'static) {
        self.state().forbidden = Some(Box::new(forbidden));
    }

    /// Nothing is forbidden any more.
    pub fn permit(&self) {
        self.state().forbidden = None;
    }

    /// Requests to such paths are never answered; those that came before this is called are done with.
    pub fn silence(&self, silent: impl Fn(&str) -> bool + Send + 'static) {
        self.state().silent = Some(Box::new(silent));
    }

    /// All requests are answered again; those that got no answer do not get one any more.
    pub fn speak(&self) {
        self.state().silent = None;
    }

    /// What is answered for a path that names no object.
    pub fn document(&self, path: &str, document: Value) {
        self.state().documents.insert(path.to_owned(), document);
    }

    /// Calls this with each write, before it is answered.
    pub fn on_write(&self, hook: impl FnMut(&Asked) + Send + 'static) {
        self.state().hook = Some(Box::new(hook));
    }

    /// How many watches of such paths are open.
    pub fn watches(&self, part: &str) -> usize {
        let state = self.state();
        let open = state.watches.iter().filter(|(_, out)| !out.is_closed());
        open.filter(|(place, _)| place.path("").contains(part)).count()
    }

    /// Objects are deleted without a word, and all watches are told that what they know is too old (410).
    pub fn expire(&self, gone: &[&str]) {
        let mut state = self.state();
        for path in gone {
            state.objects.remove(*path).unwrap();
        }
        state.version += 1;
        state.history.clear();
        let status = json!({
            "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
            "reason": "Expired", "message": "too old resource version", "code": 410,
        });
        let told = json!({"type": "ERROR", "object": status});
        for (_, out) in state.watches.drain(..) {
            let _ = out.send(told.clone());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The object at a path.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.state().objects.get(path).cloned()
    }

    /// Paths of all objects that have this in their path.
    pub fn paths(&self, part: &str) -> Vec<String> {
        let state = self.state();
        state
            .objects
            .keys()
            .filter(|path| path.contains(part))
            .cloned()
            .collect()
    }

    /// Puts an object, as another writer does.
    pub fn put(&self, path: &str, object: Value) {
        let place = Place::of(path).unwrap();
        self.state().store(&place, path, object, "ADDED");
    }

    /// Deletes an object, as another writer does.
    pub fn delete(&self, path: &str) {
        let place = Place::of(path).unwrap();
        let name = place.name.clone().unwrap();
        let _ = self.state().delete(&place, &name);
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// Answers whether a request gets no answer.
    fn take_note(&self, asked: &Asked) -> bool {
        let mut state = self.state();
        state.asked.push(asked.clone());
        state.silent.as_ref().is_some_and(|silent| silent(&asked.path))
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let path = head.uri.path().to_owned();
        let asked = Asked {
            method: head.method.clone(),
            path: path.clone(),
        };
        if self.take_note(&asked) {
            return std::future::pending().await;
        }
        let mut state = self.state();
        if asked.method != Method::GET {
            if let Some(hook) = &mut state.hook {
                hook(&asked);
            }
            if let Some(at) = state.failing.iter().position(|(failing, _)| *failing == path) {
                let (_, code) = state.failing.remove(at);
                return failure(code, "as the test wants it");
            }
        }
        if head.method == Method::GET && state.forbidden.as_ref().is_some_and(|forbidden| forbidden(&path)) {
            return failure(StatusCode::FORBIDDEN, "no right to list");
        }
        if let Some(document) = state.documents.get(&path) {
            return success(document);
        }
        let Some(place) = Place::of(&path) else {
            return failure(StatusCode::NOT_FOUND, &path);
        };
        let query = head.uri.query().unwrap_or_default();
        match (head.method, place.name.as_deref()) {
            (Method::GET, None) if query.contains("watch=") => {
                let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                let since = pairs.find(|(key, _)| *key == "resourceVersion");
                state.watch(place, since.map_or(0, |(_, version)| version.parse().unwrap()))
            }
            (Method::GET, None) => state.list(&place),
            (Method::GET, Some(name)) => match state.objects.get(&place.path(name)) {
                Some(object) => success(object),
                None => failure(StatusCode::NOT_FOUND, &path),
            },
            (Method::POST, _) => state.create(&place, body),
            (Method::PUT, Some(name)) => state.replace(&place, name, body),
            (Method::PATCH, Some(name)) => {
                let applies = query.contains("fieldManager") && !query.contains("merge");
                let kind = head
                    .headers
                    .get("content-type")
                    .and_then(|kind| kind.to_str().ok());
                let strategic = kind.is_some_and(|kind| kind.contains("strategic"));
                let body = if strategic {
                    state.strategic(&place, name, body)
                } else {
                    body
                };
                state.patch(&place, name, (body, applies && !strategic))
            }
            (Method::DELETE, Some(name)) => state.delete(&place, name),
            _ => failure(StatusCode::METHOD_NOT_ALLOWED, &path),
        }
    }
}

impl State {
    fn store(&mut self, place: &Place, path: &str, mut object: Value, event: &str) -> Value {
        self.version += 1;
        let version = self.version;
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.insert("resourceVersion".to_owned(), version.to_string().into());
        metadata
            .entry("uid")
            .or_insert_with(|| format!("uid-{version}").into());
        if let Some(namespace) = &place.namespace {
            metadata
                .entry("namespace")
                .or_insert_with(|| namespace.as_str().into());
        }
        if event == "DELETED" {
            self.objects.remove(path);
        } else {
            self.objects.insert(path.to_owned(), object.clone());
        }
        let told = json!({"type": event, "object": object});
        self.history.push((place.clone(), version, told.clone()));
        self.watches
            .retain(|(watched, out)| !watched.holds(place) || out.send(told.clone()).is_ok());
        object
    }

    fn list(&self, place: &Place) -> Answer {
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(path, _)| Place::of(path).is_some_and(|found| place.holds(&found)))
            .map(|(_, object)| object)
            .collect();
        success(&json!({
            "apiVersion": "v1",
            "kind": "List",
            "metadata": {"resourceVersion": self.version.to_string()},
            "items": items,
        }))
    }

    fn watch(&mut self, place: Place, since: u64) -> Answer {
        let (out, events) = mpsc::unbounded_channel();
        for (_, _, event) in self
            .history
            .iter()
            .filter(|(changed, version, _)| place.holds(changed) && *version > since)
        {
            out.send(event.clone()).unwrap();
        }
        self.watches.push((place, out));
        let lines: BoxStream<'static, _> = stream::unfold(events, async |mut events| {
            let event: Value = events.recv().await?;
            let line = Bytes::from(format!("{event}\n"));
            Some((Ok(Frame::data(line)), events))
        })
        .boxed();
        Response::new(StreamBody::new(lines).boxed_unsync())
    }

    fn create(&mut self, place: &Place, object: Value) -> Answer {
        let name = object["metadata"]["name"]
            .as_str()
            .unwrap_or("generated")
            .to_owned();
        let path = place.path(&name);
        if self.objects.contains_key(&path) {
            return failure(StatusCode::CONFLICT, &path);
        }
        let stored = self.store(place, &path, object, "ADDED");
        success(&stored)
    }

    fn replace(&mut self, place: &Place, name: &str, object: Value) -> Answer {
        let path = place.path(name);
        let Some(known) = self.objects.get(&path) else {
            return failure(StatusCode::NOT_FOUND, &path);
        };
        if outdated(known, &object) {
            return failure(StatusCode::CONFLICT, &path);
        }
        let stored = self.store(place, &path, object, "MODIFIED");
        success(&stored)
    }

    /// A strategic merge patch of a status as a merge patch: its conditions are those that are there, with those of
    /// the patch by type.
    fn strategic(&self, place: &Place, name: &str, mut patch: Value) -> Value {
        let known = self.objects.get(&place.path(name)).cloned().unwrap_or_default();
        let mut conditions = known["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for condition in patch["status"]["conditions"].as_array().into_iter().flatten() {
            match conditions
                .iter_mut()
                .find(|known| known["type"] == condition["type"])
            {
                Some(known) => merge(known, condition.clone()),
                None => conditions.push(condition.clone()),
            }
        }
        patch["status"]["conditions"] = conditions.into();
        patch
    }

    fn patch(&mut self, place: &Place, name: &str, (patch, applies): (Value, bool)) -> Answer {
        let path = place.path(name);
        let known = self.objects.get(&path).cloned();
        let event = if known.is_some() { "MODIFIED" } else { "ADDED" };
        let Some(mut object) = known.or_else(|| applies.then(|| json!({"metadata": {"name": name}}))) else {
            return failure(StatusCode::NOT_FOUND, &path);
        };
        if outdated(&object, &patch) {
            return failure(StatusCode::CONFLICT, &path);
        }
        if place.subresource.is_some() && event == "ADDED" {
            return failure(StatusCode::NOT_FOUND, &path);
        }
        merge(&mut object, patch);
        let unchanged = self.objects.get(&path) == Some(&object);
        let metadata = &object["metadata"];
        let finalizers = metadata["finalizers"].as_array().map_or(0, Vec::len);
        // An object that is being deleted goes with its last finalizer.
        let ends = !metadata["deletionTimestamp"].is_null() && finalizers == 0 && place.subresource.is_none();
        // A patch that changes nothing makes no version, and no watch is told.
        if unchanged && !ends {
            return success(&object);
        }
        let stored = self.store(place, &path, object, if ends { "DELETED" } else { event });
        success(&stored)
    }

    fn delete(&mut self, place: &Place, name: &str) -> Answer {
        let path = place.path(name);
        match self.objects.get(&path).cloned() {
            None => failure(StatusCode::NOT_FOUND, &path),
            Some(mut object)
                if object["metadata"]["finalizers"]
                    .as_array()
                    .is_some_and(|all| !all.is_empty()) =>
            {
                object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
                let stored = self.store(place, &path, object, "MODIFIED");
                success(&stored)
            }
            Some(object) => {
                self.store(place, &path, object, "DELETED");
                success(&json!({"apiVersion": "v1", "kind": "Status", "status": "Success"}))
            }
        }
    }
}

/// Whether a write was computed from another version.
fn outdated(known: &Value, write: &Value) -> bool {
    let version = write["metadata"]["resourceVersion"].as_str();
    version.is_some_and(|version| known["metadata"]["resourceVersion"] != version)
}

/// RFC 7396.
fn merge(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *into = patch;
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(&key);
        } else {
            merge(&mut into[key.as_str()], value);
        }
    }
}

fn success(value: &Value) -> Answer {
    Response::new(Full::new(Bytes::from(value.to_string())).boxed_unsync())
}

fn failure(code: StatusCode, message: &str) -> Answer {
    let reason = match code {
        StatusCode::NOT_FOUND => "NotFound",
        StatusCode::CONFLICT => "Conflict",
        _ => "Failure",
    };
    let body = json!({
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code.as_u16(),
    });
    let mut response = success(&body);
    *response.status_mut() = code;
    response
}
