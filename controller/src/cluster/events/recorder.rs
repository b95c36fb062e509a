//! Writes Events, and counts those that say the same of the same object again (`EventSeries` of `events.k8s.io/v1`).
//!
//! The recorder of kube takes Events for the same whose notes differ, so that the first note would stand for all.

use super::Notice;
use crate::cluster::metrics::LEASE;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use std::collections::BTreeMap;

/// An Event that is repeated within this time is counted.
const KEPT: SignedDuration = SignedDuration::from_mins(6);

/// Events that are remembered; what is more stands for itself.
const MOST: usize = 4096;

/// Longest part of an Event's name that the object's gives: names have 253 characters at most.
const NAME: usize = 200;

/// Namespace of Events on objects that are in none.
const ELSEWHERE: &str = "default";

/// What tells an Event from others: the object's namespace, kind and name, and what is said.
type Key = (String, String, String, Notice);

/// An Event that was written.
struct Told {
    name: String,
    count: i32,
    last: Timestamp,
}

/// Writes Events.
pub(super) struct Recorder {
    client: Client,
    instance: String,
    told: BTreeMap<Key, Told>,
}

impl Recorder {
    /// A recorder for one process, by its name.
    pub(super) const fn new(client: Client, instance: String) -> Self {
        Self {
            client,
            instance,
            told: BTreeMap::new(),
        }
    }

    /// Writes an Event, or counts the one that says the same.
    ///
    /// # Errors
    /// When the API server refuses; the next such Event is a new one.
    pub(super) async fn publish(
        &mut self,
        about: ObjectReference,
        notice: Notice,
    ) -> Result<(), kube::Error> {
        let now = Timestamp::now();
        self.told.retain(|_, told| now.duration_since(told.last) < KEPT);
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let namespace = about.namespace.clone().unwrap_or_else(|| ELSEWHERE.to_owned());
        let key = (namespace.clone(), text(&about.kind), text(&about.name), notice);
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        if let Some(mut told) = self.told.remove(&key) {
            told.count = told.count.saturating_add(1);
            told.last = now;
            let series = json!({"series": {"count": told.count, "lastObservedTime": MicroTime(now)}});
            let params = PatchParams::default();
            api.patch(&told.name, &params, &Patch::Merge(series)).await?;
            self.told.insert(key, told);
            return Ok(());
        }
        let event = self.event(about, &key, now);
        let made = api.create(&PostParams::default(), &event).await?;
        if self.told.len() < MOST
            && let Some(name) = made.metadata.name
        {
            let (count, last) = (1, now);
            self.told.insert(key, Told { name, count, last });
        }
        Ok(())
    }

    fn event(&self, about: ObjectReference, (namespace, _, name, notice): &Key, now: Timestamp) -> Event {
        let start: String = name.chars().take(NAME).collect();
        Event {
            action: Some(notice.action.clone()),
            event_time: Some(MicroTime(now)),
            metadata: ObjectMeta {
                name: Some(format!(
                    "{}.{:x}",
                    start.trim_end_matches(['.', '-']),
                    now.as_nanosecond()
                )),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            note: Some(notice.note.clone()),
            reason: Some(notice.reason.clone()),
            regarding: Some(about),
            reporting_controller: Some(LEASE.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(if notice.warning { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        }
    }
}
