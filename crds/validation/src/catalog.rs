//! The kinds that the validator knows, and their schemas, compiled when first used.

use std::sync::{Mutex, OnceLock, PoisonError};

use gatewright_crds::bundle::{self, Bundle, Channel, CrdText};
use gatewright_crds::convert::{Gvk, check_served};
use gatewright_crds::kinds::Scope;
use serde_json::Value;

use crate::core_kinds::{self, CoreKind};
use crate::finding::{did_you_mean, suggestion};
use crate::metadata::Naming;
use crate::names;
use crate::schema::{Schema, Shared};

/// The API groups whose kinds are all known: another kind in them is an error.
pub(crate) const OUR_GROUPS: [&str; 3] = [
    "gateway.networking.k8s.io",
    "gateway.networking.x-k8s.io",
    "gatewright.dev",
];

/// The group of the first releases; what is written for it gets to know what replaced it.
const FORMER_GROUP: &str = "networking.x-k8s.io";

/// The kinds of one bundle and channel, and the built-in ones.
#[derive(Debug)]
pub(crate) struct Catalog {
    bundle: Bundle,
    channel: Channel,
    crds: Vec<CrdKind>,
    core: Vec<(CoreKind, OnceLock<Compiled>)>,
    shared: Mutex<Shared>,
}

/// A compiled schema, or why there is none.
type Compiled = Result<Schema, String>;

#[derive(Debug)]
struct CrdKind {
    crd: &'static CrdText,
    versions: Vec<OnceLock<Compiled>>,
}

