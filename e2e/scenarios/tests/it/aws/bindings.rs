//! Pods in a target group that somebody else made, behind somebody else's load balancer: they follow the Service without
//! a lost request where it grows and shrinks, targets of others stay, and the object takes its own with it.

use anyhow::{Context, Result, ensure};
use gatewright_scenarios::aws::{Place, web, writes};
use gatewright_scenarios::world::{Load, condition, until};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

const HOST: &str = "theirs.example";
const KIND: (&str, &str, &str) = ("gatewright.dev/v1alpha1", "AwsTargetGroupBinding", "web");
/// An address that is no pod's; nobody answers there.
const FOREIGN: &str = "10.244.255.254";

/// The part of an answer of Elastic Load Balancing between these tags.
fn part(xml: &str, name: &str) -> Result<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let rest = xml
        .split_once(&open)
        .with_context(|| format!("no {name} in {xml}"))?
        .1;
    Ok(rest.split(&close).next().unwrap_or_default().to_owned())
}

/// Addresses of targets that are not being drained.
async fn targets(place: &Place, group: &str) -> Result<BTreeSet<String>> {
    let told = place
        .aws
        .call("DescribeTargetHealth", &[("TargetGroupArn", group)])
        .await?;
    let members = told.split("<member>").skip(1);
    let staying = members.filter(|member| !member.contains("<State>draining</State>"));
    staying.map(|member| part(member, "Id")).collect()
}

/// Addresses of the pods that stay.
async fn pods(place: &Place) -> Result<BTreeSet<String>> {
    let path = format!("/api/v1/namespaces/{}/pods", place.world.namespace);
    let json = gatewright_scenarios::api::JSON;
    let (_, found) = place.world.api.ask(Method::GET, &path, json, Vec::new()).await?;
    let items = found["items"].as_array().context("no list of pods")?.iter();
    let staying = items.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let addresses = staying.filter_map(|pod| pod["status"]["podIP"].as_str());
    Ok(addresses.map(str::to_owned).collect())
}

/// Waits until the target group has the pods, and the other's target.
async fn follows(place: &Place, group: &str) -> Result<()> {
    let look = async || {
        let mut wanted = pods(place).await?;
        wanted.insert(FOREIGN.to_owned());
        let found = targets(place, group).await?;
        Ok(if found == wanted {
            Ok(())
        } else {
            Err(format!("{found:?} instead of {wanted:?}"))
        })
    };
    until("the target group to have the pods", look).await
}

async fn is(place: &Place, name: &str, (status, reason): (&str, &str)) -> Result<String> {
    let test = |found: &Value| {
        let condition = condition(found.get("status"), name)?;
        let hit = condition["status"] == status && condition["reason"] == reason;
        hit.then(|| condition["message"].as_str().unwrap_or_default().to_owned())
    };
    let what = format!("{name} to be {status}/{reason}");
    let found = place
        .world
        .wait(KIND, &what, |found| test(found).is_some())
        .await?;
    test(&found).context("the condition was there")
}

