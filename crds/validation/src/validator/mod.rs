//! From files to objects that can be relied on.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use gatewright_crds::bundle::{Bundle, Channel};
use serde_json::{Map, Value};

use crate::catalog::{Catalog, Found, Lookup};
use crate::core_kinds::CoreKind;
use crate::diagnostic::{Code, Diagnostic, ObjectRef, Position, Severity};
use crate::finding::Finding;
use crate::load::{self, Limits, Prefer, TextFinding};
use crate::metadata;
use crate::path::{Path, PathBuf, Step};
use crate::schema::Schema;

/// What unknown fields and duplicate keys count as (`fieldValidation` of the API server).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are errors.
    Strict,
    /// They are warnings: unknown fields are dropped, and the last of two equal keys counts.
    Lenient,
}

/// What becomes of the `status` of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// As on creation: the API server does not look at it, so what is wrong with it is a warning, and it is dropped.
    Tolerated,
    /// As on an update of the status subresource: it is checked like everything else.
    Checked,
}

/// Group, version and kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gvk {
    /// API group, empty for the core group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Kind.
    pub kind: String,
}

/// Where an object was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file name given to [`Validator::load`].
    pub file: Arc<str>,
    /// Where the object starts in it; for an item of a List, where the List starts.
    pub position: Position,
}

/// An object that passed every check.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedObject {
    /// Group, version and kind of `value`.
    pub gvk: Gvk,
    /// The version it was written in, which may differ from the version of `value`.
    pub written_version: String,
    /// Namespace, `None` for cluster-scoped kinds. Namespaced objects without one are in `default`.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// The object with defaults applied and unknown fields removed, in the version of `gvk`. The `stringData` of a
    /// Secret is folded into `data`.
    pub value: Value,
    /// Where it was read.
    pub source: Source,
}

/// What one file held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The objects that passed, in the order of the file.
    pub objects: Vec<LoadedObject>,
    /// Everything that was found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// Objects of kinds that are not looked at, counted by `Kind.group`.
    pub skipped: BTreeMap<String, usize>,
}

impl Loaded {
    /// True when something was refused.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Checks manifests as an API server with the CRDs of one Gateway API bundle and channel would.
///
/// Schemas and rules are compiled when first used and kept: make one validator and share it by reference.
#[derive(Debug)]
pub struct Validator {
    catalog: Catalog,
    bundle: Bundle,
    channel: Channel,
    mode: Mode,
    status: Status,
    limits: Limits,
}

impl Default for Validator {
    /// The newest bundle, experimental channel, strict.
    fn default() -> Self {
        Self::new(Bundle::default(), Channel::default(), Mode::Strict)
    }
}

impl Validator {
    /// A validator with the verdicts of `bundle` and `channel`.
    pub fn new(bundle: Bundle, channel: Channel, mode: Mode) -> Self {
        Self {
            catalog: Catalog::new(bundle, channel),
            bundle,
            channel,
            mode,
            status: Status::Tolerated,
            limits: Limits::default(),
        }
    }

    /// The same with other bounds on what is read.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same, but a `status` must be valid, as in an update of the status subresource.
    #[must_use]
    pub fn checking_status(mut self) -> Self {
        self.status = Status::Checked;
        self
    }

    /// The bundle whose verdicts are given.
    pub fn bundle(&self) -> Bundle {
        self.bundle
    }

    /// The channel whose verdicts are given.
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// The bounds on what is read.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reads, checks, defaults and converts every object of a file, YAML or JSON. Never fails as a whole: what is
    /// wrong is in the diagnostics, and the objects without errors are returned.
    pub fn load(&self, file_name: &str, bytes: &[u8]) -> Loaded {
        let mut session = Session {
            validator: self,
            file: Arc::from(file_name),
            loaded: Loaded::default(),
            suppressed: 0,
        };
        let mut found = Vec::new();
        load::read(bytes, &self.limits, &mut found, |document, found| {
            session.text(std::mem::take(found));
            session.document(document);
        });
        session.text(found);
        session.finish()
    }

    #[cfg(test)]
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }
}

/// The reading of one file.
struct Session<'a> {
    validator: &'a Validator,
    file: Arc<str>,
    loaded: Loaded,
    suppressed: usize,
}

