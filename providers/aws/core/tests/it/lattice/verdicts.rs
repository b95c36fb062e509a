//! Whether a test of the suite can pass, from what its manifests become: the table of `docs/aws/lattice.md`.

use super::surroundings;
use gatewright_aws_core::lattice::fit::fit;
use gatewright_aws_core::lattice::lower::lower;
use gatewright_aws_core::lattice::settings::Settings;
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Tests that look at conditions alone and send nothing.
const CONDITIONS: &[&str] = &[
    "HTTPRouteDisallowedKind",
    "HTTPRouteInvalidCrossNamespaceParentRef",
    "HTTPRouteInvalidParentRef",
    "HTTPRouteObservedGenerationBump",
    "HTTPRoutePreserveForeignStatus",
    "TLSRouteInvalid",
    "TLSRouteListener",
];

const NAMES: &str = "it asks the Gateway's one address for several hostnames, and on Lattice each is a service with a name of its own";

/// The pages of AWS that force a verdict, by words of its reason.
const PAGES: &[(&str, &str)] = &[
    ("on HTTPS listeners only", "https-listeners.html"),
    (
        "rules forward or answer with a fixed status",
        "listener-rules.html",
    ),
    ("rules do not look at the query", "listener-rules.html"),
    ("does not retry", "listener-rules.html"),
    ("connections are not upgraded", "listeners.html"),
    ("TLS listeners pass through only", "tls-listeners.html"),
    ("idle timeout of a whole service", "services.html"),
    (
        "each is a service with a name of its own",
        "service-custom-domain-name.html",
    ),
    (
        "a service has one custom domain",
        "service-custom-domain-name.html",
    ),
    ("a service has at most", "quotas.html"),
    ("a listener has at most", "quotas.html"),
];

const START: &str = "<!-- Written by GATEWRIGHT_BLESS=1 cargo test -p gatewright-aws-core lattice. -->\n";
const END: &str = "<!-- End of what is written. -->\n";

/// A row of the table.
pub(super) fn row(name: &str, gateways: &BTreeMap<ObjectName, LoadBalancer>) -> String {
    let verdict = match verdict(name, gateways) {
        None => "can pass".to_owned(),
        Some(why) => {
            let page = page(&why).unwrap_or_else(|| panic!("{name}: no page of AWS is named for: {why}"));
            format!("impossible: {} ({page})", why.replace('|', "\\|"))
        }
    };
    format!("| {name} | {verdict} |\n")
}

/// The address of the page that forces it.
fn page(why: &str) -> Option<String> {
    let (_, page) = PAGES.iter().find(|(words, _)| why.contains(words))?;
    Some(format!(
        "https://docs.aws.amazon.com/vpc-lattice/latest/ug/{page}"
    ))
}

/// Why a test cannot pass.
pub(super) fn verdict(name: &str, gateways: &BTreeMap<ObjectName, LoadBalancer>) -> Option<String> {
    if CONDITIONS.iter().any(|beginning| name.starts_with(beginning)) {
        return None;
    }
    let surroundings = surroundings();
    let lowered = |balancer: &LoadBalancer| lower(balancer, &Settings::new("main"), &surroundings);
    let refused = gateways.values().find_map(|balancer| {
        let items = lowered(balancer).unsupported;
        let found = items.into_iter().find(|item| !item.approximated);
        found.map(|item| item.why.to_string())
    });
    let named = || {
        let services = gateways
            .values()
            .map(|balancer| lowered(balancer).target.services.len());
        services
            .into_iter()
            .any(|count| count > 1)
            .then(|| NAMES.to_owned())
    };
    let room = || {
        gateways.values().find_map(|balancer| {
            let fitted = fit(lowered(balancer).target, balancer, &surroundings.limits);
            fitted.left_out.first().map(|item| item.why.to_string())
        })
    };
    refused.or_else(named).or_else(room)
}

/// Compares the table with the documentation's, or writes it there.
pub(super) fn table(rows: &[String], bless: bool) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/aws/lattice.md");
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(START).unwrap();
    let (found, tail) = rest.split_once(END).unwrap();
    let wanted = format!("\n| test | verdict |\n|---|---|\n{}\n", rows.concat());
    if found == wanted {
        return Ok(());
    }
    if !bless {
        return Err(format!("docs/aws/lattice.md should have:\n{wanted}"));
    }
    fs::write(&path, format!("{head}{START}{wanted}{END}{tail}")).unwrap();
    Ok(())
}
