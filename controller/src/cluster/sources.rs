//! Starts and stops watches as kinds appear and disappear.

use super::catalog::Catalog;
use super::watch::{self, Input, Source};
use futures_util::StreamExt;
use gatewright_core::snapshot::Kind;
use gatewright_crds::{kinds, own};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, PartialObjectMeta};
use kube::core::ApiResource;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{mpsc, watch as cell};
use tokio::task::AbortHandle;

/// Between two looks at what is served, when no CRD changes.
const LOOK: Duration = Duration::from_secs(60);

/// Between a change of a CRD and the look at what is served: discovery follows a little later.
const SETTLE: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(2),
    Duration::from_secs(10),
];

/// Watches everything served, from `catalog` on, until the receiver of `out` is gone.
pub async fn run(
    client: Client,
    namespaces: Vec<String>,
    (mut catalog, publish): (Catalog, cell::Sender<Catalog>),
    out: mpsc::Sender<Input>,
) {
    let mut running: BTreeMap<Source, (ApiResource, AbortHandle)> = BTreeMap::new();
    let mut crds = watcher(
        Api::<PartialObjectMeta<CustomResourceDefinition>>::all(client.clone()),
        watcher::Config::default(),
    )
    .default_backoff()
    .touched_objects()
    .boxed();
    let mut looks = std::collections::VecDeque::new();
    loop {
        reconcile(&client, (&catalog, &namespaces), &mut running, &out);
        let wait = looks.pop_front().unwrap_or(LOOK);
        tokio::select! {
            () = out.closed() => return,
            () = tokio::time::sleep(wait) => {}
            Some(touched) = crds.next() => {
                if touched.is_ok_and(|crd| is_ours(&crd.name_any())) {
                    looks = SETTLE.into();
                } else {
                    looks.push_front(wait);
                }
                continue;
            }
        }
        match Catalog::ask(&client).await {
            Ok(found) if found != catalog => {
                catalog = found;
                publish.send_replace(catalog.clone());
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot ask the API server what it serves"),
        }
    }
}

/// Starts the watches that are missing and ends those whose kind is gone or has another version.
fn reconcile(
    client: &Client,
    (catalog, namespaces): (&Catalog, &[String]),
    running: &mut BTreeMap<Source, (ApiResource, AbortHandle)>,
    out: &mpsc::Sender<Input>,
) {
    let wanted = catalog.sources(namespaces);
    let resource = |kind: &Kind| catalog.kinds.get(kind).map(|(resource, _)| resource);
    running.retain(|source, (known, task)| {
        let keep = wanted.contains(source) && resource(&source.kind) == Some(known);
        if !keep {
            task.abort();
        }
        keep
    });
    for source in wanted {
        let Some(resource) = resource(&source.kind).filter(|_| !running.contains_key(&source)) else {
            continue;
        };
        let api: Api<DynamicObject> = match &source.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
            None => Api::all_with(client.clone(), resource),
        };
        let task = tokio::spawn(watch::watch(source.clone(), (api, resource.clone()), out.clone()));
        running.insert(source, (resource.clone(), task.abort_handle()));
    }
}

/// Whether a CRD is of a group that is watched.
fn is_ours(name: &str) -> bool {
    let group = name.split_once('.').map_or("", |(_, group)| group);
    [kinds::GROUP, kinds::EXPERIMENTAL_GROUP, own::GROUP].contains(&group)
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn only_crds_of_our_groups_matter() {
        assert!(is_ours("httproutes.gateway.networking.k8s.io"));
        assert!(is_ours("softwaregatewayparameters.gatewright.dev"));
        assert!(!is_ours("certificates.cert-manager.io"));
        assert!(!is_ours("httproutes.example.com"));
    }
}
