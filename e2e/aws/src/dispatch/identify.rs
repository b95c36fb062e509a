//! Which operation of which service a request is for, told without its host: all services share one address, as
//! `AWS_ENDPOINT_URL` has it.

use super::Request;
use super::table::{Loaded, Table};
use crate::error::ApiError;
use crate::protocol::form::{self, FormError};
use crate::protocol::model::{Operation, Protocol};
use crate::protocol::scope::{self, Scope};
use crate::protocol::{cbor, check, json, object, rest};
use crate::service::Handler;
use http::HeaderMap;
use serde_json::Value;

/// How an answer is written.
#[derive(Clone, Copy, Debug)]
pub enum Style<'t> {
    /// As the service does.
    Of(&'t Loaded),
    /// As CBOR, which a service speaks beside its own protocol.
    Cbor,
    /// As JSON services do, which one it is being unknown.
    Json,
    /// As query services do, likewise.
    Xml,
}

/// A refusal and how it is written.
#[derive(Debug)]
pub struct Refused<'t> {
    /// Why.
    pub error: ApiError,
    /// How it is written.
    pub style: Style<'t>,
}

/// A request whose operation is known.
#[derive(Debug)]
pub struct Identified<'t> {
    /// The service.
    pub service: &'t Loaded,
    /// Its operation.
    pub operation: &'t Operation,
    /// What serves it.
    pub handler: Handler,
    /// Who signed it; none for calls that need no signature.
    pub scope: Option<Scope>,
    parameters: Parameters,
}

#[derive(Debug)]
enum Parameters {
    Form(Vec<(String, String)>),
    Object(Value),
    Json(bytes::Bytes),
    Cbor(bytes::Bytes),
    Rest(rest::Route, String, bytes::Bytes),
}

/// Operations that need no signature, as the model of STS has them (`"authtype": "none"`).
const UNSIGNED: &[&str] = &["AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"];

/// Finds the operation that a request is for.
///
/// # Errors
///
/// When it is for none, or is not signed for the service.
pub fn identify<'t>(table: &'t Table, request: &Request) -> Result<Identified<'t>, Box<Refused<'t>>> {
    let scope = scope::read(&request.headers);
    let at_rest = at_rest(table, scope.as_ref().ok().and_then(Option::as_ref));
    let (service, name, parameters) = match header(&request.headers, "x-amz-target") {
        Some(target) => by_target(table, target, request)?,
        None if header(&request.headers, "smithy-protocol").is_some() => by_path(table, request)?,
        None if is_object(scope.as_ref().ok().and_then(Option::as_ref)) => by_object(table, request)?,
        None => match at_rest {
            Some(service) => by_route(service, request)?,
            None => by_form(table, request, scope.as_ref().ok().and_then(Option::as_ref))?,
        },
    };
    let style = parameters.style(service);
    let refuse = |error| Box::new(Refused { error, style });
    let Some((operation, handler)) = service.operation(&name) else {
        let version = &service.model.metadata.api_version;
        return Err(refuse(match service.protocol {
            Protocol::Object => ApiError::new(
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
            )
            .with_status(405),
            Protocol::Json | Protocol::Rest => ApiError::new(
                "UnknownOperationException",
                format!("{name} is not an operation that is served"),
            ),
            _ => ApiError::new(
                "InvalidAction",
                format!("Could not find operation {name} for version {version}"),
            ),
        }));
    };
    let scope = scope.map_err(|error| refuse(ApiError::new("IncompleteSignature", error.to_string())))?;
    match &scope {
        Some(scope) if scope.service != service.model.metadata.signing_name() => {
            let own = service.model.metadata.signing_name();
            let message = format!("Credential should be scoped to correct service: '{own}'.");
            return Err(refuse(
                ApiError::new("SignatureDoesNotMatch", message).with_status(403),
            ));
        }
        None if !UNSIGNED.contains(&name.as_str()) => {
            let message = "Request is missing Authentication Token";
            return Err(refuse(
                ApiError::new("MissingAuthenticationToken", message).with_status(403),
            ));
        }
        _ => {}
    }
    Ok(Identified {
        service,
        operation,
        handler,
        scope,
        parameters,
    })
}

