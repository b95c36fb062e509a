//! Filters of rules and backend references.

use super::extension::{Holder, extension};
use super::reference::Reference;
use super::rules::{RuleContext, RuleFault};
use crate::lookup::Lookup;
use gatewright_crds::api::{
    Cors as ApiCors, ExternalAuth as ApiExternalAuth, ExternalAuthProtocol as ApiProtocol, Fraction,
    GrpcRouteFilter, GrpcRouteFilterType, HttpHeader, HttpHeaderFilter, HttpRouteFilter, HttpRouteFilterType,
    PathModifier as ApiPathModifier, PathModifierType, RequestMirror, RequestRedirect,
    UrlRewrite as ApiUrlRewrite,
};
use gatewright_model::Str;
use gatewright_model::backend::BackendTarget;
use gatewright_model::filter::{
    Cors, ExternalAuth, ExternalAuthProtocol, HeaderModifier, HttpFilter, Mirror, PathModifier, Redirect,
    UrlRewrite, belongs_to_connection,
};
use gatewright_model::host::is_authority;
use gatewright_model::route::{HttpMatch, PathMatch};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Reads the filters of an HTTPRoute rule or backend reference.
pub(super) fn http<L: Lookup>(
    context: &mut RuleContext<'_, '_, L>,
    filters: &[HttpRouteFilter],
    (path, holder): (&str, Holder),
    matches: &[HttpMatch],
) -> Result<Vec<HttpFilter>, RuleFault> {
    check_combination(filters.iter().map(|filter| filter.r#type), path)?;
    let mut found = Vec::with_capacity(filters.len());
    for (index, filter) in filters.iter().enumerate() {
        let HttpRouteFilter {
            cors,
            extension_ref,
            external_auth: auth,
            request_header_modifier,
            request_mirror,
            request_redirect,
            response_header_modifier,
            r#type,
            url_rewrite,
        } = filter;
        let field = |name: &str| format!("{path}[{index}].{name}");
        let missing = |name: &str| RuleFault::value(field(name), format!("is needed for type {type}"));
        found.push(match r#type {
            HttpRouteFilterType::RequestHeaderModifier => {
                let name = "requestHeaderModifier";
                let spec = request_header_modifier.as_ref().ok_or_else(|| missing(name))?;
                HttpFilter::RequestHeaders(request_headers(spec, &field(name))?.into())
            }
            HttpRouteFilterType::ResponseHeaderModifier => {
                let name = "responseHeaderModifier";
                let spec = response_header_modifier.as_ref().ok_or_else(|| missing(name))?;
                HttpFilter::ResponseHeaders(response_headers(spec, &field(name))?.into())
            }
            HttpRouteFilterType::RequestRedirect => {
                let name = "requestRedirect";
                let spec = request_redirect.as_ref().ok_or_else(|| missing(name))?;
                HttpFilter::Redirect(redirect(spec, &field(name), matches)?.into())
            }
            HttpRouteFilterType::UrlRewrite => {
                let name = "urlRewrite";
                let spec = url_rewrite.as_ref().ok_or_else(|| missing(name))?;
                HttpFilter::UrlRewrite(rewrite(spec, &field(name), matches)?.into())
            }
            HttpRouteFilterType::RequestMirror => {
                let name = "requestMirror";
                let spec = request_mirror.as_ref().ok_or_else(|| missing(name))?;
                HttpFilter::Mirror(mirror(context, spec, &field(name))?.into())
            }
            HttpRouteFilterType::Cors => {
                let spec = cors.as_ref().ok_or_else(|| missing("cors"))?;
                HttpFilter::Cors(cors_of(spec, &field("cors"))?.into())
            }
            HttpRouteFilterType::ExternalAuth => {
                let name = "externalAuth";
                let spec = auth.as_ref().ok_or_else(|| missing(name))?;
                let backend = context.target(
                    Reference::from(&spec.backend_ref),
                    &format!("{}.backendRef", field(name)),
                );
                HttpFilter::ExternalAuth(Arc::new(external_auth(spec, backend)))
            }
            HttpRouteFilterType::ExtensionRef => {
                let name = "extensionRef";
                let spec = extension_ref.as_ref().ok_or_else(|| missing(name))?;
                extension(context, spec, field(name), holder)?;
                continue;
            }
        });
    }
    Ok(found)
}

/// Reads the filters of a GRPCRoute rule or backend reference.
pub(super) fn grpc<L: Lookup>(
    context: &mut RuleContext<'_, '_, L>,
    filters: &[GrpcRouteFilter],
    (path, holder): (&str, Holder),
) -> Result<Vec<HttpFilter>, RuleFault> {
    check_combination(filters.iter().map(|filter| filter.r#type), path)?;
    let mut found = Vec::with_capacity(filters.len());
    for (index, filter) in filters.iter().enumerate() {
        let GrpcRouteFilter {
            extension_ref,
            request_header_modifier,
            request_mirror,
            response_header_modifier,
            r#type,
        } = filter;
        let field = |name: &str| format!("{path}[{index}].{name}");
        let missing = |name: &str| RuleFault::value(field(name), format!("is needed for type {type}"));
        found.push(match r#type {
            GrpcRouteFilterType::RequestHeaderModifier => {
                let name = "requestHeaderModifier";
                let spec = request_header_modifier.as_ref().ok_or_else(|| missing(name))?;
                HttpFilter::RequestHeaders(request_headers(spec, &field(name))?.into())
            }
            GrpcRouteFilterType::ResponseHeaderModifier => {
                let name = "responseHeaderModifier";
                let spec = response_header_modifier.as_ref().ok_or_else(|| missing(name))?;
                HttpFilter::ResponseHeaders(response_headers(spec, &field(name))?.into())
            }
            GrpcRouteFilterType::RequestMirror => {
                let name = "requestMirror";
                let spec = request_mirror.as_ref().ok_or_else(|| missing(name))?;
                HttpFilter::Mirror(mirror(context, spec, &field(name))?.into())
            }
            GrpcRouteFilterType::ExtensionRef => {
                let name = "extensionRef";
                let spec = extension_ref.as_ref().ok_or_else(|| missing(name))?;
                extension(context, spec, field(name), holder)?;
                continue;
            }
        });
    }
    Ok(found)
}

/// Filter types as far as their combination is concerned.
trait FilterType: Copy + Ord + std::fmt::Display {
    const REDIRECT: Option<Self>;
    const REWRITE: Option<Self>;
    /// Types that may occur several times in one list.
    const REPEATABLE: [Self; 2];
}

impl FilterType for HttpRouteFilterType {
    const REDIRECT: Option<Self> = Some(Self::RequestRedirect);
    const REWRITE: Option<Self> = Some(Self::UrlRewrite);
    const REPEATABLE: [Self; 2] = [Self::RequestMirror, Self::ExtensionRef];
}

impl FilterType for GrpcRouteFilterType {
    const REDIRECT: Option<Self> = None;
    const REWRITE: Option<Self> = None;
    const REPEATABLE: [Self; 2] = [Self::RequestMirror, Self::ExtensionRef];
}

/// "Specifying the same filter multiple times is not supported unless explicitly indicated in the
/// filter"; URLRewrite and RequestRedirect "may not be combined" (`HTTPRouteRule.filters`).
fn check_combination<T: FilterType>(types: impl Iterator<Item = T>, path: &str) -> Result<(), RuleFault> {
    let mut seen = BTreeSet::new();
    for kind in types {
        if !seen.insert(kind) && !T::REPEATABLE.contains(&kind) {
            return Err(RuleFault::filters(
                path,
                format!("filter {kind} may occur once only"),
            ));
        }
    }
    let has = |kind: Option<T>| kind.is_some_and(|kind| seen.contains(&kind));
    if has(T::REDIRECT) && has(T::REWRITE) {
        return Err(RuleFault::filters(
            path,
            "RequestRedirect and URLRewrite exclude one another",
        ));
    }
    Ok(())
}

/// `Host` is what the request is for: it can be replaced, and nothing else.
fn request_headers(spec: &HttpHeaderFilter, field: &str) -> Result<HeaderModifier, RuleFault> {
    let modifier = headers(spec, field)?;
    if modifier.add.iter().any(|(name, _)| &**name == "host")
        || modifier.remove.iter().any(|name| &**name == "host")
    {
        let why = "a request has one \"host\", which can be set, but not added or removed";
        return Err(RuleFault::value(field, why));
    }
    match modifier.set.iter().find(|(name, _)| &**name == "host") {
        Some((_, value)) if !is_authority(value) => {
            let why = format!("\"{value}\" is no host, with or without a port, that \"host\" can be set to");
            Err(RuleFault::value(field, why))
        }
        _ => Ok(modifier),
    }
}

fn response_headers(spec: &HttpHeaderFilter, field: &str) -> Result<HeaderModifier, RuleFault> {
    let modifier = headers(spec, field)?;
    if modifier.names().any(|name| &**name == "host") {
        let why = "\"host\" is a field of requests, not of responses";
        return Err(RuleFault::value(field, why));
    }
    Ok(modifier)
}

/// `HTTPHeaderFilter`: the first of several equivalent names counts; more than one kind of action on
/// a name is invalid.
fn headers(spec: &HttpHeaderFilter, field: &str) -> Result<HeaderModifier, RuleFault> {
    let HttpHeaderFilter { add, remove, set } = spec;
    let pairs = |list: &Option<Vec<HttpHeader>>| {
        let mut found: Vec<(Str, Str)> = Vec::new();
        for HttpHeader { name, value } in list.iter().flatten() {
            let name: Str = name.to_ascii_lowercase().into();
            if found.iter().all(|(known, _)| *known != name) {
                found.push((name, value.as_str().into()));
            }
        }
        found
    };
    let mut removed: Vec<Str> = Vec::new();
    for name in remove.iter().flatten() {
        let name: Str = name.to_ascii_lowercase().into();
        if !removed.contains(&name) {
            removed.push(name);
        }
    }
    let modifier = HeaderModifier {
        set: pairs(set),
        add: pairs(add),
        remove: removed,
    };
    let mut seen = BTreeSet::new();
    for name in modifier.names() {
        if !seen.insert(name) {
            let why =
                format!("header \"{name}\" has more than one action; one of set, add and remove is accepted");
            return Err(RuleFault::value(field, why));
        }
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(RuleFault::value(
                field,
                format!("\"{name}\" is not a header name"),
            ));
        }
        // To leave it out would serve something else than what was asked for.
        if belongs_to_connection(name) {
            return Err(RuleFault::value(
                field,
                format!(
                    "\"{name}\" belongs to the connection or to the framing of a message: no filter can change it"
                ),
            ));
        }
    }
    for (name, value) in modifier.set.iter().chain(&modifier.add) {
        if http::HeaderValue::from_str(value).is_err() {
            return Err(RuleFault::value(
                field,
                format!("the value of header \"{name}\" has control characters"),
            ));
        }
    }
    Ok(modifier)
}

fn redirect(spec: &RequestRedirect, field: &str, matches: &[HttpMatch]) -> Result<Redirect, RuleFault> {
    let RequestRedirect {
        hostname,
        path,
        port,
        scheme,
        status_code,
    } = spec;
    let status = match status_code.unwrap_or(302) {
        status @ (301 | 302 | 303 | 307 | 308) => status as u16,
        other => {
            let why = format!("{other} is not supported; accepted are 301, 302, 303, 307 and 308");
            return Err(RuleFault::value(format!("{field}.statusCode"), why));
        }
    };
    Ok(Redirect {
        scheme: scheme.map(|scheme| scheme.as_str().into()),
        hostname: hostname.as_deref().map(Str::from),
        path: path
            .as_ref()
            .map(|path| modifier(path, &format!("{field}.path"), matches))
            .transpose()?,
        port: port
            .map(|port| port_number(port, &format!("{field}.port")))
            .transpose()?,
        status,
    })
}

fn rewrite(spec: &ApiUrlRewrite, field: &str, matches: &[HttpMatch]) -> Result<UrlRewrite, RuleFault> {
    let ApiUrlRewrite { hostname, path } = spec;
    Ok(UrlRewrite {
        hostname: hostname.as_deref().map(Str::from),
        path: path
            .as_ref()
            .map(|path| modifier(path, &format!("{field}.path"), matches))
            .transpose()?,
    })
}

fn port_number(port: i32, field: &str) -> Result<u16, RuleFault> {
    let number = u16::try_from(port).ok().filter(|port| *port > 0);
    number.ok_or_else(|| RuleFault::value(field, format!("{port} is not a port; accepted are 1 to 65535")))
}

/// `HTTPPathModifier`. "ReplacePrefixMatch is only compatible with a PathPrefix HTTPRouteMatch."
fn modifier(path: &ApiPathModifier, field: &str, matches: &[HttpMatch]) -> Result<PathModifier, RuleFault> {
    let ApiPathModifier {
        replace_full_path,
        replace_prefix_match,
        r#type,
    } = path;
    let missing =
        |name: &str| RuleFault::value(format!("{field}.{name}"), format!("is needed for type {type}"));
    match r#type {
        PathModifierType::ReplaceFullPath => {
            let value = replace_full_path
                .as_deref()
                .ok_or_else(|| missing("replaceFullPath"))?;
            Ok(PathModifier::ReplaceFullPath(value.into()))
        }
        PathModifierType::ReplacePrefixMatch => {
            let value = replace_prefix_match
                .as_deref()
                .ok_or_else(|| missing("replacePrefixMatch"))?;
            if matches
                .iter()
                .any(|found| !matches!(found.path, PathMatch::Prefix(_)))
            {
                let why = "needs matches of path type PathPrefix only, in the same rule";
                return Err(RuleFault::value(format!("{field}.replacePrefixMatch"), why));
            }
            Ok(PathModifier::ReplacePrefixMatch(value.into()))
        }
    }
}

