//! `RequestRedirect` as a redirect action.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html>. Transforms are
//! documented to change what targets get, so that `#{path}` is taken for the path that the client sent.

use super::paths::Change;
use super::report::{Place, Report, Verdict};
use crate::alb::rule;
use gatewright_model::filter::{self, PathModifier};
use gatewright_model::host::is_authority;
use gatewright_model::route::HttpMatch;
use gatewright_provider_api::Feature;
use gatewright_provider_api::support::USE_SOFTWARE;

/// Longest host and path.
const MAX: usize = 128;

/// The listener that redirects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// Its port.
    pub port: u16,
    /// Whether it speaks HTTPS.
    pub https: bool,
}

/// The action of a filter for one match; none when it cannot be expressed, which is reported.
pub(crate) fn action(
    redirect: &filter::Redirect,
    origin: Origin,
    matched: &HttpMatch,
    place: &Place,
    report: &mut Report,
) -> Option<rule::Redirect> {
    let filter::Redirect {
        scheme,
        hostname,
        path,
        port,
        status,
    } = redirect;
    let place = place.at(".requestRedirect");
    let mut verdict = report.uses(Feature::Redirect, &place);
    if !matches!(status, 301 | 302) {
        verdict = verdict.and(report.uses(Feature::RedirectOtherStatus, &place.at(".statusCode")));
    }
    let https = match scheme.as_deref() {
        None => origin.https,
        Some(scheme) => scheme == "https",
    };
    if origin.https && !https {
        let why = "a redirect cannot lead from HTTPS to HTTP";
        verdict = verdict.and(report.refuse(&place.at(".scheme"), why, USE_SOFTWARE));
    }
    // Gateway API v1.7.0, `HTTPRequestRedirectFilter.port`: of the scheme when there is one, else the listener's.
    let target = match (port, scheme) {
        (Some(port), _) => *port,
        (None, Some(_)) => {
            if https {
                443
            } else {
                80
            }
        }
        (None, None) => origin.port,
    };
    if let Some(hostname) = hostname
        && (!is_authority(hostname) || hostname.contains(':') || hostname.len() > MAX)
    {
        let why = format!("{hostname:?} is not a hostname of at most {MAX} characters");
        verdict = verdict.and(report.refuse(&place.at(".hostname"), &why, "use a DNS name"));
    }
    let is_prefix = matches!(path, Some(PathModifier::ReplacePrefixMatch(_)));
    let location = match Change::new(path.as_ref(), &matched.path) {
        Change::None => Some("/#{path}".to_owned()),
        Change::Whole(path) => Some(path),
        // The path is the prefix and what follows: text in front of both can be written.
        Change::Prefix { from, to } => to.strip_suffix(&*from).map(|front| format!("{front}/#{{path}}")),
    };
    let moved = hostname.is_some() || https != origin.https || target != origin.port;
    let location = match location {
        None => {
            verdict = verdict.and(report.refuse_feature(Feature::RedirectPrefix, &place.at(".path")));
            String::new()
        }
        Some(path) if !moved && path.contains("#{path}") => {
            verdict = verdict.and(if is_prefix && path != "/#{path}" {
                report.refuse_feature(Feature::RedirectPrefix, &place.at(".path"))
            } else {
                let why =
                    "it redirects requests to where they came from: host, port, scheme or path must change";
                report.refuse(&place, why, "change one of them")
            });
            String::new()
        }
        Some(path) if path.chars().count() > MAX => {
            let why = format!("the path of a redirect has at most {MAX} characters");
            verdict = verdict.and(report.refuse(&place.at(".path"), &why, USE_SOFTWARE));
            String::new()
        }
        Some(path) => path,
    };
    if verdict == Verdict::Refused {
        return None;
    }
    Some(rule::Redirect {
        protocol: match scheme {
            None => "#{protocol}".into(),
            Some(_) if https => "HTTPS".into(),
            Some(_) => "HTTP".into(),
        },
        host: hostname.clone().unwrap_or_else(|| "#{host}".into()),
        port: if target == origin.port {
            "#{port}".into()
        } else {
            target.to_string().into()
        },
        path: location.into(),
        query: "#{query}".into(),
        status: *status,
    })
}

#[cfg(test)]
mod tests;
