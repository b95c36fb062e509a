//! What users say of single services: names, tags, and whether they are in a network.

use super::Context;
use crate::Str;
use crate::alb::lower::report::{Consequence, Place, Report};
use crate::lattice::{Adoption, ServiceId, names};
use crate::tags;
use std::collections::{BTreeMap, BTreeSet};

fn place(context: &Context<'_>, host: &str, field: &str) -> Place {
    let gateway = format!("Gateway {}", context.balancer.gateway);
    let field = format!("spec.infrastructure.parametersRef services[hostname={host}].{field}");
    Place::new(&gateway, &field, Consequence::Ignored)
}

/// Names that services have in place of those that follow from cluster, Gateway and hostname: those that users give, and of services
/// that exist their own. Of several with one name the first hostname has it.
pub(super) fn names(context: &Context<'_>, report: &mut Report) -> BTreeMap<ServiceId, Str> {
    let mut found = BTreeMap::new();
    let mut taken: BTreeMap<&Str, &Str> = BTreeMap::new();
    for (host, settings) in &context.settings.services {
        let (field, name, instead) = match (&settings.adopt, &settings.name) {
            (Some(adopted), _) => (
                "adopt",
                &adopted.name,
                "a service serves one hostname: adopt another",
            ),
            (None, Some(name)) => ("name", name, "use another name"),
            (None, None) => continue,
        };
        let place = place(context, host, field);
        // What exists may have a name that nobody could ask for.
        let sound = if settings.adopt.is_some() {
            Ok(())
        } else {
            names::check(name)
        };
        if let Err(why) = sound {
            let why = format!("found {name:?}: {why}");
            let _ = report.refuse(&place, &why, instead);
        } else if let Some(other) = taken.get(name) {
            let why = format!("{name} is the name of the service of {other}");
            let _ = report.refuse(&place, &why, instead);
        } else {
            taken.insert(name, host);
            found.insert(ServiceId(host.clone()), name.clone());
        }
    }
    found
}

/// The service that exists and is to be this one.
pub(super) fn adoption(id: &ServiceId, context: &Context<'_>) -> Option<Adoption> {
    let adopted = context.settings.services.get(&id.0)?.adopt.as_ref()?;
    // Another hostname may have it.
    let has = context.names.get(id) == Some(&adopted.name);
    has.then(|| Adoption {
        arn: adopted.arn.clone(),
        take: None,
    })
}

/// What names of a service's target groups follow from: its own name. That of a service that exists is somebody else's, whose groups may
/// have names that follow from it.
pub(super) fn stem(name: &Str, id: &ServiceId, context: &Context<'_>) -> Str {
    match adoption(id, context) {
        None => name.clone(),
        Some(Adoption { arn, .. }) => {
            let usual = names::service(&context.settings.cluster, &context.balancer.gateway, id);
            format!("{usual} {arn}").into()
        }
    }
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

#[cfg(test)]
mod tests {
    use crate::lattice::lower::lower;
    use crate::lattice::settings::{Adopted, ServiceSettings, Settings, Surroundings};
    use crate::lattice::{Adoption, ServiceId, names};
    use gatewright_model::LoadBalancer;
    use gatewright_model::key::ObjectName;

    /// A service that exists has its own name, also one that no user could give, and serves one hostname.
    #[test]
    fn a_service_that_exists_keeps_its_name_and_serves_one_hostname() {
        let gateway = ObjectName::new("shop", "public");
        let balancer = LoadBalancer::bare(gateway.clone(), "lattice", "gatewright.dev/aws-lattice");
        let surroundings = Surroundings {
            vpc: "vpc-1".into(),
            ..Surroundings::default()
        };
        let adopting = |hosts: &[&str]| {
            let mut settings = Settings::new("green");
            for host in hosts {
                let own = ServiceSettings {
                    adopt: Some(Adopted {
                        arn: "arn:x".into(),
                        name: "gw-theirs".into(),
                    }),
                    ..ServiceSettings::default()
                };
                settings.services.insert((*host).into(), own);
            }
            lower(&balancer, &settings, &surroundings)
        };
        let lowered = adopting(&["*"]);
        let own = &lowered.target.services[&ServiceId::own()];
        let wanted = Adoption {
            arn: "arn:x".into(),
            take: None,
        };
        assert_eq!((&*own.name, own.adopt.as_ref()), ("gw-theirs", Some(&wanted)));
        assert!(lowered.unsupported.is_empty(), "{:?}", lowered.unsupported);

        // `!` is before `*`.
        let lowered = adopting(&["!", "*"]);
        let own = &lowered.target.services[&ServiceId::own()];
        let usual = names::service("green", &gateway, &ServiceId::own());
        assert_eq!((&own.name, own.adopt.as_ref()), (&usual, None));
        let [told] = lowered.unsupported.as_slice() else {
            panic!("{:?}", lowered.unsupported);
        };
        assert!(told.field.ends_with("services[hostname=*].adopt"), "{told}");
        assert!(
            told.why.contains("gw-theirs is the name of the service of !"),
            "{told}"
        );
    }
}
