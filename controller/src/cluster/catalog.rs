//! Which kinds the API server serves, in which version, and which release of the Gateway API is installed.
//!
//! Kinds are optional: a CRD may be missing at the start, come later or go away. What is served is asked
//! again when a CRD changes and from time to time.

use super::deadline::{DISCOVERY, within};
use super::watch::Source;
use gatewright_core::graph::class::BundleVersion;
use gatewright_core::snapshot::Kind;
use gatewright_crds::bundle::{Bundle, Channel};
use gatewright_crds::{kinds, own};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ListParams, PartialObjectMeta};
use kube::core::{ApiResource, GroupVersion, GroupVersionKind};
use kube::discovery::{ApiCapabilities, Scope, oneshot};
use kube::{Api, Client, ResourceExt};
use std::collections::{BTreeMap, BTreeSet};

/// Annotation of the Gateway API's CRDs: the release they come from.
const BUNDLE: &str = "gateway.networking.k8s.io/bundle-version";

/// Annotation of the Gateway API's CRDs: their channel.
const CHANNEL: &str = "gateway.networking.k8s.io/channel";

/// Groups whose kinds are watched where they are served.
const GROUPS: [&str; 5] = [
    "",
    kinds::GROUP,
    kinds::EXPERIMENTAL_GROUP,
    own::GROUP,
    "discovery.k8s.io",
];

/// Group of ClusterTrustBundles.
const CERTIFICATES: &str = "certificates.k8s.io";

/// What is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    /// How each kind is asked for, and whether it is namespaced.
    pub kinds: BTreeMap<Kind, (ApiResource, bool)>,
    /// Release and channel of the Gateway API's CRDs.
    pub release: Release,
    /// Kinds that must be there, and that discovery does not name. An API server that begins names groups one after the
    /// other; or no version of the kind is served.
    pub unnamed: BTreeSet<Kind>,
}

/// Release and channel of the Gateway API's CRDs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// For the condition `SupportedVersion`.
    pub version: BundleVersion,
    /// The known release that comes next to it: its feature names are used.
    pub bundle: Bundle,
    /// Channel.
    pub channel: Channel,
}

/// Whether nodes are watched, and pods that wait for load balancers: clouds make them targets, the bundled proxy does not
/// look at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// They are.
    Watched,
    /// They are not, and no right to is needed.
    Ignored,
}

impl Catalog {
    /// Asks the API server.
    ///
    /// # Errors
    /// When it cannot be reached, does not answer in time, or refuses.
    pub async fn ask(client: &Client, nodes: Nodes) -> kube::Result<Self> {
        within(DISCOVERY, Self::ask_all(client, nodes)).await
    }

    async fn ask_all(client: &Client, nodes: Nodes) -> kube::Result<Self> {
        let mut served = BTreeMap::new();
        let groups = client.list_api_groups().await?.groups;
        for group in GROUPS.into_iter().chain([CERTIFICATES]) {
            let found = match group {
                "" => core_resources(nodes),
                group => {
                    let known = groups.iter().find(|known| known.name == group);
                    let versions = known.map(|known| &known.versions).into_iter().flatten();
                    let versions: Vec<String> = versions.map(|version| version.version.clone()).collect();
                    group_resources(client, (group, &versions)).await?
                }
            };
            for kind in Kind::ALL.iter().filter(|kind| kind.group() == group) {
                let best = found
                    .iter()
                    .filter(|(resource, _)| {
                        resource.kind == kind.as_str() && readable(*kind, &resource.version)
                    })
                    .min_by_key(|(resource, _)| age(&resource.version));
                if let Some((resource, namespaced)) = best {
                    served.insert(*kind, (resource.clone(), *namespaced));
                }
            }
        }
        let crds = crds(client).await?;
        let unnamed = Kind::ALL
            .iter()
            .filter(|kind| !served.contains_key(kind) && must_be_served(**kind, &crds))
            .copied()
            .collect();
        Ok(Self {
            kinds: served,
            release: release(&crds),
            unnamed,
        })
    }

    /// Keeps kinds that were served before and that discovery only does not name: a kind that is gone takes its objects
    /// along, and so the traffic.
    pub fn keep(&mut self, before: &Self) {
        for kind in std::mem::take(&mut self.unnamed) {
            if let Some(known) = before.kinds.get(&kind) {
                self.kinds.insert(kind, known.clone());
            }
        }
    }

