//! Hostnames that become services.

use super::Context;
use crate::Str;
use crate::alb::lower::report::{Consequence, Place, Report};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{RouteKey, RouteKind};
use gatewright_model::route::Attachment;
use std::collections::{BTreeMap, BTreeSet};

/// "You can't have more than one custom domain name for a service", and nothing says that it may hold a wildcard
/// (<https://docs.aws.amazon.com/vpc-lattice/latest/ug/service-custom-domain-name.html>).
const WILDCARD: &str = "a service has one custom domain, which is a name and no wildcard";
const INSTEAD: &str = "name each host in the route";
/// `API_CreateService`, `customDomainName`.
const LONGEST: usize = 255;

/// What is known of a route's hostnames.
#[derive(Default)]
struct Named {
    served: bool,
    wildcards: BTreeSet<Str>,
    nameless: bool,
}

/// Exact hostnames of all routes on served listeners. Others are reported.
pub(super) fn exact(context: &Context<'_>, report: &mut Report) -> BTreeSet<Str> {
    let balancer = context.balancer;
    let http = balancer
        .http_routes
        .values()
        .map(|route| (&route.key, &route.attachments));
    let streams = balancer
        .stream_routes
        .values()
        .filter(|route| route.key.kind == RouteKind::Tls)
        .map(|route| (&route.key, &route.attachments));
    let mut found = BTreeSet::new();
    let mut routes: BTreeMap<&RouteKey, Named> = BTreeMap::new();
    for (key, attachments) in http.chain(streams) {
        let named = routes.entry(key).or_default();
        for host in attachments
            .iter()
            .filter(|of| is_served(of, context))
            .flat_map(|of| &of.hosts)
        {
            match &host.effective {
                HostPattern::Exact(name) if name.len() <= LONGEST && name.len() >= 3 => {
                    named.served = true;
                    found.insert(name.clone());
                }
                HostPattern::Any if key.kind != RouteKind::Tls => named.served = true,
                HostPattern::Any => named.nameless = true,
                HostPattern::Exact(other) => {
                    named.wildcards.insert(other.clone());
                }
                HostPattern::Wildcard(_) => {
                    named.wildcards.insert(host.effective.to_string().into());
                }
            }
        }
    }
    for (key, named) in routes {
        tell(key, &named, &found, report);
    }
    found
}

fn is_served(attachment: &Attachment, context: &Context<'_>) -> bool {
    context
        .members
        .iter()
        .any(|member| member.listener.key == attachment.listener)
}

/// A route of which something is left serves the rest; and a wildcard is served as far as others name its hosts.
fn tell(key: &RouteKey, named: &Named, exact: &BTreeSet<Str>, report: &mut Report) {
    let object = format!("{} {}", key.kind.as_str(), key.object);
    let place = Place::new(&object, "spec.hostnames", Consequence::Ignored);
    if named.nameless {
        // "The service custom domain name is used as a Service Name Indication (SNI) match" (tls-listeners.html).
        let why =
            "a TLS listener is reached by the custom domain of its service, and the route names no host";
        let _ = report.refuse(&place, why, INSTEAD);
    }
    for wildcard in &named.wildcards {
        let pattern = HostPattern::parse(wildcard);
        let partly = named.served || exact.iter().any(|host| pattern.matches(host));
        if partly {
            let difference =
                format!("of {wildcard} only hosts that a route of the Gateway names are served: {WILDCARD}");
            let _ = report.approximate(&place, &difference);
        } else {
            let why = format!("{wildcard}: {WILDCARD}; nothing serves its hosts");
            let _ = report.refuse(&place, &why, INSTEAD);
        }
    }
}