/// Findings about an object, with the way from the document to it.
struct Report {
    object: Option<ObjectRef>,
    prefix: Vec<Step>,
    findings: Vec<Finding>,
}

impl Session<'_> {
    fn text(&mut self, found: Vec<TextFinding>) {
        for TextFinding {
            severity,
            code,
            position,
            message,
        } in found
        {
            self.push(Diagnostic {
                severity,
                code,
                file: Arc::clone(&self.file),
                position,
                object: None,
                field: None,
                found: None,
                accepted: None,
                message,
            });
        }
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        if self.loaded.diagnostics.len() < self.validator.limits.diagnostics {
            self.loaded.diagnostics.push(diagnostic);
        } else {
            self.suppressed += 1;
        }
    }

    fn finish(mut self) -> Loaded {
        if self.suppressed > 0 {
            self.loaded.diagnostics.push(Diagnostic {
                severity: Severity::Error,
                code: Code::TooManyDiagnostics,
                file: self.file,
                position: None,
                object: None,
                field: None,
                found: None,
                accepted: None,
                message: format!("{} more findings in this file are not shown", self.suppressed),
            });
        }
        self.loaded
    }

    fn document(&mut self, mut document: load::Document<'_>) {
        let value = std::mem::take(&mut document.value);
        let start = document.start;
        let mut reports = Vec::new();
        let mut objects = Vec::new();
        let mut refused = false;
        for (position, key) in &document.duplicates {
            let severity = self.lenient(Severity::Error);
            refused |= severity == Severity::Error;
            self.push(Diagnostic {
                severity,
                code: Code::DuplicateKey,
                file: Arc::clone(&self.file),
                position: Some(*position),
                object: None,
                field: None,
                found: Some(key.clone()),
                accepted: None,
                message: format!("key {} already set in this mapping", Value::from(key.as_str())),
            });
        }
        self.value(value, Vec::new(), &mut |report, object| {
            reports.extend(report);
            objects.extend(object);
        });
        // Positions cost a second reading of the text; most documents never need it.
        let positions = if reports.iter().all(|report| report.findings.is_empty()) {
            None
        } else {
            document.positions(&self.validator.limits)
        };
        for report in reports {
            let Report {
                object,
                prefix,
                findings,
            } = report;
            for finding in findings {
                let full = PathBuf(prefix.iter().chain(&finding.path.0).cloned().collect());
                let prefer = if finding.code == Code::UnknownField {
                    Prefer::Key
                } else {
                    Prefer::Value
                };
                let field = Some(finding.path.to_string()).filter(|field| !field.is_empty());
                self.push(Diagnostic {
                    severity: finding.severity,
                    code: finding.code,
                    file: Arc::clone(&self.file),
                    position: Some(positions.as_ref().map_or(start, |tree| tree.find(&full, prefer))),
                    object: object.clone(),
                    field,
                    found: finding.found,
                    accepted: finding.accepted,
                    message: finding.message,
                });
            }
        }
        if !refused {
            for mut object in objects {
                object.source.position = start;
                self.loaded.objects.push(object);
            }
        }
    }

    fn lenient(&self, severity: Severity) -> Severity {
        match self.validator.mode {
            Mode::Strict => severity,
            Mode::Lenient => Severity::Warning,
        }
    }

    /// One value of a document: an object, or a List of them.
    fn value(
        &mut self,
        value: Value,
        prefix: Vec<Step>,
        emit: &mut dyn FnMut(Option<Report>, Option<LoadedObject>),
    ) {
        let Value::Object(mut map) = value else {
            let message = "a manifest must be a mapping with apiVersion, kind and metadata";
            let finding = Finding::error(Code::NotAnObject, &Path::Root, message);
            emit(
                Some(Report {
                    object: None,
                    prefix,
                    findings: vec![finding],
                }),
                None,
            );
            return;
        };
        let kind = map.get("kind").and_then(Value::as_str).unwrap_or_default();
        if kind.ends_with("List")
            && map
                .get("items")
                .is_some_and(|items| items.is_array() || items.is_null())
        {
            let item_kind = kind.strip_suffix("List").unwrap_or_default().to_owned();
            let api_version = map.get("apiVersion").cloned();
            let Some(Value::Array(items)) = map.remove("items") else {
                return;
            };
            for (index, mut item) in items.into_iter().enumerate() {
                if !item_kind.is_empty()
                    && let Value::Object(fields) = &mut item
                {
                    // Items of a typed list may leave out what the list says.
                    if !fields.contains_key("kind") {
                        fields.insert("kind".to_owned(), Value::from(item_kind.as_str()));
                    }
                    if let (Some(api_version), false) = (&api_version, fields.contains_key("apiVersion")) {
                        fields.insert("apiVersion".to_owned(), api_version.clone());
                    }
                }
                let mut item_prefix = prefix.clone();
                item_prefix.push(Step::Field("items".into()));
                item_prefix.push(Step::Index(index));
                // A list may hold lists, but every level takes one from the bounded depth of the document.
                self.value(item, item_prefix, emit);
            }
            return;
        }
        let (report, object) = self.object(map, prefix);
        emit(report, object);
    }

    fn object(
        &mut self,
        map: Map<String, Value>,
        prefix: Vec<Step>,
    ) -> (Option<Report>, Option<LoadedObject>) {
        let root = Path::Root;
        let mut findings = Vec::new();
        let text = |field: &str, findings: &mut Vec<Finding>| match map.get(field) {
            Some(Value::String(text)) if !text.is_empty() => text.clone(),
            Some(Value::String(_) | Value::Null) | None => {
                findings.push(Finding {
                    code: Code::MissingTypeMeta,
                    ..Finding::required(&root.field(field), "every object needs apiVersion and kind")
                });
                String::new()
            }
            Some(other) => {
                findings.push(Finding::invalid(
                    Code::MissingTypeMeta,
                    &root.field(field),
                    other,
                    "must be a string",
                ));
                String::new()
            }
        };
        let api_version = text("apiVersion", &mut findings);
        let kind = text("kind", &mut findings);
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        if findings.is_empty()
            && (version.is_empty() || version.contains('/') || api_version.starts_with('/'))
        {
            let value = Value::from(api_version.as_str());
            let detail = "must be of the form version or group/version";
            findings.push(Finding::invalid(
                Code::MissingTypeMeta,
                &root.field("apiVersion"),
                &value,
                detail,
            ));
        }
        let reference = reference(&map, &kind);
        let report = |findings| {
            Some(Report {
                object: reference.clone(),
                prefix: prefix.clone(),
                findings,
            })
        };
        if !findings.is_empty() {
            return (report(findings), None);
        }
        let api_version_path = root.field("apiVersion");
        let (found, core) = match self.validator.catalog.find(group, version, &kind) {
            Lookup::Crd(found) => (found, None),
            Lookup::Core(found, core) => (found, Some(core)),
            lookup @ (Lookup::Foreign | Lookup::Suspicious(_)) => {
                let name = if group.is_empty() {
                    kind.clone()
                } else {
                    format!("{kind}.{group}")
                };
                *self.loaded.skipped.entry(name).or_default() += 1;
                if let Lookup::Suspicious(ours) = lookup {
                    let message =
                        format!("group {group} is not known and the object is skipped; did you mean {ours}?");
                    return (
                        report(vec![Finding::warning(
                            Code::SuspiciousGroup,
                            &api_version_path,
                            message,
                        )]),
                        None,
                    );
                }
                return (None, None);
            }
            Lookup::UnknownKind(text) => {
                return (
                    report(vec![Finding::error(Code::UnknownKind, &root.field("kind"), text)]),
                    None,
                );
            }
            Lookup::NotInBundle(text) => {
                return (
                    report(vec![Finding::error(Code::NotInBundle, &root.field("kind"), text)]),
                    None,
                );
            }
            Lookup::NotServed(text) => {
                return (
                    report(vec![Finding::error(
                        Code::VersionNotServed,
                        &api_version_path,
                        text,
                    )]),
                    None,
                );
            }
        };
        if let Some(warning) = &found.deprecation {
            findings.push(Finding::warning(
                Code::DeprecatedVersion,
                &api_version_path,
                warning.clone(),
            ));
        }
        let gvk = Gvk {
            group: group.to_owned(),
            version: version.to_owned(),
            kind,
        };
        let mut value = Value::Object(map);
        self.check(&mut value, &found, core, &mut findings);
        if gvk.kind == "Secret" && gvk.group.is_empty() {
            findings.iter_mut().for_each(Finding::redact);
        }
        let sound = findings.iter().all(|finding| finding.severity != Severity::Error);
        // Named as it is now: the namespace may have come by default.
        let reference = value
            .as_object()
            .and_then(|map| self::reference(map, &gvk.kind))
            .or(reference);
        let object = sound.then(|| self.loaded_object(gvk, value));
        let report = (!findings.is_empty()).then_some(Report {
            object: reference,
            prefix,
            findings,
        });
        (report, object)
    }

    /// Everything the API server does to an object between receiving and storing it.
    fn check(
        &self,
        value: &mut Value,
        found: &Found<'_>,
        core: Option<CoreKind>,
        findings: &mut Vec<Finding>,
    ) {
        let root = Path::Root;
        let schema = match found.schema {
            Ok(schema) => schema,
            Err(error) => {
                findings.push(Finding::error(
                    Code::Internal,
                    &root,
                    format!("the schema cannot be used: {error}"),
                ));
                return;
            }
        };
        let first = findings.len();
        // The schema of metadata is a bare object; what it holds is checked apart.
        let metadata = value.as_object_mut().and_then(|map| map.shift_remove("metadata"));
        schema.admit(value, &root, findings);
        if let (Some(map), Some(metadata)) = (value.as_object_mut(), metadata) {
            map.insert("metadata".to_owned(), metadata);
        }
        if let Value::Object(map) = &mut *value {
            metadata::check(map, found.naming, findings);
        }
        for finding in findings.iter_mut().skip(first) {
            if finding.code == Code::UnknownField {
                finding.severity = self.lenient(finding.severity);
            }
        }
        let status = match (self.validator.status, core) {
            (Status::Tolerated, None) => value.as_object_mut().and_then(|map| map.shift_remove("status")),
            _ => None,
        };
        let before = findings.len();
        schema.check(value, &root, findings);
        if let Some(core) = core
            && findings.len() == before
        {
            (core.check)(value, findings);
        }
        if let Some(status) = status {
            restore_status(value, status, schema, findings);
        }
    }

    fn loaded_object(&self, gvk: Gvk, value: Value) -> LoadedObject {
        let text = |name: &str| value.pointer(name).and_then(Value::as_str).map(str::to_owned);
        LoadedObject {
            written_version: gvk.version.clone(),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name").unwrap_or_default(),
            gvk,
            value,
            source: Source {
                file: Arc::clone(&self.file),
                position: Position { line: 1, column: 1 },
            },
        }
    }
}

