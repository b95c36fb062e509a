//! What a Gateway becomes on VPC Lattice.
//!
//! **One service for each hostname.** A service has one custom domain, and routes share it. So each exact hostname that
//! any route names becomes a service, with the rules of all routes that serve it, in the order of
//! [`gatewright_model::precedence`]: those of less specific hostnames of the same listener come last, as they would for a
//! request. A host belongs to the Gateway listener with the most specific matching hostname of a port and to no other.
//!
//! **The Gateway's own service** has no custom domain. It serves what names no host, by the name that Lattice generates, and
//! answers 404 otherwise: it is there without any route, so that a Gateway has an address that stays.
//!
//! What cannot be expressed is treated as on an ALB ([`crate::alb::lower`]): a match whose conditions cannot is left out, a
//! rule whose action cannot answers 500, and all of it is reported.

mod action;
mod backends;
mod conditions;
mod frame;
mod hosts;
mod listeners;
mod own;
mod service;

use super::settings::{Settings, Surroundings};
use super::{ServiceId, Target};
use crate::Str;
use crate::alb::listener::{Certificate, CertificateId};
use crate::alb::lower::report::Report;
use crate::target_group::TargetGroupId;
use backends::Groups;
use gatewright_model::LoadBalancer;
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::Lowered;
use listeners::Member;
use std::collections::{BTreeMap, BTreeSet};

/// The input of a lowering.
#[derive(Clone, Copy)]
struct Context<'a> {
    balancer: &'a LoadBalancer,
    settings: &'a Settings,
    surroundings: &'a Surroundings,
    members: &'a [Member<'a>],
    /// Names of services in place of those that are made.
    names: &'a BTreeMap<ServiceId, Str>,
    /// Tags of everything.
    tags: &'a BTreeMap<Str, Str>,
}

/// What all services share while they are made.
struct Shared {
    groups: Groups,
    certificates: BTreeMap<CertificateId, Certificate>,
    report: Report,
}

/// The resources wanted for a Gateway, and what they do not express. Pure: equal inputs give equal results.
pub fn lower(balancer: &LoadBalancer, settings: &Settings, surroundings: &Surroundings) -> Lowered<Target> {
    let mut report = Report::of(Provider::AwsLattice, settings.approximations);
    frame::review(balancer, settings, &mut report);
    let members = listeners::members(balancer, &mut report);
    let nothing = (BTreeMap::new(), BTreeMap::new());
    let bare = Context {
        balancer,
        settings,
        surroundings,
        members: &members,
        names: &nothing.0,
        tags: &nothing.1,
    };
    let (names, tags) = (own::names(&bare, &mut report), frame::tags(&bare, &mut report));
    let context = Context {
        names: &names,
        tags: &tags,
        ..bare
    };
    let mut shared = Shared {
        groups: Groups::default(),
        certificates: BTreeMap::new(),
        report,
    };
    let mut services = BTreeMap::new();
    services.insert(ServiceId::own(), service::own(&context, &mut shared));
    for host in hosts::exact(&context, &mut shared.report) {
        if let Some(found) = service::of_host(&host, &context, &mut shared) {
            services.insert(ServiceId(host), found);
        }
    }
    let Shared {
        groups,
        mut certificates,
        report,
    } = shared;
    certificates.retain(|id, _| {
        services
            .values()
            .any(|service| service.certificate.as_ref() == Some(id))
    });
    let mut target = Target {
        gateway: balancer.gateway.clone(),
        network: frame::network(&context),
        vpc: frame::association(&context),
        home: surroundings.vpc.clone(),
        tags: tags.clone(),
        services,
        target_groups: groups.into_map(),
        certificates,
    };
    // A rule that is refused in the end may have asked for groups before.
    let used: BTreeSet<TargetGroupId> = target.groups_in_use().cloned().collect();
    target.target_groups.retain(|id, _| used.contains(id));
    Lowered {
        target,
        unsupported: report.into_items(),
    }
}