type Found<'t> = (&'t Loaded, String, Parameters);

fn by_target<'t>(table: &'t Table, target: &str, request: &Request) -> Result<Found<'t>, Box<Refused<'t>>> {
    let unknown = || {
        let error = ApiError::new(
            "UnknownOperationException",
            format!("target {target} is not served"),
        );
        Box::new(Refused {
            error,
            style: Style::Json,
        })
    };
    let (prefix, name) = target.rsplit_once('.').ok_or_else(unknown)?;
    let service = table.by_target(prefix).ok_or_else(unknown)?;
    Ok((service, name.to_owned(), Parameters::Json(request.body.clone())))
}

/// Services that speak CBOR have their operations in paths:
/// <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html#requests>.
fn by_path<'t>(table: &'t Table, request: &Request) -> Result<Found<'t>, Box<Refused<'t>>> {
    let unknown = |message: String| {
        let error = ApiError::new("UnknownOperationException", message);
        Box::new(Refused {
            error,
            style: Style::Cbor,
        })
    };
    if header(&request.headers, "smithy-protocol") != Some("rpc-v2-cbor") {
        return Err(unknown("only the protocol rpc-v2-cbor is served".to_owned()));
    }
    let mut parts = request.path.trim_start_matches('/').split('/');
    let (Some("service"), Some(service), Some("operation"), Some(name), None) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return Err(unknown(format!("{} is no path of an operation", request.path)));
    };
    let service = table
        .by_target(service)
        .filter(|service| service.model.metadata.speaks_cbor());
    let service = service.ok_or_else(|| unknown(format!("nothing is served at {}", request.path)))?;
    Ok((service, name.to_owned(), Parameters::Cbor(request.body.clone())))
}

/// Whether a request is for S3: its operations are told by method and path, whatever their bodies are.
fn is_object(scope: Option<&Scope>) -> bool {
    scope.is_some_and(|scope| scope.service == "s3")
}

fn by_object<'t>(table: &'t Table, request: &Request) -> Result<Found<'t>, Box<Refused<'t>>> {
    let Some(service) = table.by_signing_name("s3") else {
        return Err(Box::new(Refused {
            error: ApiError::new("InvalidAction", "S3 is not served"),
            style: Style::Xml,
        }));
    };
    match object::read(&request.method, &request.path, &request.body) {
        Ok((name, input)) => Ok((service, name.to_owned(), Parameters::Object(input))),
        Err(error) => Err(Box::new(Refused {
            error,
            style: Style::Of(service),
        })),
    }
}

/// The service with operations in paths that a request is signed for.
fn at_rest<'t>(table: &'t Table, scope: Option<&Scope>) -> Option<&'t Loaded> {
    let service = table.by_signing_name(&scope?.service)?;
    (service.protocol == Protocol::Rest).then_some(service)
}

fn by_route<'t>(service: &'t Loaded, request: &Request) -> Result<Found<'t>, Box<Refused<'t>>> {
    let Some(route) = rest::route(&service.model, request.method.as_str(), &request.path) else {
        let message = format!("nothing is served at {} {}", request.method, request.path);
        return Err(Box::new(Refused {
            error: ApiError::new("UnknownOperationException", message).with_status(404),
            style: Style::Of(service),
        }));
    };
    let name = route.name.clone();
    let parameters = Parameters::Rest(route, request.query.clone(), request.body.clone());
    Ok((service, name, parameters))
}

