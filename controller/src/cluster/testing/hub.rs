//! A hub between an API server in memory and real proxies, with everything that it tells and that tells it.

use super::FakeApi;
use crate::clouds::{RESYNC, Registry};
use crate::cluster::admission::Grants;
use crate::cluster::bindings::{BindingWork, Bindings};
use crate::cluster::catalog::{Catalog, Release};
use crate::cluster::clock::Clock;
use crate::cluster::cloud::{CloudWork, Clouds, Keeper};
use crate::cluster::events::Events;
use crate::cluster::finalizers::Finalizers;
use crate::cluster::gates::{self, Book};
use crate::cluster::hub::{Hub, Inbox, Outbox};
use crate::cluster::leadership::Leadership;
use crate::cluster::metrics::Metrics;
use crate::cluster::provision::Provisioner;
use crate::cluster::status::Writer;
use crate::cluster::watch::{Known, watch};
use crate::cluster::work::Line;
use gatewright_core::backend::{BackendOptions, ExternalNames, Location};
use gatewright_core::graph::class::BundleVersion;
use gatewright_core::snapshot::Kind;
use gatewright_crds::bundle::{Bundle, Channel};
use gatewright_provider_api::contract::{Around, Calls, Leave};
use gatewright_software::sessions::SessionSecret;
use gatewright_software::{Served, Settings, SoftwareProvider};
use gatewright_stream::server::{ConfigServer, ServerOptions};
use kube::Api;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch as cell};

/// Controller name of the classes that are ours.
const OURS: &str = "gatewright.dev/software";

/// Everything around a hub. It runs until the runtime of the test ends.
pub struct TestHub {
    /// The API server.
    pub api: FakeApi,
    /// What proxies connect to, once a test serves it.
    pub server: ConfigServer,
    /// Whether this process leads.
    pub leads: cell::Sender<bool>,
    /// Whether everything that exists is known.
    pub synced: cell::Receiver<bool>,
    /// What is waited for until then.
    pub waits: cell::Receiver<String>,
    /// Pods that wait, and the Services that Gateways use.
    pub book: Book,
    /// Its metrics.
    pub metrics: Arc<Metrics>,
}

/// The kinds that the API server serves.
fn catalog() -> Catalog {
    let mut kinds = BTreeMap::new();
    for kind in [
        Kind::GatewayClass,
        Kind::Gateway,
        Kind::HttpRoute,
        Kind::Service,
        Kind::EndpointSlice,
        Kind::Namespace,
        Kind::Pod,
        Kind::Parameters,
        Kind::AwsBinding,
        Kind::AwsLattice,
    ] {
        let version = if matches!(kind, Kind::Parameters | Kind::AwsBinding | Kind::AwsLattice) {
            "v1alpha1"
        } else {
            "v1"
        };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(kind.group(), version, kind.as_str()));
        let namespaced = !matches!(kind, Kind::GatewayClass | Kind::Namespace);
        kinds.insert(kind, (resource, namespaced));
    }
    Catalog {
        kinds,
        release: Release {
            version: BundleVersion::Known("v1.7.0".into()),
            bundle: Bundle::V1_7_0,
            channel: Channel::Experimental,
        },
        unnamed: std::collections::BTreeSet::new(),
    }
}

impl TestHub {
    /// Starts one on what the API server has, without clouds; it leads.
    pub fn start(api: &FakeApi, options: ServerOptions) -> Self {
        Self::start_with(api, options, (Registry::default(), RESYNC))
    }

