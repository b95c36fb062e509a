//! A small world of objects for tests.

use super::{CrossReference, Lookup, TrustBundle};
use gatewright_crds::api::{BackendTlsPolicy, XBackend, XBackendTrafficPolicy};
use gatewright_crds::own::{AwsBackend, AwsRouteParameters};
use gatewright_model::key::ObjectName;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_yaml_ng::Value;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct World {
    services: BTreeMap<ObjectName, Service>,
    slices: BTreeMap<ObjectName, EndpointSlice>,
    config_maps: BTreeMap<ObjectName, ConfigMap>,
    secrets: BTreeMap<ObjectName, Secret>,
    bundles: Option<BTreeMap<String, String>>,
    xbackends: BTreeMap<ObjectName, XBackend>,
    aws_routes: BTreeMap<ObjectName, AwsRouteParameters>,
    aws_backends: BTreeMap<ObjectName, AwsBackend>,
    pub(crate) tls_policies: BTreeMap<ObjectName, BackendTlsPolicy>,
    pub(crate) traffic_policies: BTreeMap<ObjectName, XBackendTrafficPolicy>,
    grants: Vec<(String, String, String)>,
}

fn name(metadata: &ObjectMeta) -> ObjectName {
    ObjectName::new(
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

impl World {
    /// Reads YAML documents of the kinds that can be looked up.
    pub(crate) fn new(text: &str) -> Self {
        let mut world = Self::default();
        for document in serde_yaml_ng::Deserializer::from_str(text) {
            let value = Value::deserialize(document).unwrap();
            macro_rules! into {
                ($map:ident) => {{
                    let object = serde_yaml_ng::from_value(value).unwrap();
                    let key = Self::key(&object);
                    world.$map.insert(key, object);
                }};
            }
            match value["kind"].as_str().unwrap_or_default() {
                "Service" => into!(services),
                "EndpointSlice" => into!(slices),
                "ConfigMap" => into!(config_maps),
                "Secret" => into!(secrets),
                "XBackend" => into!(xbackends),
                "AwsRouteParameters" => into!(aws_routes),
                "AwsBackend" => into!(aws_backends),
                "BackendTLSPolicy" => into!(tls_policies),
                "XBackendTrafficPolicy" => into!(traffic_policies),
                other => panic!("unknown kind {other}"),
            }
        }
        world
    }

    fn key<T: Named>(object: &T) -> ObjectName {
        name(object.metadata())
    }

    /// Allows objects of a kind in one namespace to refer to anything in another.
    pub(crate) fn grant(mut self, from_kind: &str, from: &str, to: &str) -> Self {
        self.grants.push((from_kind.into(), from.into(), to.into()));
        self
    }

    pub(crate) fn secret_object(mut self, secret: Secret) -> Self {
        self.secrets.insert(name(&secret.metadata), secret);
        self
    }

    pub(crate) fn ca(mut self, namespace: &str, config_map: &str, pem: &str) -> Self {
        let metadata = ObjectMeta {
            namespace: Some(namespace.into()),
            name: Some(config_map.into()),
            ..ObjectMeta::default()
        };
        let data = Some([("ca.crt".to_owned(), pem.to_owned())].into());
        let object = ConfigMap {
            metadata,
            data,
            ..ConfigMap::default()
        };
        self.config_maps.insert(name(&object.metadata), object);
        self
    }

    /// Makes the ClusterTrustBundle API available, with these bundles.
    pub(crate) fn bundles(mut self, bundles: &[(&str, &str)]) -> Self {
        let own = bundles
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        self.bundles = Some(own.collect());
        self
    }
}

pub(crate) trait Named {
    fn metadata(&self) -> &ObjectMeta;
}

macro_rules! named {
    ($($ty:ty),*) => {$(
        impl Named for $ty {
            fn metadata(&self) -> &ObjectMeta {
                &self.metadata
            }
        }
    )*};
}

named!(
    Service,
    EndpointSlice,
    ConfigMap,
    Secret,
    XBackend,
    AwsRouteParameters,
    AwsBackend,
    BackendTlsPolicy,
    XBackendTrafficPolicy
);

impl Lookup for World {
    fn service(&self, name: &ObjectName) -> Option<&Service> {
        self.services.get(name)
    }

    fn services_in(&self, namespace: &str) -> Vec<&Service> {
        self.services
            .iter()
            .filter(|(name, _)| &*name.namespace == namespace)
            .map(|(_, service)| service)
            .collect()
    }

    fn endpoint_slices(&self, service: &ObjectName) -> Vec<&EndpointSlice> {
        let belongs = |slice: &&EndpointSlice| {
            let label = slice
                .metadata
                .labels
                .as_ref()
                .and_then(|labels| labels.get("kubernetes.io/service-name"));
            slice.metadata.namespace.as_deref() == Some(&service.namespace)
                && label.is_some_and(|label| **label == *service.name)
        };
        self.slices.values().filter(belongs).collect()
    }

    fn config_map(&self, name: &ObjectName) -> Option<&ConfigMap> {
        self.config_maps.get(name)
    }

    fn secret(&self, name: &ObjectName) -> Option<&Secret> {
        self.secrets.get(name)
    }

    fn cluster_trust_bundle(&self, name: &str) -> TrustBundle<'_> {
        match &self.bundles {
            None => TrustBundle::Unavailable,
            Some(bundles) => bundles
                .get(name)
                .map_or(TrustBundle::Missing, |text| TrustBundle::Found(text)),
        }
    }

    fn xbackend(&self, name: &ObjectName) -> Option<&XBackend> {
        self.xbackends.get(name)
    }

    fn aws_route(&self, name: &ObjectName) -> Option<&AwsRouteParameters> {
        self.aws_routes.get(name)
    }

    fn aws_backend(&self, name: &ObjectName) -> Option<&AwsBackend> {
        self.aws_backends.get(name)
    }

    fn backend_tls_policies(&self, service: &ObjectName) -> Vec<&BackendTlsPolicy> {
        let targets = |policy: &&BackendTlsPolicy| {
            crate::policy::backend_tls::targets(policy).any(|target| target == *service)
        };
        self.tls_policies.values().filter(targets).collect()
    }

    fn traffic_policies(&self, kind: &str, backend: &ObjectName) -> Vec<&XBackendTrafficPolicy> {
        let targets = |policy: &&XBackendTrafficPolicy| {
            crate::policy::traffic::targets(policy).any(|(found, target)| found == kind && target == *backend)
        };
        self.traffic_policies.values().filter(targets).collect()
    }

    fn granted(&self, reference: &CrossReference<'_>) -> bool {
        self.grants.iter().any(|(kind, from, to)| {
            kind == reference.from_kind && from == reference.from_namespace && to == reference.to_namespace
        })
    }
}
