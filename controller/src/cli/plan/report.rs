//! The plan as data.

use crate::cli::exit::Exit;
use gatewright_model::key::ObjectName;
use gatewright_model::unsupported::Unsupported;
use gatewright_model::{LoadBalancer, Str};
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::{Action, Change, Preview, Quota, Reads};
use serde::{Serialize, Serializer};

/// Everything that is planned.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// By Gateway.
    pub gateways: Vec<Entry>,
    /// Gateways that are not accepted: nothing is changed for them.
    pub refused: Vec<Refused>,
}

/// What is planned for one Gateway.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// The Gateway.
    #[serde(serialize_with = "as_text")]
    pub gateway: ObjectName,
    /// Its class; absent when it is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Str>,
    /// Controller name of its class.
    pub controller: Str,
    /// Who serves it.
    pub provider: Provider,
    /// Changes, in the order they would be made.
    pub changes: Vec<Change<()>>,
    /// Quotas that it is measured against.
    pub quotas: Vec<Quota>,
    /// What a look at all of it takes once the changes are made.
    pub reads: Reads,
    /// What cannot be expressed, or only roughly.
    pub unsupported: Vec<Unsupported>,
    /// Why nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A Gateway that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The Gateway.
    #[serde(serialize_with = "as_text")]
    pub gateway: ObjectName,
    /// Its class.
    pub class: Str,
    /// Reason of `Accepted=False`.
    pub reason: String,
    /// Its message.
    pub message: String,
}

/// Counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Gateways that are planned for.
    pub gateways: usize,
    /// Resources to be made.
    pub create: usize,
    /// Resources to be changed.
    pub update: usize,
    /// Resources to be replaced.
    pub replace: usize,
    /// Resources to go.
    pub delete: usize,
    /// What is not served.
    pub unsupported: usize,
    /// What is served roughly.
    pub approximated: usize,
    /// Quotas that do not suffice.
    pub exceeded: usize,
    /// Gateways of which nothing is known.
    pub unread: usize,
    /// What a look at everything takes: what others change is found no faster.
    pub reads: Reads,
}

impl Entry {
    /// Of a Gateway that is there.
    pub fn new(balancer: &LoadBalancer, provider: Provider, preview: Preview) -> Self {
        Self {
            class: Some(balancer.class.clone()),
            ..Self::left_over(&balancer.gateway, (&balancer.controller, provider), preview)
        }
    }

    /// Of a Gateway that is not there any more.
    pub fn left_over(
        gateway: &ObjectName,
        (controller, provider): (&Str, Provider),
        preview: Preview,
    ) -> Self {
        let Preview {
            unsupported,
            changes,
            quotas,
            reads,
            addresses: _,
            unread,
        } = preview;
        Self {
            gateway: gateway.clone(),
            class: None,
            controller: controller.clone(),
            provider,
            changes,
            quotas,
            reads,
            unsupported,
            error: unread.map(|error| error.to_string()),
        }
    }
}

impl Report {
    /// Counts.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary {
            gateways: self.gateways.len(),
            ..Summary::default()
        };
        for entry in &self.gateways {
            for change in &entry.changes {
                match change.action {
                    Action::Create => summary.create += 1,
                    Action::Update => summary.update += 1,
                    Action::Replace => summary.replace += 1,
                    Action::Delete => summary.delete += 1,
                }
            }
            summary.reads = summary.reads.and(entry.reads);
            let rough = entry.unsupported.iter().filter(|item| item.approximated).count();
            summary.approximated += rough;
            summary.unsupported += entry.unsupported.len() - rough;
            summary.exceeded += entry.quotas.iter().filter(|quota| quota.is_exceeded()).count();
            summary.unread += usize::from(entry.error.is_some());
        }
        summary
    }

    /// The exit code: what is not known, then what differs.
    pub fn exit(&self) -> Exit {
        let summary = self.summary();
        if summary.unread > 0 {
            Exit::Io
        } else if self.gateways.iter().any(|entry| !entry.changes.is_empty()) {
            Exit::Changes
        } else {
            Exit::Success
        }
    }
}

fn as_text<S: Serializer>(name: &ObjectName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}