fn mirror<L: Lookup>(
    context: &mut RuleContext<'_, '_, L>,
    spec: &RequestMirror,
    field: &str,
) -> Result<Mirror, RuleFault> {
    let RequestMirror {
        backend_ref,
        fraction,
        percent,
    } = spec;
    let share = match (percent, fraction) {
        (Some(_), Some(_)) => {
            return Err(RuleFault::value(
                field,
                "percent and fraction exclude one another",
            ));
        }
        (Some(percent), None) => (u32::try_from(*percent), Ok(100)),
        (
            None,
            Some(Fraction {
                numerator,
                denominator,
            }),
        ) => (
            u32::try_from(*numerator),
            u32::try_from(denominator.unwrap_or(100)),
        ),
        (None, None) => (Ok(100), Ok(100)),
    };
    let (numerator, denominator) = match share {
        (Ok(numerator), Ok(denominator)) if denominator > 0 && numerator <= denominator => {
            (numerator, denominator)
        }
        _ => {
            let why = "the share must be between nothing and everything: numerator from 0 to denominator";
            return Err(RuleFault::value(field, why));
        }
    };
    let backend = context.target(Reference::from(backend_ref), &format!("{field}.backendRef"));
    Ok(Mirror {
        backend,
        numerator,
        denominator,
    })
}