    /// The watches that tell of everything served; namespaced kinds only in `namespaces`, unless it is empty.
    pub fn sources(&self, namespaces: &[String]) -> Vec<Source> {
        let mut sources = Vec::new();
        for (kind, (_, namespaced)) in &self.kinds {
            if *namespaced && !namespaces.is_empty() {
                sources.extend(namespaces.iter().map(|namespace| Source {
                    kind: *kind,
                    namespace: Some(namespace.clone()),
                }));
            } else {
                sources.push(Source {
                    kind: *kind,
                    namespace: None,
                });
            }
        }
        sources
    }
}

/// Whether our types can be made from a version.
fn readable(kind: Kind, version: &str) -> bool {
    match kind.group() {
        kinds::GROUP | kinds::EXPERIMENTAL_GROUP => kinds::find(kind.group(), kind.as_str()).is_some(),
        "discovery.k8s.io" => version == "v1",
        _ => true,
    }
}

/// Order of versions: stable before beta before alpha, newer before older.
fn age(version: &str) -> (u8, std::cmp::Reverse<u32>) {
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let rest = version.trim_start_matches('v');
    let major = number(rest);
    let stage = rest.get(major.len()..).unwrap_or_default();
    let (rank, minor) = match (stage.strip_prefix("beta"), stage.strip_prefix("alpha")) {
        (Some(minor), _) => (1, minor),
        (_, Some(minor)) => (2, minor),
        _ => (0, "0"),
    };
    (rank, std::cmp::Reverse(number(minor).parse().unwrap_or(0)))
}

fn core_resources(nodes: Nodes) -> Vec<(ApiResource, bool)> {
    let core = |kind: &str, namespaced| {
        let gvk = GroupVersionKind::gvk("", "v1", kind);
        (ApiResource::from_gvk(&gvk), namespaced)
    };
    let mut found = vec![
        core("Service", true),
        core("Secret", true),
        core("ConfigMap", true),
        core("Namespace", false),
    ];
    if nodes == Nodes::Watched {
        found.push(core("Node", false));
        found.push(core("Pod", true));
    }
    found
}

/// What the versions of a group serve. One that was named and answers nothing is going, or not there yet: the kinds of
/// the others stay, since a kind that is gone takes its objects along.
async fn group_resources(
    client: &Client,
    (group, versions): (&str, &[String]),
) -> kube::Result<Vec<(ApiResource, bool)>> {
    let mut resources = Vec::new();
    for version in versions {
        let found = match oneshot::pinned_group(client, &GroupVersion::gv(group, version)).await {
            Ok(found) => found,
            Err(error) if missing(&error) => continue,
            Err(error) => return Err(error),
        };
        let found = found.versioned_resources(version).into_iter();
        resources.extend(
            found.map(|(resource, ApiCapabilities { scope, .. })| (resource, scope == Scope::Namespaced)),
        );
    }
    Ok(resources)
}

/// Whether a version of a group is not served.
fn missing(error: &kube::Error) -> bool {
    match error {
        kube::Error::Discovery(_) => true,
        kube::Error::Api(status) => status.code == 404,
        _ => false,
    }
}

/// Names, annotations and ends of all CRDs.
async fn crds(client: &Client) -> kube::Result<Vec<PartialObjectMeta<CustomResourceDefinition>>> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    Ok(api.list_metadata(&ListParams::default()).await?.items)
}

/// Whether a kind is there, whatever discovery says: its CRD is, or every API server has it.
fn must_be_served(kind: Kind, crds: &[PartialObjectMeta<CustomResourceDefinition>]) -> bool {
    if kind.group() == "discovery.k8s.io" {
        return true;
    }
    kinds::find(kind.group(), kind.as_str()).is_some_and(|info| {
        let name = format!("{}.{}", info.plural, info.group);
        crds.iter()
            .any(|crd| crd.name_any() == name && crd.metadata.deletion_timestamp.is_none())
    })
}