/// What an `apiVersion` and `kind` stand for.
#[derive(Debug)]
pub(crate) enum Lookup<'a> {
    /// A custom resource.
    Crd(Found<'a>),
    /// A built-in kind.
    Core(Found<'a>, CoreKind),
    /// A kind that is none of our business.
    Foreign,
    /// A kind of a foreign group that looks like ours, with that group.
    Suspicious(&'static str),
    /// No such kind in our groups, with the explanation.
    UnknownKind(String),
    /// The kind is not in this bundle and channel, with the explanation.
    NotInBundle(String),
    /// The version is not served, with the explanation.
    NotServed(String),
}

/// A kind that can be checked.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) schema: Result<&'a Schema, &'a str>,
    pub(crate) naming: Naming,
    /// The API server's words when the version is deprecated.
    pub(crate) deprecation: Option<String>,
}

impl Catalog {
    pub(crate) fn new(bundle: Bundle, channel: Channel) -> Self {
        let crds = bundle::crds(bundle, channel)
            .iter()
            .chain(bundle::own_crds())
            .map(|crd| CrdKind {
                crd,
                versions: crd.versions.iter().map(|_| OnceLock::new()).collect(),
            })
            .collect();
        let core = core_kinds::KINDS
            .into_iter()
            .map(|kind| (kind, OnceLock::new()))
            .collect();
        Self {
            bundle,
            channel,
            crds,
            core,
            shared: Mutex::default(),
        }
    }

    /// Every schema of the bundle, compiled, with its CRD and version.
    #[cfg(test)]
    pub(crate) fn schemas(&self) -> impl Iterator<Item = (&'static CrdText, &str, Result<&Schema, &str>)> {
        self.crds.iter().flat_map(move |kind| {
            kind.crd
                .versions
                .iter()
                .zip(&kind.versions)
                .map(move |(version, cell)| {
                    (
                        kind.crd,
                        version.name.as_str(),
                        self.crd_schema(kind.crd, &version.name, cell),
                    )
                })
        })
    }

    /// Looks up `apiVersion` (split into group and version) and `kind`.
    pub(crate) fn find(&self, group: &str, version: &str, kind: &str) -> Lookup<'_> {
        if OUR_GROUPS.contains(&group) || FORMER_GROUP == group {
            return self.find_crd(group, version, kind);
        }
        if let Some((core, cell)) = self
            .core
            .iter()
            .find(|(core, _)| core.group == group && core.kind == kind)
        {
            if !core.versions.contains(&version) {
                return Lookup::NotServed(format!(
                    "version {version} of {kind} is not known; accepted: {}",
                    listed(core.versions.iter().map(|version| api_version(group, version)))
                ));
            }
            let schema = cell.get_or_init(|| self.compile_core(core));
            let found = Found {
                schema: schema.as_ref().map_err(String::as_str),
                naming: Naming {
                    namespaced: core.namespaced,
                    name: core.name,
                },
                deprecation: None,
            };
            return Lookup::Core(found, *core);
        }
        match did_you_mean(group, OUR_GROUPS.into_iter()) {
            Some(near) => OUR_GROUPS
                .into_iter()
                .find(|ours| *ours == near)
                .map_or(Lookup::Foreign, Lookup::Suspicious),
            None => Lookup::Foreign,
        }
    }

    fn find_crd(&self, group: &str, version: &str, kind: &str) -> Lookup<'_> {
        let Some(found) = self
            .crds
            .iter()
            .find(|known| known.crd.group == group && known.crd.kind == kind)
        else {
            return self.explain_absence(group, version, kind);
        };
        let versions = found.crd.versions.iter().zip(&found.versions);
        for (known, cell) in versions {
            if known.name == version && known.served {
                let deprecation = known.deprecated.then(|| {
                    known
                        .deprecation_warning
                        .clone()
                        .unwrap_or_else(|| format!("{} {kind} is deprecated", api_version(group, version)))
                });
                return Lookup::Crd(Found {
                    schema: self.crd_schema(found.crd, version, cell),
                    naming: Naming {
                        namespaced: found.crd.scope == Scope::Namespaced,
                        name: names::dns1123_subdomain,
                    },
                    deprecation,
                });
            }
        }
        let served = listed(found.crd.served().map(|version| api_version(group, version)));
        let state = if found.crd.versions.iter().any(|known| known.name == version) {
            "not served"
        } else {
            "not known"
        };
        let text = format!(
            "{} of {kind} is {state} by Gateway API {} ({} channel); served: {served}",
            api_version(group, version),
            self.bundle,
            self.channel
        );
        let elsewhere = self
            .elsewhere(|crd| crd.group == group && crd.kind == kind && crd.served().any(|v| v == version));
        Lookup::NotServed(if elsewhere.is_empty() {
            text
        } else {
            format!("{text}; it is served by {elsewhere}")
        })
    }

    fn explain_absence(&self, group: &str, version: &str, kind: &str) -> Lookup<'_> {
        let elsewhere = self.elsewhere(|crd| crd.group == group && crd.kind == kind);
        if !elsewhere.is_empty() {
            return Lookup::NotInBundle(format!(
                "kind {kind} of group {group} is not part of Gateway API {} ({} channel); it is part of {elsewhere}",
                self.bundle, self.channel
            ));
        }
        let known = || {
            self.crds
                .iter()
                .filter(|known| known.crd.group == group)
                .map(|known| known.crd.kind.as_str())
        };
        let near = match self.renamed(group, version, kind) {
            Some(now) => format!("; it is {now} now"),
            None => suggestion(kind, known()),
        };
        let names = listed(known().map(str::to_owned));
        let names = if names.is_empty() {
            "the group has no kinds here".to_owned()
        } else {
            format!("known kinds: {names}")
        };
        let text = format!("no kind {kind} in group {group}{near}; {names}");
        Lookup::UnknownKind(text)
    }

    /// The present `apiVersion kind` of a kind that was renamed or moved.
    fn renamed(&self, group: &str, version: &str, kind: &str) -> Option<String> {
        let gvk = Gvk {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        };
        check_served(&gvk, self.bundle, self.channel).err()?.instead
    }

    /// The other bundles and channels that have what `wanted` looks for.
    fn elsewhere(&self, wanted: impl Fn(&CrdText) -> bool) -> String {
        let mut found = Vec::new();
        for bundle in Bundle::ALL {
            for channel in Channel::ALL {
                let here = *bundle == self.bundle && *channel == self.channel;
                if !here && bundle::crds(*bundle, *channel).iter().any(&wanted) {
                    found.push(format!("{bundle} ({channel} channel)"));
                }
            }
        }
        found.join(", ")
    }

    fn crd_schema<'a>(
        &self,
        crd: &'static CrdText,
        version: &str,
        cell: &'a OnceLock<Compiled>,
    ) -> Result<&'a Schema, &'a str> {
        cell.get_or_init(|| {
            let parsed: Value = serde_json::from_str(&crd.json).map_err(|error| error.to_string())?;
            let source = parsed
                .pointer("/spec/versions")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .find(|candidate| candidate.get("name").and_then(Value::as_str) == Some(version))
                .and_then(|candidate| candidate.pointer("/schema/openAPIV3Schema"))
                .ok_or("the CRD has no schema for this version")?;
            self.compile(source)
        })
        .as_ref()
        .map_err(String::as_str)
    }

    fn compile_core(&self, core: &CoreKind) -> Compiled {
        let parsed: Value = serde_json::from_str(core_kinds::SCHEMAS).map_err(|error| error.to_string())?;
        self.compile(parsed.get(core.kind).ok_or("no schema for this kind")?)
    }

    fn compile(&self, source: &Value) -> Compiled {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        Schema::compile(source, &mut shared)
            .map(Schema::with_type_meta)
            .map_err(|error| error.to_string())
    }
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// `group/version`, or the version alone for the core group.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}
