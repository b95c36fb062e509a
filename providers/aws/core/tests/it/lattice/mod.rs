//! What manifests become on VPC Lattice. `goldens/lattice` has each test of the conformance suite about routes, with the
//! manifests of `controller/core/goldens/conformance`; `goldens/lattice-features` some of `goldens/features`, and
//! `goldens/lattice-translation` some of `controller/core/goldens/features`: those that the mapping table names.
//! What settings change has manifests of its own ([`settings`]).
//! `GATEWRIGHT_BLESS=1 cargo test -p gatewright-aws-core lattice` writes what is expected; what it wrote is then read by a
//! person before it is committed.

mod render;
mod settings;
mod verdicts;

use crate::goldens::world;
use gatewright_aws_core::lattice::Target;
use gatewright_aws_core::lattice::fit::fit;
use gatewright_aws_core::lattice::lower::lower;
use gatewright_aws_core::lattice::settings::{Settings, Surroundings};
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::{Provider, claims};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Of `goldens/features`.
const FEATURES: &[&str] = &[
    "backend-tls",
    "backends-by-name",
    "backends-http2",
    "backends-invalid",
    "backends-ipv6",
    "client-validation-fallback",
    "filters-refused",
    "gateway-frame",
    "gateway-unheeded",
    "gateway-wide",
    "grpc",
    "grpc-and-http-on-one-host",
    "header-forms",
    "header-refused",
    "host-forms",
    "listener-filters",
    "listener-protocols",
    "listeners-apart",
    "listeners-on-two-ports",
    "method",
    "path-forms",
    "query-forms",
    "query-refused",
    "redirect-forms",
    "redirect-refused",
    "rewrite-forms",
    "session",
    "timeouts-and-retries",
    "tls-certificates",
    "traffic-distribution",
    "weights",
];

/// Of `controller/core/goldens/features`.
const TRANSLATION: &[&str] = &[
    "backend-named-target-port",
    "certificate-chain-and-kinds",
    "filter-external-auth",
    "filter-unknown-extension",
    "grpc-matches",
    "listener-set-merged",
    "policy-tls-secret-and-system",
    "policy-traffic",
    "reference-granted",
    "reference-not-permitted",
    "route-attachment-faults",
    "route-streams-oldest-wins",
    "xbackend-client-certificate",
    "xbackend-endpoint-selector",
];

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens")
}

fn core() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../controller/core/goldens")
}

fn suite() -> PathBuf {
    core().join("conformance")
}

/// Names of the suite's tests about routes, and of those about hosts of listeners.
fn names() -> BTreeSet<String> {
    let entries = fs::read_dir(suite()).unwrap();
    let stems = entries.filter_map(|entry| {
        let path = entry.unwrap().path();
        let yaml = path.extension().is_some_and(|extension| extension == "yaml");
        yaml.then(|| path.file_stem().unwrap().to_string_lossy().into_owned())
    });
    let beginnings = ["HTTPRoute", "GRPC", "TLSRoute"];
    let hosts = ["GatewayHTTPListenerIsolation", "ListenerSetHTTPRouting"];
    stems
        .filter(|name| {
            hosts.contains(&name.as_str()) || beginnings.iter().any(|beginning| name.starts_with(beginning))
        })
        .collect()
}

/// The manifests of a golden of the core, without what it expects.
fn manifests(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let marker = "---\n# What the manifests above become.";
    text.split(marker).next().unwrap().to_owned()
}

/// Gateways that are not as the defaults alone make them.
fn changed(
    before: &BTreeMap<ObjectName, LoadBalancer>,
    after: BTreeMap<ObjectName, LoadBalancer>,
) -> BTreeMap<ObjectName, LoadBalancer> {
    let differs = |(gateway, balancer): &(ObjectName, LoadBalancer)| before.get(gateway) != Some(balancer);
    after.into_iter().filter(differs).collect()
}

fn surroundings() -> Surroundings {
    Surroundings {
        vpc: "vpc-1".into(),
        ..Surroundings::default()
    }
}

fn expectation(gateways: &BTreeMap<ObjectName, LoadBalancer>, settings: &Settings) -> String {
    let mut expected = Map::new();
    for (gateway, balancer) in gateways {
        let lowered = lower(balancer, settings, &surroundings());
        let again = lower(balancer, settings, &surroundings());
        assert_eq!(lowered, again, "equal inputs, other results");
        let shown = render::shown(&lowered.target, &lowered.unsupported);
        expected.insert(gateway.to_string(), shown);
    }
    serde_yaml_ng::to_string(&Value::Object(expected)).unwrap()
}

