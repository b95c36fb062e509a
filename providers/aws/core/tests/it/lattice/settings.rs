//! What settings change: `goldens/lattice-settings`, each with manifests beside the defaults of `goldens/features`, and a line
//! `# settings:` of what parameters would set, separated by semicolons.

use super::{expectation, goldens, surroundings};
use crate::goldens::world;
use gatewright_aws_core::alb::listener::Certificate;
use gatewright_aws_core::lattice::lower::lower;
use gatewright_aws_core::lattice::settings::{HealthSettings, ServiceSettings, Settings};
use gatewright_aws_core::lattice::{CheckVersion, Target};
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Start of what is expected.
const MARKER: &str =
    "---\n# What the manifests above become. Written with GATEWRIGHT_BLESS=1, then reviewed.\n";

fn settings(manifests: &str) -> Settings {
    let mut settings = Settings::new("main");
    let line = manifests
        .lines()
        .find_map(|line| line.strip_prefix("# settings: "));
    for words in line.into_iter().flat_map(|line| line.split("; ")) {
        let words: Vec<&str> = words.split(' ').collect();
        match words[..] {
            ["health", ref words @ ..] => health(&mut settings.health, words),
            ["health-of", service, ref words @ ..] => {
                let own = settings.backends.entry(ObjectName::new("shop", service));
                health(own.or_default(), words);
            }
            ["tags", ref words @ ..] => settings.tags = tags(words),
            ["standalone"] => settings.standalone = true,
            ["network", id] => settings.network = Some(id.into()),
            ["of", host, "name", name] => of(&mut settings, host).name = Some(name.into()),
            ["of", host, "tags", ref words @ ..] => of(&mut settings, host).tags = tags(words),
            ["of", host, "certificate", arn] => of(&mut settings, host).certificate = Some(arn.into()),
            ["of", host, "standalone"] => of(&mut settings, host).standalone = Some(true),
            ["of", host, "not", "standalone"] => of(&mut settings, host).standalone = Some(false),
            _ => panic!("{words:?} is no setting of goldens"),
        }
    }
    settings
}

fn of<'a>(settings: &'a mut Settings, host: &str) -> &'a mut ServiceSettings {
    settings.services.entry(host.into()).or_default()
}

fn tags(words: &[&str]) -> BTreeMap<Str, Str> {
    let pairs = words.iter().map(|word| word.split_once('=').unwrap());
    pairs.map(|(key, value)| (key.into(), value.into())).collect()
}

fn health(settings: &mut HealthSettings, words: &[&str]) {
    for word in words {
        match *word {
            "off" => settings.enabled = Some(false),
            "on" => settings.enabled = Some(true),
            "HTTP1" => settings.version = Some(CheckVersion::Http1),
            "HTTP2" => settings.version = Some(CheckVersion::Http2),
            path => settings.check.path = Some(path.into()),
        }
    }
}

/// Manifests, with the text of the golden, by its path.
fn all() -> Vec<(PathBuf, String, String)> {
    let entries = fs::read_dir(goldens().join("lattice-settings")).unwrap();
    let files = entries.map(|entry| {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let manifests = text
            .split(MARKER)
            .next()
            .unwrap()
            .trim_end_matches('\n')
            .to_owned();
        (path, manifests, text)
    });
    files.collect()
}

/// What the Gateways of these goldens become.
pub(super) fn targets() -> Vec<(String, Target)> {
    let defaults = fs::read_to_string(goldens().join("features/_defaults.yaml")).unwrap();
    let before = world::balancers(&defaults, "");
    let mut found = Vec::new();
    for (path, manifests, _) in all() {
        for (_, balancer) in super::changed(&before, world::balancers(&defaults, &manifests)) {
            let target = lower(&balancer, &settings(&manifests), &surroundings()).target;
            // One in ACM is for no hostname of these goldens.
            let given = |found: &Certificate| matches!(found, Certificate::Existing);
            if !target.certificates.values().any(given) {
                found.push((format!("lattice {}", path.display()), target));
            }
        }
    }
    found
}

#[test]
fn settings_change_what_their_goldens_say() {
    let bless = std::env::var_os("GATEWRIGHT_BLESS").is_some();
    let defaults = fs::read_to_string(goldens().join("features/_defaults.yaml")).unwrap();
    let before = world::balancers(&defaults, "");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, manifests, text) in all() {
        let gateways = super::changed(&before, world::balancers(&defaults, &manifests));
        let expected = expectation(&gateways, &settings(&manifests));
        let outcome = format!("{manifests}\n{MARKER}{expected}");
        seen += 1;
        if outcome == text {
            continue;
        }
        if bless {
            fs::write(&path, outcome).unwrap();
        } else {
            wrong.push(format!("{}:\n{expected}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 0, "no goldens");
}
