//! Service models as botocore publishes them.

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use thiserror::Error;

/// Why a model cannot be used. Models are part of the program, so this is a fault of ours.
#[derive(Debug, Error)]
pub enum ModelError {
    /// It is not what we think models are.
    #[error("the model cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A shape is named and missing.
    #[error("{from} names the shape {shape}, which the model does not have")]
    Missing {
        /// Who names it.
        from: String,
        /// The missing one.
        shape: String,
    },
    /// The pattern of a shape is no regular expression.
    #[error("the pattern of {shape} cannot be read: {source}")]
    Pattern {
        /// Whose pattern.
        shape: String,
        /// Why.
        source: Box<regex::Error>,
    },
    /// A protocol that is not served.
    #[error("protocol {0} is not served")]
    Protocol(String),
}

/// How a service is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Forms in, XML out.
    Query,
    /// The same in EC2's dialect.
    Ec2,
    /// JSON, the operation in a header.
    Json,
    /// Objects of S3: the operation is method and path, bodies are as they are.
    Object,
    /// JSON, the operation in method and path.
    Rest,
}

/// A service's model.
#[derive(Debug, Deserialize)]
pub struct Model {
    /// What the service is.
    pub metadata: Metadata,
    /// Operations by name.
    pub operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
    #[serde(skip)]
    patterns: BTreeMap<String, Regex>,
}

/// What a service is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// `Version` of calls.
    pub api_version: String,
    /// First part of its host names.
    pub endpoint_prefix: String,
    /// Its protocol; the one that is served where a service has several.
    pub protocol: String,
    /// All its protocols, the preferred one first.
    #[serde(default)]
    pub protocols: Vec<String>,
    /// Its name in credential scopes, if it is not the endpoint's.
    pub signing_name: Option<String>,
    /// What comes before the operation in `X-Amz-Target`.
    pub target_prefix: Option<String>,
    /// Version of the JSON protocol.
    pub json_version: Option<String>,
    /// Namespace of XML answers.
    pub xml_namespace: Option<String>,
    /// For example `Elastic Load Balancing v2`.
    pub service_id: String,
}

impl Metadata {
    /// Its name in credential scopes.
    pub fn signing_name(&self) -> &str {
        self.signing_name.as_deref().unwrap_or(&self.endpoint_prefix)
    }

    /// Whether it can be spoken to in CBOR as well.
    pub fn speaks_cbor(&self) -> bool {
        self.protocols
            .iter()
            .any(|protocol| protocol == "smithy-rpc-v2-cbor")
    }

    /// The protocol that is served.
    pub fn spoken(&self) -> Result<Protocol, ModelError> {
        match self.protocol.as_str() {
            "query" => Ok(Protocol::Query),
            "ec2" => Ok(Protocol::Ec2),
            "json" => Ok(Protocol::Json),
            "rest-xml" => Ok(Protocol::Object),
            "rest-json" => Ok(Protocol::Rest),
            // Where another one is preferred, JSON is spoken too.
            _ if self.protocols.iter().any(|known| known == "json") => Ok(Protocol::Json),
            other => Err(ModelError::Protocol(other.to_owned())),
        }
    }
}

/// An operation.
#[derive(Debug, Deserialize)]
pub struct Operation {
    /// Its name.
    pub name: String,
    /// Where it is, of services that have operations in paths.
    pub http: Option<Http>,
    /// What it takes.
    pub input: Option<Reference>,
    /// What it answers.
    pub output: Option<Reference>,
    /// Its own errors.
    #[serde(default)]
    pub errors: Vec<Reference>,
}

/// Where an operation is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    /// Method.
    pub method: String,
    /// Path, with labels.
    pub request_uri: String,
    /// Status of its answer.
    pub response_code: Option<u16>,
}

/// A place where a shape is used.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// Name of the shape.
    pub shape: String,
    /// Name on the wire, if it is another.
    pub location_name: Option<String>,
    /// Where outside of the body: `uri` or `querystring`.
    pub location: Option<String>,
    /// Name in EC2's forms, if it is another.
    pub query_name: Option<String>,
    /// Element around the answer of query services.
    pub result_wrapper: Option<String>,
    /// How a timestamp is written here.
    pub timestamp_format: Option<String>,
}

/// What a shape is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Named members.
    Structure,
    /// Members of one shape.
    List,
    /// Keys and values.
    Map,
    /// Text.
    String,
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    /// Floating point.
    Float,
    /// Floating point.
    Double,
    /// `true` or `false`.
    Boolean,
    /// A point in time.
    Timestamp,
    /// Bytes.
    Blob,
}

/// A shape.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Members that must be there.
    #[serde(default)]
    pub required: Vec<String>,
    /// Members of a structure.
    #[serde(default)]
    pub members: BTreeMap<String, Reference>,
    /// Members of a list.
    pub member: Option<Reference>,
    /// Keys of a map.
    pub key: Option<Reference>,
    /// Values of a map.
    pub value: Option<Reference>,
    /// Least length, count or value.
    pub min: Option<f64>,
    /// Greatest length, count or value.
    pub max: Option<f64>,
    /// Words that are allowed.
    #[serde(rename = "enum", default)]
    pub words: Vec<String>,
    /// Whether it stands without an element around its members.
    #[serde(default)]
    pub flattened: bool,
    /// How a timestamp is written.
    pub timestamp_format: Option<String>,
    /// Whether it is never repeated in messages.
    #[serde(default)]
    pub sensitive: bool,
    /// What is told of an error.
    pub error: Option<ErrorTrait>,
    pattern: Option<Value>,
}

