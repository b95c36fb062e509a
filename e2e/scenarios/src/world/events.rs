//! Events on objects, as `events.k8s.io/v1` has them.

use super::{World, until};
use crate::api::JSON;
use ::http::Method;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What Events say of objects: name, reason and note, with the names of the Events that say it.
pub type Told = BTreeMap<(String, String, String), Vec<String>>;

impl World {
    /// All Events of the scenario's namespace.
    async fn all_events(&self) -> Result<Vec<Value>> {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", self.namespace);
        let (_, found) = self.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
        Ok(found["items"].as_array().cloned().unwrap_or_default())
    }

    /// The Events on an object, those on another one of its name not among them.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn events(&self, (api_version, kind, name): (&str, &str, &str)) -> Result<Vec<Value>> {
        let object = self.read(api_version, kind, name).await?;
        let regarding = json!({
            "apiVersion": api_version, "kind": kind, "namespace": self.namespace, "name": name,
            "uid": object["metadata"]["uid"],
        });
        let mut events = self.all_events().await?;
        events.retain(|event| event["regarding"] == regarding);
        Ok(events)
    }

    /// Waits for an Event on an object with this reason and a text in its note, and answers it.
    ///
    /// # Errors
    /// With the Events there are, after two minutes.
    pub async fn event(&self, object: (&str, &str, &str), (reason, text): (&str, &str)) -> Result<Value> {
        let look = async || {
            let events = self.events(object).await?;
            let hit = events.iter().find(|event| says(event, (reason, text)));
            Ok(hit.cloned().ok_or_else(|| {
                let told = events.iter().map(|event| (&event["reason"], &event["note"]));
                format!("{:?}", told.collect::<Vec<_>>())
            }))
        };
        let (_, kind, name) = object;
        let what = format!(
            "an Event {reason} with `{text}` on {kind} {}/{name}",
            self.namespace
        );
        until(&what, look).await
    }

    /// What Events say of the objects of a kind.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn told(&self, kind: &str) -> Result<Told> {
        let mut told = Told::new();
        for event in self.all_events().await? {
            let text = |pointer: &str| {
                let found = event.pointer(pointer).and_then(Value::as_str);
                found.unwrap_or_default().to_owned()
            };
            if text("/regarding/kind") == kind {
                let what = (text("/regarding/name"), text("/reason"), text("/note"));
                told.entry(what).or_default().push(text("/metadata/name"));
            }
        }
        Ok(told)
    }
}

/// Whether an Event has this reason, and this text in its note.
pub fn says(event: &Value, (reason, text): (&str, &str)) -> bool {
    event["reason"] == reason && event["note"].as_str().is_some_and(|note| note.contains(text))
}