    /// Starts one that drives clouds as well.
    pub fn start_with(
        api: &FakeApi,
        options: ServerOptions,
        (registry, resync): (Registry, Duration),
    ) -> Self {
        let client = api.client();
        let metrics = Arc::new(Metrics::new(None));
        let server = ConfigServer::new(options);
        let (_, authorities) = cell::channel("authorities".to_owned());
        let settings = Settings {
            controller: OURS.to_owned(),
            namespace: "gatewright-system".to_owned(),
            image: "proxy:test".to_owned(),
            endpoint: "https://controller:18443".to_owned(),
            authorities,
            sessions: SessionSecret::generate().unwrap(),
            namespaces: Vec::new(),
            cluster_domain: "cluster.local".to_owned(),
        };
        let served = Served::by({
            let server = server.clone();
            move |scope, gateway| {
                let outcome = server.outcome_in(scope, gateway);
                outcome.is_some_and(|outcome| outcome.is_current())
            }
        });
        let (leads, is_leading) = cell::channel(true);
        let around = Around {
            leave: Leave::of(Leadership::new(is_leading.clone())),
            calls: Arc::clone(&metrics) as Arc<dyn Calls>,
        };
        let provider = SoftwareProvider::new(client.clone(), settings, served, around);
        let provisioner = Provisioner::new(provider, Grants::default(), Arc::clone(&metrics));
        let writer = Writer::new(client.clone(), Arc::clone(&metrics));
        let (synced, is_synced) = cell::channel(false);
        let (waits, is_waiting) = cell::channel(String::new());
        let (inputs, inputs_of_hub) = mpsc::channel(1024);
        let (provisioned, provisioned_of_hub) = mpsc::channel(1024);
        let catalog = catalog();
        let (publish, catalogs) = cell::channel(catalog.clone());
        for source in catalog.sources(&[]) {
            let (resource, _) = catalog.kinds[&source.kind].clone();
            let objects = Api::all_with(client.clone(), &resource);
            tokio::spawn(watch(
                source,
                (objects, resource),
                Known::default(),
                inputs.clone(),
            ));
        }
        tokio::spawn(writer.clone().run(is_leading.clone()));
        tokio::spawn(
            provisioner
                .clone()
                .run(is_leading.clone(), is_synced.clone(), provisioned),
        );
        let book = Book::default();
        let about = (client.clone(), Clock::system());
        let keeper = gates::Keeper::new(about, registry.clone(), book.clone(), Arc::clone(&metrics));
        tokio::spawn(keeper.run(is_leading.clone(), is_synced.clone()));
        let backends = BackendOptions {
            external_names: ExternalNames::Refuse,
            location: Location::Cluster,
        };
        let work = BindingWork::new(
            (client.clone(), Clock::system()),
            registry.clone(),
            resync,
            Arc::clone(&metrics),
        );
        let bindings = Bindings::new(Line::new(work, Arc::clone(&metrics)), backends);
        bindings.start(is_leading.clone(), is_synced.clone());
        let work = CloudWork::new(registry, resync, Arc::clone(&metrics));
        let finalizers = Finalizers::start(client.clone(), &is_leading, &metrics);
        let keeper = Keeper::new(finalizers.clone());
        let clouds = Clouds::new(Line::new(work, Arc::clone(&metrics)), keeper);
        let told_by_clouds = clouds.start(is_leading.clone(), is_synced.clone(), 1024);
        let outbox = Outbox {
            server: server.clone(),
            provisioner: provisioner.clone(),
            clouds,
            writer,
            events: Events::start(client, "test".to_owned(), is_leading.clone()),
            finalizers,
            book: book.clone(),
            bindings: Some(bindings),
            metrics: Arc::clone(&metrics),
            synced,
            waits,
        };
        let hub = Hub::new(
            (OURS.to_owned(), Vec::new()),
            backends,
            (catalog, is_leading.clone()),
            (outbox, Clock::system()),
        );
        let inbox = Inbox {
            inputs: inputs_of_hub,
            catalog: catalogs,
            provisioned: provisioned_of_hub,
            clouds: told_by_clouds,
            leads: is_leading,
        };
        tokio::spawn(async move {
            // What the API server serves does not change.
            let _publish = publish;
            provisioner.synced().await;
            hub.run(inbox).await;
        });
        Self {
            api: api.clone(),
            server,
            leads,
            synced: is_synced,
            waits: is_waiting,
            book,
            metrics,
        }
    }

    /// A condition of the Gateway `default/NAME`: status, reason, message; empty when there is none.
    pub fn condition(&self, name: &str, kind: &str) -> (String, String, String) {
        let gateway = self.api.get(&gateway_path(name)).unwrap_or_default();
        let conditions = gateway["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let found = conditions.into_iter().find(|condition| condition["type"] == kind);
        let condition = found.unwrap_or_default();
        let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"), text("message"))
    }

    /// Reason of `Programmed` of a Gateway; empty when there is none.
    pub fn programmed(&self, name: &str) -> String {
        self.condition(name, "Programmed").1
    }

    /// Gives the Gateway's Service an address, as a load balancer of the cluster does.
    pub fn assign_addresses(&self) {
        for path in self.api.paths("/services/") {
            let mut service = self.api.get(&path).unwrap();
            if service["spec"]["type"] == "LoadBalancer" && service["status"].is_null() {
                service["status"] = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}});
                self.api.put(&path, service);
            }
        }
    }
}

/// Path of a Gateway in namespace `default`.
pub fn gateway_path(name: &str) -> String {
    format!("/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways/{name}")
}

impl FakeApi {
    /// With a class of ours, `gatewright`, and the namespace `default`.
    pub fn with_class() -> Self {
        let api = Self::default();
        api.put_class(OURS);
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}});
        api.put("/api/v1/namespaces/default", namespace);
        api
    }

    /// Puts the class `gatewright`, of this controller.
    pub fn put_class(&self, controller: &str) {
        let class = json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "gatewright", "generation": 1},
            "spec": {"controllerName": controller},
        });
        self.put(
            "/apis/gateway.networking.k8s.io/v1/gatewayclasses/gatewright",
            class,
        );
    }

    /// Puts the Gateway `default/NAME` of that class with an HTTP listener; `more` are further fields of its spec.
    pub fn put_gateway(&self, name: &str, more: Value) {
        let mut gateway = json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": name, "namespace": "default", "generation": 1},
            "spec": {
                "gatewayClassName": "gatewright",
                "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}],
            },
        });
        if let Some(known) = self.get(&gateway_path(name)) {
            gateway["metadata"]["uid"] = known["metadata"]["uid"].clone();
            gateway["metadata"]["generation"] = 2.into();
            gateway["metadata"]["finalizers"] = known["metadata"]["finalizers"].clone();
            gateway["status"] = known["status"].clone();
        }
        for (field, value) in more.as_object().unwrap() {
            gateway["spec"][field] = value.clone();
        }
        self.put(&gateway_path(name), gateway);
    }
}
