//! Starts and stops watches as kinds appear and disappear.

use super::catalog::{Catalog, Nodes};
use super::vital;
use super::watch::{self, Input, Known, Source};
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
use tokio::task::JoinHandle;

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
    (namespaces, nodes): (Vec<String>, Nodes),
    (mut catalog, publish): (Catalog, cell::Sender<Catalog>),
    out: mpsc::Sender<Input>,
) {
    let mut running = BTreeMap::new();
    let mut crds = watcher(
        Api::<PartialObjectMeta<CustomResourceDefinition>>::all(client.clone()),
        watcher::Config::default(),
    )
    .default_backoff()
    .touched_objects()
    .boxed();
    let mut looks = std::collections::VecDeque::new();
    loop {
        reconcile(&client, (&catalog, &namespaces), &mut running, &out).await;
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
        match Catalog::ask(&client, nodes).await {
            Ok(mut found) => {
                found.keep(&catalog);
                if found != catalog {
                    catalog = found;
                    publish.send_replace(catalog.clone());
                }
            }
            Err(error) => tracing::warn!(%error, "cannot ask the API server what it serves"),
        }
    }
}

/// A watch that runs.
struct Running {
    resource: ApiResource,
    known: Known,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends it; answers what it has told of.
    async fn end(self) -> Known {
        self.task.abort();
        // It tells nothing any more.
        let _ = self.task.await;
        self.known
    }
}

/// Starts the watches that are missing and ends those whose kind is gone. A kind that has another version is watched
/// anew, from what is known of it.
async fn reconcile(
    client: &Client,
    (catalog, namespaces): (&Catalog, &[String]),
    running: &mut BTreeMap<Source, Running>,
    out: &mpsc::Sender<Input>,
) {
    let wanted = catalog.sources(namespaces);
    let resource = |kind: &Kind| catalog.kinds.get(kind).map(|(resource, _)| resource);
    let unwanted: Vec<Source> = running
        .keys()
        .filter(|source| !wanted.contains(source))
        .cloned()
        .collect();
    for source in unwanted {
        // Its objects are gone with the kind: the hub knows.
        if let Some(watch) = running.remove(&source) {
            watch.end().await;
        }
    }
    for source in wanted {
        let Some(resource) = resource(&source.kind) else {
            continue;
        };
        let known = match running.remove(&source) {
            Some(same) if same.resource == *resource => {
                running.insert(source, same);
                continue;
            }
            Some(other) => other.end().await,
            None => Known::default(),
        };
        let api: Api<DynamicObject> = match &source.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
            None => Api::all_with(client.clone(), resource),
        };
        let from = (api, resource.clone());
        let watching = watch::watch(source.clone(), from, known.clone(), out.clone());
        let task = vital::spawn("watch", watching);
        let watch = Running {
            resource: resource.clone(),
            known,
            task,
        };
        running.insert(source, watch);
    }
}

/// Whether a CRD is of a group that is watched.
fn is_ours(name: &str) -> bool {
    let group = name.split_once('.').map_or("", |(_, group)| group);
    [kinds::GROUP, kinds::EXPERIMENTAL_GROUP, own::GROUP].contains(&group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::catalog::Release;
    use crate::cluster::testing::FakeApi;
    use gatewright_core::graph::class::BundleVersion;
    use gatewright_crds::bundle::{Bundle, Channel};
    use kube::core::GroupVersionKind;
    use serde_json::json;
    use std::collections::BTreeSet;

    /// The API server serves TLSRoutes, in this version alone.
    fn catalog(version: &str) -> Catalog {
        let kind = GroupVersionKind::gvk(kinds::GROUP, version, "TLSRoute");
        Catalog {
            kinds: BTreeMap::from([(Kind::TlsRoute, (ApiResource::from_gvk(&kind), true))]),
            release: Release {
                version: BundleVersion::Known("v1.6.3".into()),
                bundle: Bundle::V1_6_3,
                channel: Channel::Experimental,
            },
            unnamed: BTreeSet::new(),
        }
    }

    fn put(api: &FakeApi, version: &str, name: &str) {
        let object = json!({
            "apiVersion": format!("{}/{version}", kinds::GROUP), "kind": "TLSRoute",
            "metadata": {"name": name, "namespace": "n"},
            "spec": {"hostnames": ["a.example.com"], "rules": [{"backendRefs": [{"name": "b", "port": 1}]}]},
        });
        let path = format!("/apis/{}/{version}/namespaces/n/tlsroutes/{name}", kinds::GROUP);
        api.put(&path, object);
    }

    async fn next(told: &mut mpsc::Receiver<Input>) -> String {
        match told.recv().await.unwrap() {
            Input::Upsert { object, .. } => format!("+{}", object.key().name.name),
            Input::Delete(key) => format!("-{}", key.name.name),
            Input::Unreadable { key, message, .. } => panic!("{key}: {message}"),
            Input::Synced(_) => "synced".to_owned(),
            Input::Failed { message, .. } => panic!("{message}"),
        }
    }

    /// A kind that is served in another version from now on: what was deleted before the new watch began is told.
    #[tokio::test(start_paused = true)]
    async fn a_kind_that_changes_its_version_leaves_nothing_behind() {
        let api = FakeApi::default();
        for name in ["a", "b"] {
            put(&api, "v1alpha3", name);
        }
        // The same objects in the other version, as a real one would show them; one is deleted meanwhile.
        put(&api, "v1", "b");
        let (out, mut told) = mpsc::channel(64);
        let (client, mut running) = (api.client(), BTreeMap::new());
        reconcile(&client, (&catalog("v1alpha3"), &[]), &mut running, &out).await;
        for expected in ["+a", "+b", "synced"] {
            assert_eq!(next(&mut told).await, expected);
        }
        reconcile(&client, (&catalog("v1alpha3"), &[]), &mut running, &out).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(told.is_empty(), "nothing changed");
        reconcile(&client, (&catalog("v1"), &[]), &mut running, &out).await;
        for expected in ["+b", "-a", "synced"] {
            assert_eq!(next(&mut told).await, expected);
        }
        let none = Catalog {
            kinds: BTreeMap::new(),
            ..catalog("v1")
        };
        reconcile(&client, (&none, &[]), &mut running, &out).await;
        assert!(running.is_empty());
        reconcile(&client, (&catalog("v1"), &[]), &mut running, &out).await;
        for expected in ["+b", "synced"] {
            assert_eq!(
                next(&mut told).await,
                expected,
                "the hub forgot what a kind that was gone had"
            );
        }
    }

    #[test]
    fn only_crds_of_our_groups_matter() {
        assert!(is_ours("httproutes.gateway.networking.k8s.io"));
        assert!(is_ours("softwaregatewayparameters.gatewright.dev"));
        assert!(!is_ours("certificates.cert-manager.io"));
        assert!(!is_ours("httproutes.example.com"));
    }
}