fn by_form<'t>(
    table: &'t Table,
    request: &Request,
    scope: Option<&Scope>,
) -> Result<Found<'t>, Box<Refused<'t>>> {
    let likely = scope.and_then(|scope| table.by_signing_name(&scope.service));
    let style = likely.map_or(Style::Xml, Style::Of);
    let refuse = |code: &str, message: String| {
        Box::new(Refused {
            error: ApiError::new(code, message),
            style,
        })
    };
    if request.path != "/" {
        return Err(refuse(
            "InvalidAction",
            format!("nothing is served at {}", request.path),
        ));
    }
    let malformed = |error: FormError| refuse("MalformedQueryString", told(&error));
    let mut parameters = form::pairs(&request.query).map_err(malformed)?;
    let body = std::str::from_utf8(&request.body)
        .map_err(|_| refuse("MalformedInput", "the body is not UTF-8".to_owned()))?;
    parameters.extend(form::pairs(body.trim_end()).map_err(malformed)?);
    let value = |wanted: &str| {
        parameters
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.clone())
    };
    let name = value("Action")
        .ok_or_else(|| refuse("MissingAction", "The request is missing an action".to_owned()))?;
    let version = value("Version").unwrap_or_default();
    let service = table.by_version(&version).ok_or_else(|| {
        refuse(
            "InvalidAction",
            format!("Could not find operation {name} for version {version}"),
        )
    })?;
    Ok((service, name, Parameters::Form(parameters)))
}

impl Parameters {
    /// How a call with these is answered.
    fn style<'t>(&self, service: &'t Loaded) -> Style<'t> {
        match self {
            Self::Cbor(_) => Style::Cbor,
            Self::Form(_) | Self::Json(_) | Self::Object(_) | Self::Rest(..) => Style::Of(service),
        }
    }
}

impl<'t> Identified<'t> {
    /// How its answer is written.
    pub fn style(&self) -> Style<'t> {
        self.parameters.style(self.service)
    }

    /// The input in the model's member names, checked against the model.
    ///
    /// # Errors
    ///
    /// In the words of the service.
    pub fn input(&self) -> Result<Value, ApiError> {
        let model = &self.service.model;
        let reference = self.operation.input.as_ref();
        let value = match &self.parameters {
            Parameters::Form(pairs) => {
                let value = form::parse(model, self.service.protocol, reference, pairs);
                value.map_err(|error| self.malformed(&error))?
            }
            Parameters::Object(input) => input.clone(),
            Parameters::Json(body) => json::parse(model, reference, body)
                .map_err(|message| ApiError::new("SerializationException", message))?,
            Parameters::Rest(route, query, body) => rest::parse(model, self.operation, route, query, body)
                .map_err(|message| ApiError::new("ValidationException", message))?,
            Parameters::Cbor(body) => cbor::parse(model, reference, body)
                .map_err(|message| ApiError::new("SerializationException", message))?,
        };
        let violations = check::violations(model, reference, &value);
        if violations.is_empty() {
            return Ok(value);
        }
        let sentence = check::sentence(&violations);
        Err(match self.service.protocol {
            Protocol::Query => ApiError::validation(sentence),
            Protocol::Object => ApiError::new("InvalidArgument", sentence),
            Protocol::Json | Protocol::Rest => ApiError::new("ValidationException", sentence),
            // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
            Protocol::Ec2 => match violations.iter().find(|violation| violation.missing) {
                Some(missing) => ApiError::new(
                    "MissingParameter",
                    format!("The request must contain the parameter {}", missing.path),
                ),
                None => ApiError::new("InvalidParameterValue", sentence),
            },
        })
    }

    fn malformed(&self, error: &FormError) -> ApiError {
        let code = match (self.service.protocol, error) {
            (Protocol::Ec2, FormError::Unknown(_)) => "UnknownParameter",
            (Protocol::Ec2, FormError::Type { .. }) => "InvalidParameterValue",
            (_, FormError::Malformed(_)) => "MalformedInput",
            _ => "ValidationError",
        };
        ApiError::new(code, told(error))
    }
}

fn told(error: &FormError) -> String {
    match error {
        FormError::Malformed(message) => message.clone(),
        FormError::Unknown(path) => format!("The parameter {path} is not recognized"),
        FormError::Type { path, wanted } => format!("The parameter {path} is not {wanted}"),
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