/// A load balancer of somebody else, which forwards everything to a target group of theirs; as they would make both.
async fn theirs(place: &Place) -> Result<(String, SocketAddr)> {
    let account = place.aws.account().await?;
    let vpcs = account["ec2"]["vpcs"].as_object().context("VPCs")?;
    let vpc = vpcs.keys().next().context("a VPC")?;
    let subnets = account["ec2"]["subnets"].as_object().context("subnets")?;
    let public = subnets
        .iter()
        .filter(|(_, subnet)| subnet["tags"]["kubernetes.io/role/elb"] == "1");
    let public: Vec<&str> = public.map(|(id, _)| id.as_str()).take(2).collect();
    let [one, other] = *public.as_slice() else {
        anyhow::bail!("there are no two public subnets: {subnets:?}");
    };
    let cluster = ("Tags.member.1.Value", "gatewright");
    let group = [
        ("Name", "theirs"),
        ("Protocol", "HTTP"),
        ("Port", "80"),
        ("TargetType", "ip"),
        ("VpcId", vpc),
        ("HealthCheckIntervalSeconds", "5"),
        ("HealthCheckTimeoutSeconds", "2"),
        ("HealthyThresholdCount", "2"),
        ("Tags.member.1.Key", "gatewright.dev/cluster"),
        cluster,
    ];
    let group = part(
        &place.aws.call("CreateTargetGroup", &group).await?,
        "TargetGroupArn",
    )?;
    let foreign = [
        ("TargetGroupArn", group.as_str()),
        ("Targets.member.1.Id", FOREIGN),
        ("Targets.member.1.Port", "9"),
    ];
    place.aws.call("RegisterTargets", &foreign).await?;
    let balancer = [
        ("Name", "theirs"),
        ("Subnets.member.1", one),
        ("Subnets.member.2", other),
        ("Tags.member.1.Key", "gatewright.dev/cluster"),
        cluster,
    ];
    let made = place.aws.call("CreateLoadBalancer", &balancer).await?;
    let balancer = part(&made, "LoadBalancerArn")?;
    let listener = [
        ("LoadBalancerArn", balancer.as_str()),
        ("Protocol", "HTTP"),
        ("Port", "80"),
        ("DefaultActions.member.1.Type", "forward"),
        ("DefaultActions.member.1.TargetGroupArn", &group),
        ("Tags.member.1.Key", "gatewright.dev/cluster"),
        cluster,
    ];
    place.aws.call("CreateListener", &listener).await?;
    let look = async || {
        let config = place.aws.admin(Method::GET, "config", &Value::Null).await?;
        let served = &config["balancers"][&balancer];
        Ok(match served["address"].as_str() {
            Some(address) if served["active"] == true => Ok(address.parse::<IpAddr>()),
            _ => Err(config.to_string()),
        })
    };
    let address = until("the load balancer to be active", look).await??;
    Ok((group, SocketAddr::new(address, 80)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn pods_are_in_a_target_group_of_somebody_else() -> Result<()> {
    let place = Place::new("aws-bindings").await?;
    let world = &place.world;
    let (group, at) = theirs(&place).await?;
    web(world, "web", 3).await?;
    let binding = json!({
        "apiVersion": KIND.0, "kind": KIND.1, "metadata": {"name": KIND.2},
        "spec": {"targetGroup": {"name": "theirs"}, "service": {"name": "web", "port": 80}},
    });
    world.apply(&binding).await?;

    // Not before its owner says so.
    let why = is(&place, "Accepted", ("False", "NotPermitted")).await?;
    let tag = format!("gatewright.dev/binding={}/{}", world.namespace, KIND.2);
    ensure!(why.contains(&tag), "{why} does not name {tag}");
    ensure!(
        targets(&place, &group).await? == BTreeSet::from([FOREIGN.to_owned()]),
        "something was registered without leave"
    );
    let value = format!("{}/{}", world.namespace, KIND.2);
    let allow = [
        ("ResourceArns.member.1", group.as_str()),
        ("Tags.member.1.Key", "gatewright.dev/binding"),
        ("Tags.member.1.Value", &value),
    ];
    place.aws.call("AddTags", &allow).await?;
    is(&place, "Programmed", ("True", "Programmed")).await?;
    is(&place, "Accepted", ("True", "Accepted")).await?;
    follows(&place, &group).await?;
    world.answers(at, (HOST, "/"), 200).await?;

    // More pods, fewer pods: under load.
    place.aws.calls().await?;
    let loads = [Load::start(at, HOST, "/"), Load::kept(at, HOST, "/")];
    for replicas in [5, 2] {
        world.scale("web", replicas).await?;
        follows(&place, &group).await?;
    }
    let mut count = 0;
    for load in loads {
        count += load.end().await?;
    }
    // Other pods, which have no readiness gate here: the load balancer may find them healthy later than their old ones go.
    let template = json!({"metadata": {"annotations": {"rollout": "1"}}});
    let rollout = json!({"spec": {"template": template}});
    world.patch(("apps/v1", "Deployment", "web"), &rollout).await?;
    world.ready("web", 2).await?;
    follows(&place, &group).await?;
    let calls = place.aws.calls().await?;
    let operations = writes(&calls);
    for operation in operations.keys() {
        ensure!(
            ["RegisterTargets", "DeregisterTargets"].contains(operation),
            "{operation} changes more than targets: {operations:?}"
        );
    }
    let status = world.read(KIND.0, KIND.1, KIND.2).await?["status"].take();
    let ledger = status["targets"].as_array().context("status.targets")?.iter();
    let ledger: BTreeSet<String> = ledger
        .filter_map(|target| Some(target["id"].as_str()?.to_owned()))
        .collect();
    ensure!(ledger == pods(&place).await?, "{ledger:?} is written down");
    ensure!(status["targetGroupArn"] == group.as_str(), "{status}");

    // It takes with it what is its own.
    world.delete(KIND.0, KIND.1, KIND.2).await?;
    world.wait(KIND, "to be gone", Value::is_null).await?;
    let left = targets(&place, &group).await?;
    ensure!(left == BTreeSet::from([FOREIGN.to_owned()]), "{left:?} is left");
    println!("{count} requests while pods came and went, none failed; {operations:?}");
    world.leave().await
}
