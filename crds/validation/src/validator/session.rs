//! The reading of one file, object by object.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::object::{convert, explain_old, reference, restore_status, type_meta};
use super::{Bundle, Gvk, Loaded, LoadedObject, Mode, Source, Status, Validator};
use crate::catalog::{Found, Lookup};
use crate::core_kinds::CoreKind;
use crate::diagnostic::{Code, Diagnostic, ObjectRef, Position, Severity};
use crate::finding::{Finding, Findings};
use crate::load::{self, Prefer, TextFinding};
use crate::metadata;
use crate::path::{Path, PathBuf, Step};

/// The reading of one file.
pub(super) struct Session<'a> {
    validator: &'a Validator,
    file: Arc<str>,
    /// Everything but the objects, which go to the sink.
    loaded: Loaded,
    sink: &'a mut dyn FnMut(LoadedObject),
    suppressed: usize,
}

/// Findings about an object, with the way from the document to it.
struct Report {
    object: Option<ObjectRef>,
    prefix: Vec<Step>,
    findings: Vec<Finding>,
}

impl Report {
    /// `None` without findings.
    fn of(object: Option<ObjectRef>, prefix: Vec<Step>, findings: Findings) -> Option<Self> {
        let findings = findings.into_list();
        (!findings.is_empty()).then_some(Self {
            object,
            prefix,
            findings,
        })
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(
        validator: &'a Validator,
        file_name: &str,
        sink: &'a mut dyn FnMut(LoadedObject),
    ) -> Self {
        Self {
            validator,
            file: Arc::from(file_name),
            loaded: Loaded::default(),
            sink,
            suppressed: 0,
        }
    }

    pub(super) fn text(&mut self, finding: TextFinding) {
        let TextFinding {
            severity,
            code,
            position,
            message,
        } = finding;
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

    fn push(&mut self, diagnostic: Diagnostic) {
        if self.loaded.diagnostics.len() < self.validator.limits.diagnostics {
            self.loaded.diagnostics.push(diagnostic);
        } else {
            self.suppressed += 1;
        }
    }

    pub(super) fn finish(mut self) -> Loaded {
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

    pub(super) fn document(&mut self, mut document: load::Document<'_>) {
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
        // A List may have a million bad items: no more is kept than can be told.
        let limit = self.validator.limits.diagnostics;
        let (mut kept, mut suppressed) = (0, 0);
        self.value(value, Vec::new(), &mut |report, object| {
            if let Some(report) = report {
                if kept < limit {
                    kept += report.findings.len();
                    reports.push(report);
                } else {
                    suppressed += report.findings.len();
                }
            }
            objects.extend(object);
        });
        self.suppressed += suppressed;
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
                (self.sink)(object);
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
        let mut findings = Findings::default();
        let gvk = type_meta(&map, &mut findings);
        let name = reference(&map, &gvk.kind);
        if !findings.is_empty() {
            return (Report::of(name, prefix, findings), None);
        }
        let (found, core) = match self.resolve(&gvk) {
            Ok(resolved) => resolved,
            Err(finding) => {
                return (
                    Report::of(name, prefix, finding.map(Findings::from).unwrap_or_default()),
                    None,
                );
            }
        };
        if let Some(warning) = &found.deprecation {
            let path = Path::Root;
            findings.push(Finding::warning(
                Code::DeprecatedVersion,
                &path.field("apiVersion"),
                warning.clone(),
            ));
        }
        let mut value = Value::Object(map);
        let original = self.may_be_older(&gvk, &value).then(|| value.clone());
        self.check(&mut value, &found, core, &mut findings);
        let mut older = false;
        if let Some(original) = original
            && let Some(taken) = self.try_older(&gvk, original, &findings)
        {
            (value, findings) = taken;
            older = true;
        }
        if core.is_none() {
            for finding in findings.iter_mut() {
                explain_old(&gvk.kind, finding);
            }
        } else if gvk.kind == "Secret" {
            findings.iter_mut().for_each(Finding::redact);
        }
        // Named as it is now: the namespace may have come by default.
        let name = value
            .as_object()
            .and_then(|map| reference(map, &gvk.kind))
            .or(name);
        let mut object = None;
        if findings.is_sound() {
            let converted = if core.is_some() {
                Ok((gvk.clone(), value))
            } else {
                convert(value)
            };
            match converted {
                Ok((now, mut value)) => {
                    if older || self.validator.bundle == Bundle::V1_6_3 {
                        self.apply_present_defaults(&now, &mut value);
                    }
                    object = Some(self.loaded_object(now, gvk.version, value));
                }
                Err(finding) => findings.push(finding),
            }
        }
        (Report::of(name, prefix, findings), object)
    }

    /// What checks objects of this type. `Err` holds the finding, if any, when nothing does.
    fn resolve(&mut self, gvk: &Gvk) -> Result<(Found<'a>, Option<CoreKind>), Option<Finding>> {
        let root = Path::Root;
        let (api_version, kind) = (root.field("apiVersion"), root.field("kind"));
        let validator = self.validator;
        match validator.catalog.find(&gvk.group, &gvk.version, &gvk.kind) {
            Lookup::Crd(found) => Ok((found, None)),
            Lookup::Core(found, core) => Ok((found, Some(core))),
            lookup @ (Lookup::Foreign | Lookup::Suspicious(_)) => {
                let name = match gvk.group.as_str() {
                    "" => gvk.kind.clone(),
                    group => format!("{}.{group}", gvk.kind),
                };
                *self.loaded.skipped.entry(name).or_default() += 1;
                Err(match lookup {
                    Lookup::Suspicious(ours) => Some(Finding::warning(
                        Code::SuspiciousGroup,
                        &api_version,
                        format!(
                            "group {} is not known and the object is skipped; did you mean {ours}?",
                            gvk.group
                        ),
                    )),
                    _ => None,
                })
            }
            Lookup::UnknownKind(text) => Err(Some(Finding::error(Code::UnknownKind, &kind, text))),
            Lookup::NotInBundle(text) => Err(Some(Finding::error(Code::NotInBundle, &kind, text))),
            Lookup::NotServed(text) => Err(Some(Finding::error(Code::VersionNotServed, &api_version, text))),
        }
    }

    /// Whether the object may have the shape that its kind had in an older release. Only lenient reading cares.
    fn may_be_older(&self, gvk: &Gvk, value: &Value) -> bool {
        if self.validator.mode != Mode::Lenient || self.validator.bundle != Bundle::V1_7_0 {
            return false;
        }
        let rules = value.pointer("/spec/rules").and_then(Value::as_array);
        match gvk.kind.as_str() {
            "XBackend" | "XBackendTrafficPolicy" => true,
            "HTTPRoute" | "GRPCRoute" => rules
                .into_iter()
                .flatten()
                .any(|rule| rule.get("sessionPersistence").is_some()),
            _ => false,
        }
    }

    /// Takes an object that the present release refuses, or would drop a part of, as one of the release before, if
    /// that has nothing against it. Conversion brings it to the present shape.
    fn try_older(&self, gvk: &Gvk, mut original: Value, findings: &Findings) -> Option<(Value, Findings)> {
        if findings.is_sound() && findings.iter().all(|found| found.code != Code::UnknownField) {
            return None;
        }
        let Lookup::Crd(found) = self.validator.older().find(&gvk.group, &gvk.version, &gvk.kind) else {
            return None;
        };
        let mut older = Findings::default();
        self.check(&mut original, &found, None, &mut older);
        if !older.is_sound() || older.iter().any(|found| found.code == Code::UnknownField) {
            return None;
        }
        let text = format!(
            "written for Gateway API {}: it is taken in the shape of that release and converted",
            Bundle::V1_6_3
        );
        older.push(Finding::warning(Code::OlderRelease, &Path::Root, text));
        Some((original, older))
    }

    /// Fields that conversion made have the defaults of the present release.
    fn apply_present_defaults(&self, gvk: &Gvk, value: &mut Value) {
        if let Lookup::Crd(Found {
            schema: Ok(schema), ..
        }) = self.validator.present().find(&gvk.group, &gvk.version, &gvk.kind)
        {
            schema.apply_defaults(value);
        }
    }

    /// Everything the API server does to an object between receiving and storing it.
    fn check(&self, value: &mut Value, found: &Found<'_>, core: Option<CoreKind>, findings: &mut Findings) {
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

    fn loaded_object(&self, gvk: Gvk, written_version: String, value: Value) -> LoadedObject {
        let text = |name: &str| value.pointer(name).and_then(Value::as_str).map(str::to_owned);
        LoadedObject {
            written_version,
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
