//! Quotas of the region: told before anything is made, and no hindrance to what is there.

use super::{ACCOUNT, CLUSTER, MANIFESTS, Place, REGION};
use gatewright_aws_simulator::state::place;

/// Where load balancers get their addresses from.
const NETWORK: &str = "127.93.0.0/16";

fn limit(at: &Place, name: &str, most: u64) {
    let mut inner = at.simulator.simulator.inner();
    let account = inner.world.accounts.entry(place(ACCOUNT, REGION)).or_default();
    assert!(account.elb.limits.set(name, most));
}

/// Load balancers and target groups.
fn made(at: &Place) -> (usize, usize) {
    let mut inner = at.simulator.simulator.inner();
    let account = inner.world.accounts.entry(place(ACCOUNT, REGION)).or_default();
    (account.elb.balancers().len(), account.elb.groups().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_without_room_is_told_before_the_first_call() {
    const BALANCERS: &str = "application-load-balancers";
    const GROUPS: &str = "target-groups";
    let at = Place::at(NETWORK).await;
    let cluster = ["--cluster-name", CLUSTER];
    let apply = ["--cluster-name", CLUSTER, "--apply", "--timeout", "60s"];

    limit(&at, BALANCERS, 0);
    for arguments in [&cluster[..], &apply[..]] {
        let (code, said) = at.plan(arguments).await;
        assert_eq!(code, 74, "{said}");
        let told = "load balancer of shop/edge: the quota \"Application Load Balancers per Region\" is 0, the region \
                    has 0, the Gateway needs 1 more; have the quota raised";
        assert!(said.contains(told), "{said}");
        assert_eq!(made(&at), (0, 0));
    }

    // Room for one, and none for target groups: what needs none is served.
    limit(&at, BALANCERS, 1);
    limit(&at, GROUPS, 0);
    let served = MANIFESTS.replace(
        "    filters: [{type: RequestMirror, requestMirror: {backendRef: {name: cart, port: 80}}}]\n",
        "",
    );
    assert_ne!(served, MANIFESTS);
    at.write(&served);
    let (code, said) = at.plan(&cluster).await;
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("quota Application Load Balancers per Region of a region: 1 of 1\n")
            && said.contains("quota Target Groups per Region of a region: 1 of 0\n"),
        "{said}"
    );
    assert!(
        said.contains(
            "\"Target Groups per Region\" is 0, all routes of the Gateway need 1; older routes come first"
        ),
        "{said}"
    );
    let (code, said) = at.plan(&apply).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(made(&at), (1, 0));

    // Room again: the route comes. At the limit, edits and deletions go through.
    limit(&at, GROUPS, 1);
    let (code, said) = at.plan(&apply).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(made(&at), (1, 1));
    at.write(&served.replace("new.example.com", "newer.example.com"));
    let (code, said) = at.plan(&apply).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("newer.example.com"), "{said}");
    at.write("");
    let (code, said) = at.plan(&["--cluster-name", CLUSTER, "--prune", "--apply"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(made(&at), (0, 0));
    at.simulator.stop().await.unwrap();
}
