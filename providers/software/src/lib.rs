//! Gateways as proxies in a Kubernetes cluster.
//!
//! [`lower`] says what a Gateway becomes, purely; [`store`] knows what exists; [`compare`] finds what
//! differs; [`SoftwareProvider`] writes that and nothing else. Addresses come from the Service
//! ([`addresses`]).

pub mod addresses;
pub mod compare;
pub mod error;
pub mod lower;
pub mod names;
pub mod ports;
pub mod store;

pub use error::ProvisionError;

use addresses::Addresses;
use futures_util::Stream;
use gatewright_crds::own::SoftwareGatewayParametersSpec;
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use gatewright_stream::Scope;
use gatewright_stream::settings::GatewaySettings;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use lower::Resource;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use store::Store;
use tokio::sync::{mpsc, watch};

/// Field manager of everything that is made here.
const FIELD_MANAGER: &str = "gatewright";

/// Annotation with the hash of what was applied: tells when something must be taken back.
const APPLIED: &str = "gatewright.dev/applied";

/// What does not depend on a Gateway.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespace of the controller.
    pub namespace: String,
    /// Image of the proxies.
    pub image: String,
    /// Where proxies get their configuration: `https://HOST:PORT`.
    pub endpoint: String,
    /// The authorities that the controller's certificate is checked with, PEM.
    pub authorities: watch::Receiver<String>,
}

/// A Gateway to provision.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its load balancer.
    pub balancer: Arc<LoadBalancer>,
    /// `metadata.uid` of the Gateway.
    pub uid: String,
    /// Its parameters over those of its class.
    pub parameters: Option<SoftwareGatewayParametersSpec>,
}

/// Which proxies serve a Gateway, and how.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The proxies.
    pub scope: Scope,
    /// What they need to know.
    pub settings: Arc<GatewaySettings>,
    /// The ServiceAccount they run as.
    pub service_account: ObjectName,
}

/// The provider.
pub struct SoftwareProvider {
    client: Client,
    settings: Settings,
    store: Arc<Store>,
    changes: Mutex<Option<mpsc::Receiver<ObjectName>>>,
}

impl SoftwareProvider {
    /// Starts watching what exists.
    pub fn new(client: Client, settings: Settings) -> Self {
        let (store, changes) = Store::start(&client);
        Self {
            client,
            settings,
            store,
            changes: Mutex::new(Some(changes)),
        }
    }

    /// Decides which proxies serve a Gateway. Equal inputs give equal answers.
    pub fn place(&self, input: &Input) -> Placed {
        let gateway = &input.balancer.gateway;
        let name = names::object_name(&gateway.name, &input.balancer.class);
        let parameters = input.parameters.as_ref();
        let settings = GatewaySettings {
            parameters: parameters
                .and_then(|parameters| serde_json::to_string(parameters).ok())
                .map(|text| text.as_str().into()),
            ports: ports::dedicated(&input.balancer),
            addresses: Vec::new(),
        };
        Placed {
            scope: Scope::Gateway(gateway.clone()),
            settings: Arc::new(settings),
            service_account: ObjectName::new(&gateway.namespace, &name),
        }
    }

    /// Waits until everything that exists is known.
    pub async fn synced(&self) {
        self.store.synced().await;
    }

    /// Gateways whose objects changed. Can be taken once.
    pub fn changes(&self) -> impl Stream<Item = ObjectName> + use<> {
        let receiver = self.changes.lock().unwrap_or_else(PoisonError::into_inner).take();
        futures_util::stream::unfold(receiver, async |receiver| {
            let mut receiver = receiver?;
            let gateway = receiver.recv().await?;
            Some((gateway, Some(receiver)))
        })
    }

    /// Gateways that something is left of although nobody knows them.
    pub fn orphans(&self, known: &BTreeSet<ObjectName>) -> Vec<ObjectName> {
        self.store.gateways().difference(known).cloned().collect()
    }

    /// Makes what is missing or different; writes nothing when all is as it should be.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn reconcile(&self, input: &Input) -> Result<Addresses, ProvisionError> {
        let authorities = self.settings.authorities.borrow().clone();
        let wanted = lower::dedicated(input, &self.settings, &authorities);
        for (resource, object) in &wanted {
            self.apply(*resource, stamped(object)).await?;
        }
        self.prune(&input.balancer.gateway, &wanted).await?;
        let name = names::object_name(&input.balancer.gateway.name, &input.balancer.class);
        let name = ObjectName::new(&input.balancer.gateway.namespace, &name);
        let service = self.store.get(Resource::Service, &name);
        let service = service.and_then(|service| serde_json::from_value((*service).clone()).ok());
        Ok(addresses::read(service.as_ref(), &input.balancer.addresses))
    }

    /// Removes everything that was made for a Gateway.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn remove(&self, gateway: &ObjectName) -> Result<(), ProvisionError> {
        self.prune(gateway, &BTreeMap::new()).await
    }

    async fn apply(&self, resource: Resource, wanted: Value) -> Result<(), ProvisionError> {
        let name = name_of(&wanted);
        if let Some(found) = self.store.get(resource, &name) {
            let differences = compare::differences(&wanted, &found);
            if differences.is_empty() {
                return Ok(());
            }
            tracing::debug!(kind = resource.kind().1, object = %name, fields = differences.join(", "), "changing");
        }
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let written = self
            .api(resource, &name)
            .patch(&name.name, &params, &Patch::Apply(wanted))
            .await
            .map_err(|source| ProvisionError::of(resource, &name, source))?;
        self.store.put(resource, &written);
        Ok(())
    }

    /// Deletes what belongs to a Gateway and is not wanted.
    async fn prune(
        &self,
        gateway: &ObjectName,
        wanted: &BTreeMap<Resource, Value>,
    ) -> Result<(), ProvisionError> {
        for (resource, name) in self.store.of(gateway).into_iter().rev() {
            if wanted
                .get(&resource)
                .is_some_and(|object| name_of(object) == name)
            {
                continue;
            }
            match self
                .api(resource, &name)
                .delete(&name.name, &DeleteParams::background())
                .await
            {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(source) => return Err(ProvisionError::of(resource, &name, source)),
            }
        }
        Ok(())
    }

    fn api(&self, resource: Resource, name: &ObjectName) -> Api<DynamicObject> {
        Api::namespaced_with(
            self.client.clone(),
            &name.namespace,
            &store::api_resource(resource),
        )
    }
}

/// The object with the hash of itself.
fn stamped(object: &Value) -> Value {
    let digest = Sha256::digest(object.to_string().as_bytes());
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let mut object = object.clone();
    if let Some(annotations) = object
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.insert(APPLIED.to_owned(), json!(hash));
    }
    object
}

fn name_of(object: &Value) -> ObjectName {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    ObjectName::new(text("/metadata/namespace"), text("/metadata/name"))
}