/// Reads the annotations of the Gateway API's CRDs.
fn release(crds: &[PartialObjectMeta<CustomResourceDefinition>]) -> Release {
    let installed = crds
        .iter()
        .filter(|crd| {
            let name = crd.name_any();
            name.ends_with(&format!(".{}", kinds::GROUP))
                || name.ends_with(&format!(".{}", kinds::EXPERIMENTAL_GROUP))
        })
        .map(|crd| {
            let annotation = |key| crd.annotations().get(key).cloned();
            (annotation(BUNDLE), annotation(CHANNEL))
        });
    judge(installed.collect())
}

/// What annotations of bundle version and channel mean. CRDs of an unknown or of different releases are
/// served on best effort (`GatewayClassConditionStatusSupportedVersion`).
fn judge(installed: Vec<(Option<String>, Option<String>)>) -> Release {
    let experimental = installed
        .iter()
        .any(|(_, channel)| channel.as_deref() == Some("experimental"));
    let channel = if experimental {
        Channel::Experimental
    } else {
        Channel::Standard
    };
    let known = |text: &Option<String>| -> Option<Bundle> {
        let text = text.as_deref()?.trim_start_matches('v');
        let minor = |version: &str| version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        Bundle::ALL
            .iter()
            .copied()
            .find(|bundle| minor(bundle.as_str().trim_start_matches('v')) == minor(text))
    };
    let bundles: Vec<Option<Bundle>> = installed.iter().map(|(version, _)| known(version)).collect();
    let strange = installed
        .iter()
        .zip(&bundles)
        .find(|(_, bundle)| bundle.is_none())
        .map(|((version, _), _)| {
            version
                .as_deref()
                .unwrap_or("no bundle-version annotation")
                .to_owned()
        });
    let oldest = bundles.iter().flatten().min_by_key(|bundle| position(**bundle));
    let bundle = oldest.copied().unwrap_or(Bundle::V1_7_0);
    let version = match strange {
        Some(found) => BundleVersion::Unknown(found.as_str().into()),
        None if bundles.iter().flatten().any(|other| *other != bundle) => {
            BundleVersion::Unknown("CRDs of several releases".into())
        }
        None => BundleVersion::Known(installed_version(&installed, bundle).as_str().into()),
    };
    Release {
        version,
        bundle,
        channel,
    }
}

fn installed_version(installed: &[(Option<String>, Option<String>)], bundle: Bundle) -> String {
    installed
        .iter()
        .find_map(|(version, _)| version.clone())
        .unwrap_or_else(|| bundle.as_str().to_owned())
}

