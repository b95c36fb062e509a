//! One run of a binding: the object as it is now, the cloud, and the object's status.

use super::status;
use crate::clouds::{Cloud, Registry};
use crate::cluster::clock::Clock;
use crate::cluster::metrics::Metrics;
use crate::cluster::status::FIELD_MANAGER;
use crate::cluster::work::{Again, Done, Provide};
use gatewright_crds::own::AwsTargetGroupBinding;
use gatewright_crds::own::aws::{AwsTargetGroupBindingStatus, BoundTarget};
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::{
    Binding, Bound, BoxFuture, ErrorKind, Instances, Ledger, Member, Outcome, ProviderError, Resource,
};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The finalizer of bindings whose targets are registered.
pub const FINALIZER: &str = "gatewright.dev/cloud-resources";

/// Between two looks at a binding that AWS's side does not allow: nothing tells when its owner does.
const REFUSED: Duration = Duration::from_secs(60);

/// What a binding is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The object.
    pub name: ObjectName,
    /// ARN or name of the target group.
    pub group: Str,
    /// Whether the object is being deleted.
    pub going: bool,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.uid`.
    pub uid: String,
    /// What is to be bound, or why that cannot be told.
    pub instances: Result<Instances, String>,
}

/// Whichever of AWS' classes are served: all reach the controller's own account.
pub fn binding_cloud(registry: &Registry) -> Option<&Cloud> {
    let clouds = registry.all().map(|(_, cloud)| cloud);
    clouds
        .into_iter()
        .find(|cloud| matches!(cloud.provider(), Provider::AwsAlb | Provider::AwsNlb))
}

/// The work on bindings.
pub struct BindingWork {
    client: Client,
    clock: Clock,
    registry: Registry,
    resync: Duration,
    metrics: Arc<Metrics>,
}

impl BindingWork {
    /// With these clouds; a binding is looked at again after `resync` at the latest.
    pub fn new(
        (client, clock): (Client, Clock),
        registry: Registry,
        resync: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            client,
            clock,
            registry,
            resync,
            metrics,
        }
    }

    fn api(&self, name: &ObjectName) -> Api<AwsTargetGroupBinding> {
        Api::namespaced(self.client.clone(), &name.namespace)
    }

    async fn run(&self, wish: &Wish) -> Result<Outcome, ProviderError> {
        let api = self.api(&wish.name);
        let about = |error: kube::Error| failed(&wish.name, &error);
        let Some(object) = api.get_opt(&wish.name.name).await.map_err(about)? else {
            return Ok(Outcome::default());
        };
        let Some(cloud) = binding_cloud(&self.registry) else {
            return Ok(Outcome::default());
        };
        let going = object.metadata.deletion_timestamp.is_some();
        let finalizers = object.metadata.finalizers.clone().unwrap_or_default();
        let kept = finalizers.iter().any(|found| found == FINALIZER);
        if going && !kept {
            return Ok(Outcome::default());
        }
        let known = object.status.clone().unwrap_or_default();
        let same = object.metadata.uid.as_deref() == Some(&wish.uid);
        let instances = match &wish.instances {
            _ if going => None,
            // Another object took the name: its own watch event is on its way.
            _ if !same => return Ok(Outcome::default()),
            Ok(instances) => Some(instances.clone()),
            // What is registered stays as it is while nobody knows better.
            Err(why) => {
                let bound = Bound {
                    group: known.target_group_arn.as_deref().map(Str::from),
                    members: members(&known),
                    ..Bound::refused("InvalidService", why.clone())
                };
                return self.conclude(wish, (&object, &known), bound).await;
            }
        };
        if !going && !kept {
            let mut all = finalizers.clone();
            all.push(FINALIZER.to_owned());
            self.finalize(&object, all).await.map_err(about)?;
        }
        let binding = Binding {
            name: Some(wish.name.clone()),
            group: wish.group.clone(),
            instances,
            known: members(&known),
        };
        let ledger = Status {
            api: api.clone(),
            name: wish.name.clone(),
            uid: wish.uid.clone(),
        };
        let mut bound = cloud.bind(&binding, &ledger).await;
        if going {
            // A target group that is gone, or that its owner allows no more, has nothing that is ours to take.
            let over = bound.refused.take().is_some() || (bound.unread.is_none() && bound.members.is_empty());
            if over {
                let mut rest = finalizers;
                rest.retain(|found| found != FINALIZER);
                self.finalize(&object, rest).await.map_err(about)?;
            }
            return Ok(outcome(bound));
        }
        self.conclude(wish, (&object, &known), bound).await
    }

    /// Writes the status where it differs.
    async fn conclude(
        &self,
        wish: &Wish,
        (object, known): (&AwsTargetGroupBinding, &AwsTargetGroupBindingStatus),
        bound: Bound,
    ) -> Result<Outcome, ProviderError> {
        let wanted = status::status(&bound, known, (wish.generation, self.clock.now()));
        // The run may have written it on its way.
        if wanted != *known {
            let uid = object.metadata.uid.as_deref().unwrap_or_default();
            let status = json!({
                "conditions": wanted.conditions,
                "targetGroupArn": wanted.target_group_arn,
                "targets": wanted.targets,
            });
            let api = self.api(&wish.name);
            let written = write(&api, (&wish.name, uid), &status).await;
            written.map_err(|error| failed(&wish.name, &error))?;
        }
        Ok(outcome(bound))
    }

    async fn finalize(&self, object: &AwsTargetGroupBinding, finalizers: Vec<String>) -> kube::Result<()> {
        let metadata = &object.metadata;
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let api: Api<AwsTargetGroupBinding> = Api::namespaced(self.client.clone(), namespace);
        // With its version: others' finalizers are among them.
        let body = json!({"metadata": {
            "finalizers": finalizers,
            "resourceVersion": metadata.resource_version,
        }});
        let params = params();
        let name = metadata.name.as_deref().unwrap_or_default();
        api.patch(name, &params, &Patch::Merge(body)).await.map(drop)
    }
}

fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

async fn write(
    api: &Api<AwsTargetGroupBinding>,
    (name, uid): (&ObjectName, &str),
    status: &Value,
) -> kube::Result<()> {
    let body = json!({"metadata": {"uid": uid}, "status": status});
    api.patch_status(&name.name, &params(), &Patch::Merge(body))
        .await
        .map(drop)
}

fn members(status: &AwsTargetGroupBindingStatus) -> BTreeSet<Member> {
    let members = status.targets.iter().map(|target| Member {
        id: target.id.as_str().into(),
        port: target.port,
    });
    members.collect()
}

/// Members, as the status has them.
pub(super) fn targets(members: &BTreeSet<Member>) -> Vec<BoundTarget> {
    let targets = members.iter().map(|member| BoundTarget {
        id: member.id.to_string(),
        port: member.port,
    });
    targets.collect()
}

fn outcome(bound: Bound) -> Outcome {
    Outcome {
        again: bound.refused.map(|_| REFUSED),
        changes: bound.changes,
        unread: bound.unread,
        ..Outcome::default()
    }
}

fn failed(name: &ObjectName, error: &kube::Error) -> ProviderError {
    let kind = match error {
        kube::Error::Api(status) if status.code == 409 => ErrorKind::Conflict,
        kube::Error::Api(status) if status.code == 404 => ErrorKind::NotFound,
        kube::Error::Api(status) if status.code == 403 => ErrorKind::Forbidden,
        _ => ErrorKind::Unavailable,
    };
    ProviderError {
        kind,
        resource: Resource {
            kind: "AwsTargetGroupBinding",
            id: name.to_string().as_str().into(),
        },
        message: error.to_string(),
    }
}

/// The status of an object as ledger.
struct Status {
    api: Api<AwsTargetGroupBinding>,
    name: ObjectName,
    uid: String,
}

impl Ledger for Status {
    fn record<'a>(
        &'a self,
        group: &'a str,
        members: &'a BTreeSet<Member>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let status = json!({"targetGroupArn": group, "targets": targets(members)});
            let written = write(&self.api, (&self.name, self.uid.as_str()), &status).await;
            written.map_err(|error| failed(&self.name, &error))
        })
    }
}

impl Provide for BindingWork {
    type Request = Wish;
    type Note = ();
    type Told = ();

    const CONTROLLER: &'static str = "binding";

    fn note(&self, _: &ObjectName) {}

    async fn reconcile(&self, wish: &Wish) -> Outcome {
        let outcome = self.run(wish).await.unwrap_or_else(|error| Outcome {
            unread: Some(error),
            ..Outcome::default()
        });
        self.metrics.provided(Provider::AwsAlb, &outcome);
        outcome
    }

    /// The object is gone: its finalizer was taken away, by us or by somebody who wants it so.
    async fn remove(&self, _: &ObjectName) -> Outcome {
        Outcome::default()
    }

    fn again(&self, outcome: &Outcome) -> Option<Again> {
        let regular = self.resync.mul_f64(0.9 + 0.2 * fastrand::f64());
        Some(match outcome.again {
            Some(again) => Again::Unfinished(again.min(regular)),
            None => Again::Regularly(regular),
        })
    }

    fn told(&self, _: Done<Wish, ()>) -> Option<()> {
        None
    }
}
