//! A load balancer that somebody protects from deletion stays, serves, and its Gateway says how to release it.

use anyhow::{Result, ensure};
use gatewright_scenarios::aws::Place;
use gatewright_scenarios::world::GATEWAY_API;

const HOST: &str = "protected.example";
const PROTECTION: &str = "deletion_protection.enabled";

/// As an administrator does in the console.
async fn protect(place: &Place, balancer: &str, value: &str) -> Result<()> {
    let attribute = [
        ("LoadBalancerArn", balancer),
        ("Attributes.member.1.Key", PROTECTION),
        ("Attributes.member.1.Value", value),
    ];
    place
        .aws
        .call("ModifyLoadBalancerAttributes", &attribute)
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn a_protected_load_balancer_stays_until_somebody_releases_it() -> Result<()> {
    let place = Place::new("aws-protected").await?;
    let at = place.serving(HOST).await?;
    let balancer = place.aws.arn("loadbalancer", &place.tag("gw")).await?;
    protect(&place, &balancer, "true").await?;
    let before = place.aws.owned(&place.tag("gw")).await?;
    place.world.delete(GATEWAY_API, "Gateway", "gw").await?;
    let message = place.refused("gw", &["being deleted", PROTECTION]).await?;
    println!("{message}");
    place.event("gw", ("Invalid", PROTECTION)).await?;
    // Nothing of it is gone, and it serves.
    place.world.answers(at, (HOST, "/"), 200).await?;
    let left = place.aws.owned(&place.tag("gw")).await?;
    ensure!(left == before, "of {before:?} is left {left:?}");
    protect(&place, &balancer, "false").await?;
    place.gone("gw").await?;
    place.world.leave().await
}
