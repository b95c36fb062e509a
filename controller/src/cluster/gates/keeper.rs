//! Asks clouds how well the targets of pods are, and writes the conditions of their gates.

use super::book::{Book, Use, User, Waiting};
use super::decide::{Verdict, Word, decide};
use crate::clouds::Registry;
use crate::cluster::bindings::binding_cloud;
use crate::cluster::clock::Clock;
use crate::cluster::metrics::Metrics;
use crate::cluster::status::FIELD_MANAGER;
use futures_util::StreamExt;
use futures_util::stream;
use gatewright_core::graph::pods::GATE;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{ErrorKind, Pool, ProviderError};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Between two looks at pods that wait. Health checks are seconds apart, and each look costs a call for each target group
/// that one of them waits for.
const LOOK: Duration = Duration::from_secs(4);

/// Longer pauses where many Gateways and bindings are to be asked about: one of them a second.
const EACH: Duration = Duration::from_secs(1);

/// Of these, at the same time.
const ASKED: usize = 4;

/// Conditions written at the same time.
const WRITES: usize = 8;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Label of metrics.
const CONTROLLER: &str = "pod-gate";

/// Keeps the conditions.
pub struct Keeper {
    client: Client,
    registry: Registry,
    book: Book,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// What was written last, for as long as the watch has not told of it.
    written: BTreeMap<ObjectName, (String, Verdict)>,
}

/// A pod to be decided on.
type Candidate = (ObjectName, Arc<Waiting>, BTreeSet<Use>);

impl Keeper {
    /// Asks these clouds for what the book says.
    pub fn new(
        (client, clock): (Client, Clock),
        registry: Registry,
        book: Book,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            client,
            registry,
            book,
            clock,
            metrics,
            written: BTreeMap::new(),
        }
    }

    /// Works while everything is known and this process leads.
    pub async fn run(mut self, mut leads: watch::Receiver<bool>, mut synced: watch::Receiver<bool>) {
        if synced.wait_for(|synced| *synced).await.is_err() {
            return;
        }
        loop {
            if leads.wait_for(|leads| *leads).await.is_err() {
                return;
            }
            let pods = self.book.waiting();
            if pods.is_empty() {
                self.written.clear();
                self.book.changed().await;
                continue;
            }
            let begun = Instant::now();
            let users = self.round(pods, &leads).await;
            let pause = EACH * u32::try_from(users).unwrap_or(u32::MAX).min(60);
            tokio::time::sleep(pause.max(LOOK).saturating_sub(begun.elapsed())).await;
        }
    }

    /// Looks at all pods that wait. Answers about how many users was asked.
    async fn round(&mut self, pods: Vec<Candidate>, leads: &watch::Receiver<bool>) -> usize {
        let begun = Instant::now();
        // A pod whose containers are not ready is no target yet: nobody needs to be asked.
        let pods: Vec<Candidate> = pods
            .into_iter()
            .filter(|(_, pod, uses)| pod.containers || uses.is_empty())
            .collect();
        let mut wanted: BTreeMap<User, BTreeSet<ObjectName>> = BTreeMap::new();
        for found in pods.iter().flat_map(|(_, _, uses)| uses) {
            let services = wanted.entry(found.user.clone()).or_default();
            services.insert(found.service.clone());
        }
        let count = wanted.len();
        let word = self.ask(wanted).await;
        let failed = word.values().any(Result::is_err);
        let names: BTreeSet<&ObjectName> = pods.iter().map(|(name, ..)| name).collect();
        self.written.retain(|name, _| names.contains(name));
        let mut writes = Vec::new();
        for (name, pod, uses) in &pods {
            let verdict = decide(pod, uses, &word);
            let same = |(uid, written): &(String, Verdict)| *uid == pod.uid && *written == verdict;
            if !says(pod, &verdict) && !self.written.get(name).is_some_and(same) {
                writes.push((name.clone(), Arc::clone(pod), verdict));
            }
        }
        let this = &*self;
        let done: Vec<_> = stream::iter(writes)
            .filter(|_| std::future::ready(*leads.borrow()))
            .map(|(name, pod, verdict)| async move {
                let done = this.write(&name, &pod, &verdict).await;
                (name, pod, verdict, done)
            })
            .buffer_unordered(WRITES)
            .collect()
            .await;
        let mut failed = failed;
        for (name, pod, verdict, done) in done {
            match done {
                // Another pod has its name, or it is gone: the watch tells.
                Ok(false) => {}
                Ok(true) => {
                    tracing::info!(pod = %name, open = verdict.open, reason = verdict.reason, "condition of its gate written");
                    self.written.insert(name, (pod.uid.clone(), verdict));
                }
                Err(error) => {
                    failed = true;
                    tracing::warn!(pod = %name, error, "condition of its gate not written, trying again");
                }
            }
        }
        let result = if failed { "error" } else { "success" };
        self.metrics.reconciled(CONTROLLER, result, begun.elapsed());
        count
    }

    async fn ask(&self, wanted: BTreeMap<User, BTreeSet<ObjectName>>) -> Word {
        let asked = stream::iter(wanted).map(|(user, services)| async move {
            let answer = tokio::time::timeout(PATIENCE, self.pools(&user, &services)).await;
            let answer = match answer {
                Ok(Ok(pools)) => Ok(pools),
                Ok(Err(error)) => {
                    tracing::warn!(%user, %error, "cannot tell how well its targets are");
                    Err(error.treatment().label)
                }
                Err(_) => Err(ErrorKind::Timeout.treatment().label),
            };
            (user, answer)
        });
        asked.buffer_unordered(ASKED).collect().await
    }

    async fn pools(&self, user: &User, services: &BTreeSet<ObjectName>) -> Result<Vec<Pool>, ProviderError> {
        match user {
            User::Gateway { name, controller } => match self.registry.get(controller) {
                Some(cloud) => cloud.pools(name, services).await,
                None => Ok(Vec::new()),
            },
            User::Binding(membership) => match binding_cloud(&self.registry) {
                Some(cloud) => Ok(cloud.bound_pool(membership).await?.into_iter().collect()),
                None => Ok(Vec::new()),
            },
        }
    }

    /// Writes the condition of a gate. Answers whether the pod was there.
    async fn write(&self, name: &ObjectName, pod: &Waiting, verdict: &Verdict) -> Result<bool, String> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &name.namespace);
        let status = status(verdict.open);
        let known = pod.condition.as_ref().filter(|known| known.status == status);
        let since = match known.and_then(|known| known.last_transition_time.as_ref()) {
            Some(since) => json!(since),
            None => self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into(),
        };
        let condition = json!({
            "type": GATE,
            "status": status,
            "reason": verdict.reason,
            "message": verdict.message,
            "lastTransitionTime": since,
        });
        let body = json!({"metadata": {"uid": pod.uid}, "status": {"conditions": [condition]}});
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let body = Patch::Strategic(body);
        let patch = api.patch_status(&name.name, &params, &body);
        match tokio::time::timeout(PATIENCE, patch).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 || status.code == 409 => Ok(false),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        }
    }
}

const fn status(open: bool) -> &'static str {
    if open { "True" } else { "False" }
}

/// Whether a pod's condition says that already.
fn says(pod: &Waiting, verdict: &Verdict) -> bool {
    pod.condition.as_ref().is_some_and(|known| {
        known.status == status(verdict.open)
            && known.reason.as_deref() == Some(verdict.reason)
            && known.message.as_deref() == Some(&verdict.message)
    })
}