/// What is told of an error.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorTrait {
    /// Its code in query services, if it is not the shape's name.
    pub code: Option<String>,
    /// Status of its answer.
    pub http_status_code: Option<u16>,
}

impl Model {
    /// Reads a model and checks that all of it can be used.
    ///
    /// # Errors
    ///
    /// Names what is missing or unreadable.
    pub fn read(text: &str) -> Result<Self, ModelError> {
        let mut model: Self = serde_json::from_str(text)?;
        model.metadata.spoken()?;
        for (name, operation) in &model.operations {
            let references = operation
                .input
                .iter()
                .chain(&operation.output)
                .chain(&operation.errors);
            references
                .into_iter()
                .try_for_each(|reference| model.resolve(name, reference))?;
        }
        let mut patterns = BTreeMap::new();
        for (name, shape) in &model.shapes {
            let references = shape
                .members
                .values()
                .chain(&shape.member)
                .chain(&shape.key)
                .chain(&shape.value);
            references
                .into_iter()
                .try_for_each(|reference| model.resolve(name, reference))?;
            if let Some(Value::String(pattern)) = &shape.pattern {
                let regex = compile(pattern).map_err(|source| ModelError::Pattern {
                    shape: name.clone(),
                    source: Box::new(source),
                })?;
                patterns.insert(name.clone(), regex);
            }
        }
        model.patterns = patterns;
        Ok(model)
    }

    /// The shape of a name. All names of a model that was read are there.
    pub fn shape(&self, name: &str) -> Option<&Shape> {
        self.shapes.get(name)
    }

    /// The pattern of a shape, for the whole text.
    pub fn pattern(&self, shape: &str) -> Option<&Regex> {
        self.patterns.get(shape)
    }

    /// The source of a pattern, for messages.
    pub fn pattern_text(&self, shape: &str) -> &str {
        let pattern = self.shapes.get(shape).and_then(|shape| shape.pattern.as_ref());
        pattern.and_then(Value::as_str).unwrap_or_default()
    }

    /// Status of an error by its code: that of the operation's error with this code.
    pub fn status_of(&self, operation: &Operation, code: &str) -> Option<u16> {
        operation.errors.iter().find_map(|reference| {
            let shape = self.shapes.get(&reference.shape)?;
            let told = shape.error.as_ref();
            let own = told
                .and_then(|told| told.code.as_deref())
                .unwrap_or(&reference.shape);
            (own == code)
                .then(|| told.and_then(|told| told.http_status_code))
                .flatten()
        })
    }

    fn resolve(&self, from: &str, reference: &Reference) -> Result<(), ModelError> {
        if self.shapes.contains_key(&reference.shape) {
            return Ok(());
        }
        Err(ModelError::Missing {
            from: from.to_owned(),
            shape: reference.shape.clone(),
        })
    }
}

/// A pattern of a model, as Java reads it, for the whole of a text.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    // Java writes \uXXXX; the halves of surrogate pairs that some ranges end with are no characters here.
    let mut text = pattern.replace("\\uD7FF", "\u{D7FF}");
    for (java, here) in [
        ("\\uD83D\\uDC00-\\uDBFF\\uDFFF", "\\x{10000}-\\x{10FFFF}"),
        ("\\uD800\\uDC00-\\uDBFF\\uDFFF", "\\x{10000}-\\x{10FFFF}"),
    ] {
        text = text.replace(java, here);
    }
    // Labels of host names, whose look-ahead says only that the first character is no hyphen.
    for (java, here) in [
        (
            "(?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9]",
            "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?",
        ),
        (
            "(?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9]",
            "[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]",
        ),
    ] {
        text = text.replace(java, here);
    }
    // Names of VPC Lattice: hyphens neither at an end nor in a row. That they do not begin as ids do is checked where they
    // are given.
    for (java, here) in [
        ("(?!listener-)", ""),
        ("(?!rule-)", ""),
        ("(?!svc-)", ""),
        ("(?!tg-)", ""),
        (
            "(?![-])(?!.*[-]$)(?!.*[-]{2})[a-z0-9-]+",
            "[a-z0-9]+(?:-[a-z0-9]+)*",
        ),
    ] {
        text = text.replace(java, here);
    }
    let mut rest = text.as_str();
    let mut own = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once("\\u") {
        own.push_str(before);
        match after
            .get(..4)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            Some(digits) => {
                own.extend(["\\x{", digits, "}"]);
                rest = after.get(4..).unwrap_or_default();
            }
            None => {
                own.push_str("\\u");
                rest = after;
            }
        }
    }
    own.push_str(rest);
    Regex::new(&format!("\\A(?:{own})\\z"))
}