/// Puts a status back if it is valid. If not, the findings become warnings and the status is what a new object has.
fn restore_status(value: &mut Value, status: Value, schema: &Schema, findings: &mut Vec<Finding>) {
    let Value::Object(map) = value else { return };
    let Some(status_schema) = schema.child("status") else {
        return;
    };
    let root = Path::Root;
    let path = root.field("status");
    let mut found = Vec::new();
    status_schema.check(&status, &path, &mut found);
    if found.is_empty() {
        map.insert("status".to_owned(), status);
        return;
    }
    for finding in &mut found {
        finding.severity = Severity::Warning;
        finding
            .message
            .push_str(" (an API server ignores the status of a new object; it is dropped)");
    }
    findings.append(&mut found);
    if let Some(default) = &status_schema.default {
        map.insert("status".to_owned(), default.clone());
    }
}

fn reference(map: &Map<String, Value>, kind: &str) -> Option<ObjectRef> {
    let metadata = map.get("metadata");
    let text = |name: &str| {
        metadata
            .and_then(|metadata| metadata.get(name))
            .and_then(Value::as_str)
    };
    if kind.is_empty() && text("name").is_none() {
        return None;
    }
    let cut = |text: &str| text.chars().take(253).collect::<String>();
    Some(ObjectRef {
        kind: if kind.is_empty() {
            "(no kind)".to_owned()
        } else {
            cut(kind)
        },
        namespace: text("namespace").map(cut),
        name: text("name").map(cut).unwrap_or_default(),
    })
}
