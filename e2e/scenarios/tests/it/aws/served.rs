//! A Gateway becomes a load balancer that serves; what others change is repaired and told; when nothing changes, nothing is
//! written; when the Gateway goes, nothing is left.

use anyhow::{Result, ensure};
use gatewright_scenarios::aws::{Place, writes};
use gatewright_scenarios::world::{GATEWAY_API, has_condition, until};
use std::time::Duration;

const HOST: &str = "served.example";
/// Looks at an unchanged Gateway while nothing is written; the scenarios' controller looks every few seconds.
const LOOKS: u64 = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn what_others_change_is_repaired_and_nothing_is_left_in_the_end() -> Result<()> {
    let place = Place::new("aws-served").await?;
    let (world, aws) = (&place.world, &place.aws);
    let at = place.serving(HOST).await?;
    let tag = place.tag("gw");
    let name = place.hostname("gw").await?;
    ensure!(name.ends_with(".elb.amazonaws.com"), "{name}");
    world
        .wait((GATEWAY_API, "HTTPRoute", "web"), "to be accepted", |found| {
            let parent = found.pointer("/status/parents/0");
            has_condition(parent, "Accepted", "True") && has_condition(parent, "ResolvedRefs", "True")
        })
        .await?;

    // A rule, then a listener with all its rules and the target group: deleted by somebody with the account's credentials.
    aws.call(
        "DeleteRule",
        &[("RuleArn", &aws.arn("listener-rule", &tag).await?)],
    )
    .await?;
    place.event("gw", ("Drift", "rule")).await?;
    world.answers(at, (HOST, "/"), 200).await?;
    // A listener that was repaired in between keeps the target group in use.
    let strike = async || {
        let gone = async {
            let group = aws.arn("targetgroup", &tag).await?;
            let listener = aws.arn("listener", &tag).await?;
            aws.call("DeleteListener", &[("ListenerArn", &listener)]).await?;
            aws.call("DeleteTargetGroup", &[("TargetGroupArn", &group)]).await
        };
        Ok(gone.await.map_err(|error| format!("{error:#}")))
    };
    until("a listener and its target group to be deleted", strike).await?;
    let note = place.event("gw", ("Drift", "target group")).await?;
    println!("{note}");
    world.answers(at, (HOST, "/"), 200).await?;

    // Tags that somebody adds are theirs.
    let group = aws.arn("targetgroup", &tag).await?;
    let added = [
        ("ResourceArns.member.1", group.as_str()),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "shop"),
    ];
    aws.call("AddTags", &added).await?;

    // An unchanged world is read and not written.
    aws.calls().await?;
    let looked = async || {
        let calls = aws
            .admin(http::Method::GET, "calls", &serde_json::Value::Null)
            .await?;
        let looks = calls["counts"]["elbv2:DescribeTargetHealth"]
            .as_u64()
            .unwrap_or(0);
        Ok(if looks >= LOOKS {
            Ok(())
        } else {
            Err(format!("{looks} looks"))
        })
    };
    until("the controller to look again", looked).await?;
    let calls = aws.calls().await?;
    ensure!(
        writes(&calls).is_empty(),
        "an unchanged Gateway is written: {calls:?}"
    );
    let tags = aws.account().await?["elb"]["tags"][&group].clone();
    ensure!(tags["team"] == "shop", "{tags}");
    tokio::time::timeout(Duration::from_secs(110), place.delete("gw")).await??;
    world.leave().await
}
