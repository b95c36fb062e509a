//! What AWS refuses is told with what to do about it, on the Gateway that it is about; other Gateways serve and change
//! meanwhile, and what was refused works once the reason is gone.

use anyhow::{Result, ensure};
use gatewright_scenarios::aws::Place;
use gatewright_scenarios::world::{http_listener, http_route};
use serde_json::json;
use std::net::SocketAddr;

const HOST: &str = "refused.example";

/// A route that comes while something is refused, at the Gateway that works.
async fn still_works(place: &Place, at: SocketAddr, name: &str) -> Result<()> {
    let host = format!("{name}.{HOST}");
    place.world.answers(at, (HOST, "/"), 200).await?;
    place.world.apply(&http_route(name, "gw", &host, "web")).await?;
    place.world.answers(at, (&host, "/"), 200).await.map(drop)
}

/// A Gateway that is refused with these texts, while `gw` works.
async fn refused(place: &Place, at: SocketAddr, name: &str, texts: &[&str]) -> Result<()> {
    place
        .write(name, json!([http_listener("http", 80)]), None)
        .await?;
    let message = place.refused(name, texts).await?;
    println!("{name}: {message}");
    place.event(name, ("Invalid", texts[0])).await.map(drop)?;
    still_works(place, at, name).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn a_vpc_that_is_not_there() -> Result<()> {
    let place = Place::new("aws-vpc").await?;
    let at = place.serving(HOST).await?;
    place
        .parameters("lost", json!({"vpc": "vpc-00000000000000000"}))
        .await?;
    place
        .write("lost", json!([http_listener("http", 80)]), Some("lost"))
        .await?;
    let message = place
        .refused(
            "lost",
            &[
                "vpc-00000000000000000",
                "does not exist in this account and region",
            ],
        )
        .await?;
    println!("{message}");
    still_works(&place, at, "lost").await?;
    // Without a VPC nothing was made, so that it goes at once.
    place.delete("lost").await?;
    place.delete("gw").await?;
    place.world.leave().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn a_permission_that_is_missing() -> Result<()> {
    let place = Place::new("aws-permission").await?;
    let at = place.serving(HOST).await?;
    place
        .aws
        .forbid("elasticloadbalancing:CreateLoadBalancer")
        .await?;
    refused(&place, at, "denied", &["elasticloadbalancing:CreateLoadBalancer"]).await?;
    place.aws.calm().await?;
    place.address("denied").await?;
    place.delete("denied").await?;
    place.delete("gw").await?;
    place.world.leave().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn a_quota_of_zero() -> Result<()> {
    let place = Place::new("aws-quota").await?;
    let at = place.serving(HOST).await?;
    place.aws.quota("application-load-balancers", 0).await?;
    place
        .write("over", json!([http_listener("http", 80)]), None)
        .await?;
    let message = place.refused("over", &["quota"]).await?;
    println!("{message}");
    place.event("over", ("NoResources", "quota")).await?;
    still_works(&place, at, "over").await?;
    place.aws.calm().await?;
    place.address("over").await?;
    place.delete("over").await?;
    place.delete("gw").await?;
    place.world.leave().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn credentials_that_nobody_knows() -> Result<()> {
    let place = Place::new("aws-credentials").await?;
    let at = place.serving(HOST).await?;
    let name = place.hostname("gw").await?;
    place
        .aws
        .fault(&json!({"effect": {
            "kind": "error", "code": "InvalidClientTokenId", "status": 403,
            "message": "The security token included in the request is invalid.",
        }}))
        .await?;
    place
        .write("stranger", json!([http_listener("http", 80)]), None)
        .await?;
    let message = place
        .refused("stranger", &["credentials", "security token"])
        .await?;
    println!("{message}");
    // The Gateway that was made before says so as well once somebody changes it, and keeps its address: it serves.
    place
        .world
        .apply(&http_route("late", "gw", "late.example", "web"))
        .await?;
    place.refused("gw", &["credentials", "security token"]).await?;
    let found = place
        .world
        .read(gatewright_scenarios::world::GATEWAY_API, "Gateway", "gw")
        .await?;
    ensure!(
        found.pointer("/status/addresses/0/value") == Some(&json!(name)),
        "{}",
        found["status"]
    );
    place.world.answers(at, (HOST, "/"), 200).await?;
    place.aws.calm().await?;
    place.address("stranger").await?;
    place.world.answers(at, ("late.example", "/"), 200).await?;
    place.delete("stranger").await?;
    place.delete("gw").await?;
    place.world.leave().await
}