/// Compares what manifests become with their goldens in a folder, or writes it there. Returns what differs.
fn compare(folder: &str, from: &Path, names: impl Iterator<Item = String>) -> Vec<String> {
    let bless = std::env::var_os("GATEWRIGHT_BLESS").is_some();
    let defaults = fs::read_to_string(from.join("_defaults.yaml")).unwrap();
    let before = world::balancers(&defaults, "");
    // Told as it stands in the repository.
    let told = from.canonicalize().unwrap();
    let root = core().join("../../..").canonicalize().unwrap();
    let told = told.strip_prefix(&root).unwrap().display().to_string();
    let mut wrong = Vec::new();
    for name in names {
        let text = manifests(&from.join(format!("{name}.yaml")));
        let gateways = changed(&before, world::balancers(&defaults, &text));
        let head = format!("# The manifests are those of {told}/{name}.yaml.\n");
        let outcome = format!("{head}{}", expectation(&gateways, &Settings::new("main")));
        let path = goldens().join(folder).join(format!("{name}.yaml"));
        if fs::read_to_string(&path).unwrap_or_default() == outcome {
            continue;
        }
        if bless {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, outcome).unwrap();
        } else {
            wrong.push(format!("{folder}/{name} becomes now:\n{outcome}"));
        }
    }
    wrong
}

/// What the Gateways of all goldens become, as there is room for, with the name of the golden.
pub(crate) fn targets() -> Vec<(String, Target)> {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let features: BTreeSet<String> = list(FEATURES);
    let translation: BTreeSet<String> = list(TRANSLATION);
    let folders = [
        (suite(), names()),
        (goldens().join("features"), features),
        (core().join("features"), translation),
    ];
    let mut found = settings::targets();
    for (from, names) in folders {
        let defaults = fs::read_to_string(from.join("_defaults.yaml")).unwrap();
        let before = world::balancers(&defaults, "");
        for name in names {
            let text = manifests(&from.join(format!("{name}.yaml")));
            for (_, balancer) in changed(&before, world::balancers(&defaults, &text)) {
                let surroundings = surroundings();
                let target = lower(&balancer, &Settings::new("main"), &surroundings).target;
                let fitted = fit(target, &balancer, &surroundings.limits);
                found.push((format!("lattice {name}"), fitted.target));
            }
        }
    }
    found
}

#[test]
fn every_test_of_the_suite_becomes_what_its_golden_says() {
    let mut wrong = compare("lattice", &suite(), names().into_iter());
    let defaults = fs::read_to_string(suite().join("_defaults.yaml")).unwrap();
    let before = world::balancers(&defaults, "");
    let rows: Vec<String> = names()
        .iter()
        .map(|name| {
            let text = manifests(&suite().join(format!("{name}.yaml")));
            verdicts::row(name, &changed(&before, world::balancers(&defaults, &text)))
        })
        .collect();
    let bless = std::env::var_os("GATEWRIGHT_BLESS").is_some();
    wrong.extend(verdicts::table(&rows, bless).err());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The class claims the features whose tests can pass. That of methods is claimed as well: it needs more rules than an account has to
/// begin with, and <https://docs.aws.amazon.com/vpc-lattice/latest/ug/quotas.html> has them adjustable.
#[test]
fn what_is_claimed_can_pass() {
    let defaults = fs::read_to_string(suite().join("_defaults.yaml")).unwrap();
    let before = world::balancers(&defaults, "");
    for (feature, test) in [
        ("GatewayHTTPListenerIsolation", "GatewayHTTPListenerIsolation"),
        (
            "GatewayRouteHostnameIntersectionPrecedence",
            "HTTPRouteMultipleRoutesAttachmentSameHostnameIntersection",
        ),
        ("ListenerSet", "ListenerSetHTTPRouting"),
        ("HTTPRouteParentRefPort", "HTTPRouteListenerPortMatching"),
        (
            "HTTPRouteDestinationPortMatching",
            "HTTPRouteInvalidParentRefNotMatchingListenerPort",
        ),
        ("HTTPRouteNamedRouteRule", "HTTPRouteNamedRule"),
        ("HTTPRouteBackendProtocolH2C", "HTTPRouteBackendProtocolH2C"),
        (
            "HTTPRouteBackendProtocolWebSocket",
            "HTTPRouteBackendProtocolWebSocket",
        ),
        ("HTTPRouteQueryParamMatching", "HTTPRouteQueryParamMatching"),
        ("TLSRoute", "TLSRouteSimpleSameNamespace"),
    ] {
        let text = manifests(&suite().join(format!("{test}.yaml")));
        let gateways = changed(&before, world::balancers(&defaults, &text));
        let can_pass = verdicts::verdict(test, &gateways).is_none();
        let claimed = claims(Provider::AwsLattice, feature);
        assert_eq!(claimed, can_pass, "{feature}: {test}");
    }
}

#[test]
fn features_become_what_their_goldens_say() {
    let list = |names: &'static [&'static str]| names.iter().map(|name| (*name).to_owned());
    let mut wrong = compare("lattice-features", &goldens().join("features"), list(FEATURES));
    let from = core().join("features");
    wrong.extend(compare("lattice-translation", &from, list(TRANSLATION)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
