//! What users say of single services: names, tags, and whether they are in a network.

use super::Context;
use crate::Str;
use crate::alb::lower::report::{Consequence, Place, Report};
use crate::lattice::{ServiceId, names};
use crate::tags;
use std::collections::{BTreeMap, BTreeSet};

fn place(context: &Context<'_>, host: &str, field: &str) -> Place {
    let gateway = format!("Gateway {}", context.balancer.gateway);
    let field = format!("spec.infrastructure.parametersRef services[hostname={host}].{field}");
    Place::new(&gateway, &field, Consequence::Ignored)
}

/// Names that services have in place of those that follow from cluster, Gateway and hostname. Of several with one name the first
/// hostname has it.
pub(super) fn names(context: &Context<'_>, report: &mut Report) -> BTreeMap<ServiceId, Str> {
    let mut found = BTreeMap::new();
    let mut taken: BTreeMap<&Str, &Str> = BTreeMap::new();
    for (host, settings) in &context.settings.services {
        let Some(name) = &settings.name else { continue };
        let place = place(context, host, "name");
        if let Err(why) = names::check(name) {
            let why = format!("found {name:?}: {why}");
            let _ = report.refuse(&place, &why, "use another name");
        } else if let Some(other) = taken.get(name) {
            let why = format!("{name} is the name of the service of {other}");
            let _ = report.refuse(&place, &why, "use another name");
        } else {
            taken.insert(name, host);
            found.insert(ServiceId(host.clone()), name.clone());
        }
    }
    found
}

/// Tags of a service's own, beside those of all (`usual`).
pub(super) fn tags(
    id: &ServiceId,
    context: &Context<'_>,
    usual: &BTreeMap<Str, Str>,
    report: &mut Report,
) -> BTreeMap<Str, Str> {
    let mut found = BTreeMap::new();
    let mut keys: BTreeSet<&Str> = usual.keys().collect();
    let settings = context.settings.services.get(&id.0);
    for (key, value) in settings.iter().flat_map(|settings| &settings.tags) {
        let place = place(context, &id.0, &format!("tags[{key}]"));
        if context.balancer.infrastructure.labels.contains_key(key) {
            let why = "a label of the Gateway's infrastructure has this key, and wins";
            let _ = report.refuse(&place, why, "use another key");
        } else if let Err(why) = tags::check(key, value) {
            let _ = report.refuse(&place, &why, "use another key or value");
        } else if !keys.contains(key) && keys.len() >= tags::room() {
            let why = format!("a resource has at most {} tags", tags::MAX);
            let _ = report.refuse(&place, &why, "use fewer tags");
        } else {
            keys.insert(key);
            found.insert(key.clone(), value.clone());
        }
    }
    found
}

/// Whether a service is in no network.
pub(super) fn is_standalone(id: &ServiceId, context: &Context<'_>, report: &mut Report) -> bool {
    let own = context.settings.services.get(&id.0);
    let own = own.and_then(|settings| settings.standalone);
    if context.settings.standalone && own == Some(false) {
        let why = "found false: with standalone of all there is no service network that it could be in";
        let _ = report.refuse(
            &place(context, &id.0, "standalone"),
            why,
            "set standalone of single services in its place",
        );
    }
    context.settings.standalone || own == Some(true)
}