/// `HTTPCORSFilter`. An origin is `*` or `scheme://host[:port]`, the host may hold one `*` at its left.
fn cors_of(spec: &ApiCors, field: &str) -> Result<Cors, RuleFault> {
    let ApiCors {
        allow_credentials,
        allow_headers,
        allow_methods,
        allow_origins,
        expose_headers,
        max_age,
    } = spec;
    let texts = |list: &Option<Vec<String>>| -> Vec<Str> {
        list.iter().flatten().map(|text| text.as_str().into()).collect()
    };
    for (name, list) in [("allowHeaders", allow_headers), ("exposeHeaders", expose_headers)] {
        for (index, value) in list.iter().flatten().enumerate() {
            if value != "*" && http::HeaderName::from_bytes(value.as_bytes()).is_err() {
                let why = format!("\"{value}\" is neither a header name nor \"*\"");
                return Err(RuleFault::value(format!("{field}.{name}[{index}]"), why));
            }
        }
    }
    Ok(Cors {
        allow_origins: texts(allow_origins),
        allow_credentials: allow_credentials.unwrap_or(false),
        allow_methods: texts(allow_methods),
        allow_headers: texts(allow_headers),
        expose_headers: texts(expose_headers),
        max_age: u32::try_from(max_age.unwrap_or(5)).unwrap_or(5),
    })
}

