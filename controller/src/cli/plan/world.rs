//! What is planned for: the objects of files or of a cluster, as far as clouds serve them.

use super::report::Refused;
use super::{PlanArgs, World};
use crate::clouds::Registry;
use crate::cluster;
use crate::features;
use crate::input::dangling::Dangling;
use crate::input::key_of;
use crate::input::world::World as Files;
use anyhow::{Context, Result};
use gatewright_core::Engine;
use gatewright_core::snapshot::{Kind, Object, ObjectKey};
use gatewright_core::status::Status;
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::Request;
use gatewright_validation::Mode;
use std::sync::Arc;

/// Of files.
pub fn of_files(args: &PlanArgs, registry: &Registry) -> Result<World> {
    for path in args.paths.iter().filter(|path| path.as_os_str() != "-") {
        std::fs::metadata(path).with_context(|| path.display().to_string())?;
    }
    let (bundle, channel) = (args.schema.bundle, args.schema.channel);
    let mut files = Files::new(
        args.paths.clone(),
        args.schema.validator(Mode::Lenient),
        args.schema.bounds(),
    );
    let look = files.look();
    let external_names = crate::cli::external_names(args.allow_external_name);
    let mut options = features::standalone(bundle, channel, external_names);
    for (name, provider) in controllers(registry) {
        let profile = features::cloud(&name, provider, (bundle, channel));
        options.profiles.retain(|known| known.controller != name);
        options.profiles.push(profile);
    }
    let mut engine = Engine::new(options);
    let changed = look.changes.iter().map(key_of).collect();
    engine.update(look.changes, jiff::Timestamp::now());
    let mut problems = look.diagnostics;
    problems.extend(Dangling::default().follow(engine.snapshot(), &files, &changed));
    Ok(World {
        problems,
        ..of_engine(&engine, registry)
    })
}

/// Of a cluster.
pub async fn of_cluster(args: &PlanArgs, registry: &Registry) -> Result<World> {
    let external_names = crate::cli::external_names(args.allow_external_name);
    let controllers = controllers(registry);
    let context = args.context.as_deref();
    let engine =
        cluster::inspect::engine(context, &controllers, (external_names, args.clouds.nodes())).await?;
    Ok(of_engine(&engine, registry))
}

fn controllers(registry: &Registry) -> Vec<(Str, Provider)> {
    let all = registry.all();
    all.map(|(name, cloud)| (name.clone(), cloud.provider()))
        .collect()
}

fn of_engine(engine: &Engine, registry: &Registry) -> World {
    registry.know(engine);
    let served = engine
        .balancers()
        .filter(|(_, balancer)| registry.get(&balancer.controller).is_some());
    let requests = served.map(|(gateway, balancer)| Request {
        balancer: Arc::clone(balancer),
        uid: uid(engine, gateway),
        parameters: engine.parameters(gateway).unwrap_or_default(),
    });
    let gateways = || engine.snapshot().all(Kind::Gateway);
    let refused = gateways().filter_map(|(name, object)| {
        let Object::Gateway(object) = &**object else {
            return None;
        };
        let unserved = engine.balancer(name).is_none();
        unserved.then(|| refusal(engine, name, &object.spec.gateway_class_name))?
    });
    World {
        requests: requests.collect(),
        refused: refused.collect(),
        all: gateways().map(|(name, _)| name.clone()).collect(),
        problems: Vec::new(),
    }
}

fn uid(engine: &Engine, gateway: &ObjectName) -> Str {
    let object = engine.snapshot().get(Kind::Gateway, gateway);
    let uid = object.and_then(|object| object.metadata().uid.as_deref());
    uid.unwrap_or_default().into()
}

/// Why a Gateway of ours is not accepted; `None` for those of others.
fn refusal(engine: &Engine, gateway: &ObjectName, class: &str) -> Option<Refused> {
    let key = ObjectKey {
        kind: Kind::Gateway,
        name: gateway.clone(),
    };
    let Status::Gateway(status) = &**engine.status(&key)? else {
        return None;
    };
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let accepted = conditions.iter().find(|found| found.type_ == "Accepted")?;
    (accepted.status == "False").then(|| Refused {
        gateway: gateway.clone(),
        class: class.into(),
        reason: accepted.reason.clone(),
        message: accepted.message.clone(),
    })
}