fn position(bundle: Bundle) -> usize {
    Bundle::ALL
        .iter()
        .position(|known| *known == bundle)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::{Ready, ready};
    use http::{Request, Response, StatusCode};
    use kube::client::Body;
    use serde_json::{Value, json};
    use std::task::{Context, Poll};

    /// An API server in the middle of a change: it names a version that it does not serve, and only these groups.
    #[derive(Clone)]
    struct Changing {
        groups: &'static [&'static str],
        crds: &'static [&'static str],
    }

    const CRDS: &[&str] = &["gateways", "httproutes"];

    impl Changing {
        fn answer(&self, path: &str) -> (StatusCode, Value) {
            let version = |version: &str| json!({"groupVersion": format!("gateway.networking.k8s.io/{version}"), "version": version});
            let kind = |plural: &str, kind: &str| json!({"name": plural, "singularName": "", "kind": kind, "namespaced": true, "verbs": ["list", "watch"]});
            let group = |name: &&str| match *name {
                "discovery.k8s.io" => json!({
                    "name": name, "versions": [{"groupVersion": "discovery.k8s.io/v1", "version": "v1"}],
                    "preferredVersion": {"groupVersion": "discovery.k8s.io/v1", "version": "v1"},
                }),
                name => json!({
                    "name": name, "versions": [version("v1alpha2"), version("v1")], "preferredVersion": version("v1"),
                }),
            };
            let crd =
                |plural: &&str| json!({"metadata": {"name": format!("{plural}.gateway.networking.k8s.io")}});
            let answer = match path {
                "/apis" => json!({
                    "kind": "APIGroupList", "apiVersion": "v1",
                    "groups": self.groups.iter().map(group).collect::<Vec<_>>(),
                }),
                "/apis/discovery.k8s.io/v1" => json!({
                    "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "discovery.k8s.io/v1",
                    "resources": [kind("endpointslices", "EndpointSlice")],
                }),
                "/apis/gateway.networking.k8s.io/v1" => json!({
                    "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "gateway.networking.k8s.io/v1",
                    "resources": [kind("gateways", "Gateway"), kind("httproutes", "HTTPRoute")],
                }),
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions" => json!({
                    "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {},
                    "items": self.crds.iter().map(crd).collect::<Vec<_>>(),
                }),
                _ => {
                    let status = json!({
                        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no",
                        "reason": "NotFound", "code": 404,
                    });
                    return (StatusCode::NOT_FOUND, status);
                }
            };
            (StatusCode::OK, answer)
        }
    }

    impl tower::Service<Request<Body>> for Changing {
        type Response = Response<Body>;
        type Error = std::convert::Infallible;
        type Future = Ready<Result<Self::Response, Self::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Body>) -> Self::Future {
            let (status, answer) = self.answer(request.uri().path());
            let mut response = Response::new(Body::from(answer.to_string().into_bytes()));
            *response.status_mut() = status;
            ready(Ok(response))
        }
    }

    async fn ask(groups: &'static [&'static str], crds: &'static [&'static str]) -> Catalog {
        let client = Client::new(Changing { groups, crds }, "default");
        Catalog::ask(&client, Nodes::Ignored).await.unwrap()
    }

    const GROUPS: &[&str] = &["discovery.k8s.io", "gateway.networking.k8s.io"];

    /// An API server that begins answers before it names every group: what is served is not torn down for that.
    #[tokio::test]
    async fn a_kind_is_gone_when_its_definition_is_and_not_when_discovery_only_does_not_name_it() {
        let before = ask(GROUPS, CRDS).await;
        assert!(before.unnamed.is_empty(), "{:?}", before.unnamed);
        let mut now = ask(&[], CRDS).await;
        assert_eq!(
            now.unnamed,
            BTreeSet::from([Kind::Gateway, Kind::HttpRoute, Kind::EndpointSlice])
        );
        now.keep(&before);
        assert_eq!(now, before);
        let mut gone = ask(&["discovery.k8s.io"], &["gateways"]).await;
        gone.keep(&before);
        assert!(gone.kinds.contains_key(&Kind::Gateway) && gone.kinds.contains_key(&Kind::EndpointSlice));
        assert!(!gone.kinds.contains_key(&Kind::HttpRoute), "its CRD is gone");
    }

    #[tokio::test]
    async fn a_version_that_comes_or_goes_takes_no_kind_of_another_along() {
        let catalog = ask(GROUPS, CRDS).await;
        let kinds: Vec<Kind> = catalog.kinds.keys().copied().collect();
        assert!(
            kinds.contains(&Kind::Gateway) && kinds.contains(&Kind::HttpRoute),
            "{kinds:?}"
        );
        assert!(!kinds.contains(&Kind::TlsRoute), "{kinds:?}");
    }

    fn crd(version: Option<&str>, channel: &str) -> (Option<String>, Option<String>) {
        (version.map(ToOwned::to_owned), Some(channel.to_owned()))
    }

    #[test]
    fn the_newest_stable_version_comes_first() {
        let mut versions = ["v1alpha2", "v1beta1", "v1", "v1alpha3"];
        versions.sort_by_key(|version| age(version));
        assert_eq!(versions, ["v1", "v1beta1", "v1alpha3", "v1alpha2"]);
    }

    #[test]
    fn one_known_release_is_supported() {
        let release = judge(vec![
            crd(Some("v1.6.3"), "experimental"),
            crd(Some("v1.6.3"), "experimental"),
        ]);
        assert_eq!(release.version, BundleVersion::Known("v1.6.3".into()));
        assert_eq!(
            (release.bundle, release.channel),
            (Bundle::V1_6_3, Channel::Experimental)
        );
    }

    #[test]
    fn a_missing_annotation_an_unknown_release_and_a_mixture_are_told() {
        for installed in [
            vec![crd(Some("v1.7.0"), "standard"), crd(None, "standard")],
            vec![crd(Some("v1.4.1"), "standard")],
            vec![crd(Some("v1.7.0"), "standard"), crd(Some("v1.6.3"), "standard")],
        ] {
            let release = judge(installed);
            assert!(
                matches!(release.version, BundleVersion::Unknown(_)),
                "{release:?}"
            );
            assert_eq!(release.channel, Channel::Standard);
        }
    }
}
