//! Two clusters in one account, with a Gateway of the same name each: neither touches what is the other's, and the policy
//! of neither would let it.

use super::class::{Class, Goal, once, pause, settle_by};
use super::place::{Contents, Pace, Place};
use super::{Alb, Ground, Lattice, Nlb};
use crate::calls::{Grant, policy};
use crate::testing::lattice::SECURE;
use crate::testing::simulator::readable;
use gatewright_provider_api::contract::{ErrorKind, Outcome};
use std::sync::Arc;
use std::time::Duration;

const BLUE: &str = "blue";
const GREEN: &str = "green";

/// What a cluster's policy allows is all that is allowed.
fn grant(ground: &Ground, cluster: &str) {
    let granted = readable(&policy(Grant::ALL, "aws", Some(cluster)));
    ground.simulator.simulator.inner().policy = Some(granted);
}

/// A cluster reaches a goal.
async fn reach<C: Class>(ground: &Ground, place: &Place<'_>, cluster: &str, forms: &[C::Target], goal: Goal) {
    grant(ground, cluster);
    let driver = C::driver(&place.account(&Arc::default()), cluster);
    settle_by::<C>(place, &driver, forms, goal).await;
    // What drains has drained.
    place.pass(Duration::from_secs(120)).await;
}

/// A cluster tries a few times, in vain.
async fn fails<C: Class>(
    ground: &Ground,
    place: &Place<'_>,
    cluster: &str,
    forms: &[C::Target],
    goal: Goal,
) -> Outcome {
    grant(ground, cluster);
    let driver = C::driver(&place.account(&Arc::default()), cluster);
    let mut last = once::<C>(place, &driver, forms, goal).await;
    for failures in 1..4 {
        if let Some(pause) = pause::<C>(forms, goal, &last, failures) {
            place.pass(pause).await;
        }
        last = once::<C>(place, &driver, forms, goal).await;
    }
    last
}

/// All of it is there still, and as it was.
fn untouched<C: Class>(belongings: &Contents, place: &Place<'_>, when: &str) {
    let now = place.contents();
    for (what, was) in belongings {
        assert_eq!(now.get(what), Some(was), "{}, {when}: {what}", C::NAME);
    }
}

fn without(all: Contents, others: &Contents) -> Contents {
    all.into_iter()
        .filter(|(what, _)| !others.contains_key(what))
        .collect()
}

async fn apart<C: Class>() {
    let ground = Ground::new(Pace::QUICK).await;
    let place = ground.place();
    let blue = C::forms(&place).await;
    let green: Vec<C::Target> = blue.iter().cloned().map(C::of_another_cluster).collect();
    let empty = place.contents();

    reach::<C>(&ground, &place, BLUE, &blue, Some(0)).await;
    let of_blue = without(place.contents(), &empty);
    assert!(of_blue.len() > 5, "{of_blue:?}");

    // Names are taken: the other is told, and nothing of this one changes.
    let outcome = fails::<C>(&ground, &place, GREEN, &blue, Some(0)).await;
    let told: Vec<ErrorKind> = outcome.errors().map(|error| error.kind).collect();
    assert!(told.contains(&ErrorKind::NotOurs), "{}: {:#?}", C::NAME, outcome);
    untouched::<C>(&of_blue, &place, "when another wants the same names");
    reach::<C>(&ground, &place, GREEN, &blue, None).await;
    untouched::<C>(&of_blue, &place, "when another that wanted the same names goes");
    assert_eq!(without(place.contents(), &empty), of_blue, "{}", C::NAME);

    // With names of its own, as lowering makes them.
    for form in 0..green.len() {
        reach::<C>(&ground, &place, GREEN, &green, Some(form)).await;
        untouched::<C>(
            &of_blue,
            &place,
            &format!("with form {form} of another beside it"),
        );
    }
    let of_green = without(without(place.contents(), &empty), &of_blue);
    assert!(of_green.len() > 5, "{of_green:?}");
    for goal in [Some(1), Some(2), None] {
        reach::<C>(&ground, &place, BLUE, &blue, goal).await;
        untouched::<C>(&of_green, &place, &format!("when the first becomes {goal:?}"));
    }
    assert_eq!(without(place.contents(), &empty), of_green, "{}", C::NAME);
    reach::<C>(&ground, &place, GREEN, &green, None).await;
    assert_eq!(without(place.contents(), &empty), Contents::new(), "{}", C::NAME);
    ground.simulator.stop().await.unwrap();
}

#[tokio::test]
async fn two_clusters_keep_apart_with_application_load_balancers() {
    Box::pin(apart::<Alb>()).await;
}

#[tokio::test]
async fn two_clusters_keep_apart_with_network_load_balancers() {
    Box::pin(apart::<Nlb>()).await;
}

#[tokio::test]
async fn two_clusters_keep_apart_with_vpc_lattice() {
    Box::pin(apart::<Lattice>()).await;
}

/// A VPC has one service network: the second cluster in it is told so, the first keeps its own; and its services may stand
/// in the first one's network without being its.
#[tokio::test]
async fn two_clusters_in_one_vpc_share_a_service_network_only_on_request() {
    let ground = Ground::new(Pace::QUICK).await;
    let place = ground.place();
    let blue = <Lattice as Class>::forms(&place).await;
    let empty = place.contents();
    reach::<Lattice>(&ground, &place, BLUE, &blue, Some(0)).await;
    let of_blue = without(place.contents(), &empty);
    let network = of_blue
        .keys()
        .find_map(|what| what.strip_prefix("/lattice/networks/"))
        .unwrap()
        .to_owned();

    let mut green: Vec<_> = blue.iter().cloned().map(Lattice::of_another_cluster).collect();
    for form in &mut green {
        form.vpc.clone_from(&blue[0].vpc);
    }
    let outcome = fails::<Lattice>(&ground, &place, GREEN, &green, Some(0)).await;
    let told: Vec<String> = outcome.errors().map(ToString::to_string).collect();
    assert!(told.iter().any(|message| message.contains("VPC")), "{told:#?}");
    untouched::<Lattice>(&of_blue, &place, "when another wants its VPC");
    reach::<Lattice>(&ground, &place, GREEN, &green, None).await;
    assert_eq!(without(place.contents(), &empty), of_blue);

    // By the ARN of the network.
    for form in &mut green {
        form.vpc = None;
        form.network = gatewright_aws_core::lattice::Network::Given(network.as_str().into());
        form.certificates.clear();
        for service in form.services.values_mut() {
            service.certificate = None;
            service.listeners.remove(&SECURE);
            service.domain = service
                .domain
                .as_ref()
                .map(|domain| format!("green.{domain}").into());
        }
    }
    reach::<Lattice>(&ground, &place, GREEN, &green, Some(0)).await;
    untouched::<Lattice>(&of_blue, &place, "with services of another in its network");
    reach::<Lattice>(&ground, &place, BLUE, &blue, Some(0)).await;
    let of_green = without(without(place.contents(), &empty), &of_blue);
    reach::<Lattice>(&ground, &place, BLUE, &blue, Some(1)).await;
    untouched::<Lattice>(&of_green, &place, "when the first changes");
    reach::<Lattice>(&ground, &place, GREEN, &green, None).await;
    reach::<Lattice>(&ground, &place, BLUE, &blue, None).await;
    assert_eq!(without(place.contents(), &empty), Contents::new());
    ground.simulator.stop().await.unwrap();
}