/// The settings of an ExternalAuth filter (GEP-1494), of a rule or of a listener, whose backend was
/// resolved by the caller. Header names are lower-cased.
pub fn external_auth(spec: &ApiExternalAuth, backend: BackendTarget) -> ExternalAuth {
    let ApiExternalAuth {
        backend_ref: _,
        forward_body,
        grpc,
        http,
        protocol,
    } = spec;
    let names = |list: Option<&Vec<String>>| -> Vec<Str> {
        list.into_iter()
            .flatten()
            .map(|name| name.to_ascii_lowercase().into())
            .collect()
    };
    let protocol = match protocol {
        ApiProtocol::Grpc => ExternalAuthProtocol::Grpc {
            allowed_request_headers: names(grpc.as_ref().and_then(|grpc| grpc.allowed_headers.as_ref())),
        },
        ApiProtocol::Http => {
            let http = http.as_ref();
            ExternalAuthProtocol::Http {
                path: http
                    .and_then(|http| http.path.as_deref())
                    .unwrap_or_default()
                    .into(),
                allowed_request_headers: names(http.and_then(|http| http.allowed_headers.as_ref())),
                allowed_response_headers: names(http.and_then(|http| http.allowed_response_headers.as_ref())),
            }
        }
    };
    let limit = forward_body.as_ref().and_then(|body| body.max_size).unwrap_or(0);
    ExternalAuth {
        backend,
        protocol,
        forward_body_limit: u32::try_from(limit).unwrap_or(0),
    }
}
