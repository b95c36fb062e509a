//! Scenarios, one file each. They need a cluster with Gatewright: `cargo xtask scenarios` brings both.

// JSON values are indexed: what is not there is null.
#![allow(clippy::indexing_slicing)]

mod argo_rollouts;
mod authority_completed;
mod aws;
mod busy_gateway;
mod conflicting_kinds;
mod cross_namespace;
mod dangling_references;
mod definitions_removed;
mod ecosystem;
mod events;
mod every_kind;
mod external_auth;
mod external_dns;
mod invalid_among_valid;
mod large_secret;
mod late_secrets;
mod limits_of_a_route;
mod limits_of_other_routes;
mod malformed_secrets;
mod many_listeners;
mod many_objects;
mod mode_change;
mod namespace_deleted;
mod overlapping_tls;
mod partially_invalid;
mod retry_budget;
mod session_persistence;
mod supported_version;
mod weights;
mod workloads;

use anyhow::{Context, Result};
use gatewright_scenarios::world::{GATEWAY_API, PARAMETERS, World};
use serde_json::{Value, json};

/// Makes a class of the chart's controller, with parameters of the same name in the scenario's namespace; answers the
/// controller's name.
async fn class_of_its_own(world: &World, name: &str, parameters: Value) -> Result<String> {
    let charts = world
        .class("to be there", |found| found["spec"]["controllerName"].is_string())
        .await?;
    let controller = charts["spec"]["controllerName"].as_str().context("a name")?;
    world
        .apply(&json!({"apiVersion": PARAMETERS.0, "kind": PARAMETERS.1, "metadata": {"name": name}, "spec": parameters}))
        .await?;
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "GatewayClass", "metadata": {"name": name},
            "spec": {"controllerName": controller, "parametersRef": {
                "group": "gatewright.dev", "kind": PARAMETERS.1, "name": name, "namespace": world.namespace,
            }},
        }))
        .await?;
    Ok(controller.to_owned())
}
