//! Classes with accounts of their own: each run is a process of its own, which knows nothing of those before.

use super::{ACCOUNT, CLUSTER, Place, REGION, VPC};
use serde_json::Value;
use std::time::{Duration, Instant};

/// The other account, and where its classes work.
const OTHER: &str = "210987654321";
const OTHER_REGION: &str = "us-east-1";
const ROLE: &str = "arn:aws:iam::210987654321:role/gatewright";

pub(super) const CLASSES: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: here}
spec: {controllerName: gatewright.dev/aws-alb}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: there}
spec:
  controllerName: gatewright.dev/aws-alb
  parametersRef: {group: gatewright.dev, kind: AwsLoadBalancerParameters, namespace: infra, name: there}
---
apiVersion: gatewright.dev/v1alpha1
kind: AwsLoadBalancerParameters
metadata: {name: there, namespace: infra}
spec:
  account: {roleArn: 'arn:aws:iam::210987654321:role/gatewright', externalId: shop, region: us-east-1}
  vpc: vpc-056090ec9e69c4736
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: inside}
spec: {controllerName: gatewright.dev/aws-lattice}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: inside-there}
spec:
  controllerName: gatewright.dev/aws-lattice
  parametersRef: {group: gatewright.dev, kind: AwsLatticeParameters, namespace: infra, name: there}
---
apiVersion: gatewright.dev/v1alpha1
kind: AwsLatticeParameters
metadata: {name: there, namespace: infra}
spec:
  account: {roleArn: 'arn:aws:iam::210987654321:role/gatewright', region: us-east-1}
  vpc: vpc-056090ec9e69c4736
";

/// A Gateway of a class, with a route to another path.
pub(super) fn gateway(name: &str, class: &str, target: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: shop}}
spec:
  gatewayClassName: {class}
  listeners: [{{name: http, port: 18086, protocol: HTTP}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: shop}}
spec:
  parentRefs: [{{name: {name}}}]
  rules:
  - matches: [{{path: {{type: PathPrefix, value: /old}}}}]
    filters: [{{type: RequestRedirect, requestRedirect: {{hostname: {target}, statusCode: 301}}}}]
"
    )
}

impl Place {
    fn gateways(&self, gateways: &[(&str, &str, &str)]) {
        let gateways = gateways
            .iter()
            .map(|(name, class, target)| gateway(name, class, target));
        self.write(&(CLASSES.to_owned() + &gateways.collect::<String>()));
    }

    async fn run(&self, more: &[&str]) -> (i32, String) {
        let mut all = vec![
            "--cluster-name",
            CLUSTER,
            "--aws-vpc-id",
            VPC,
            "--aws-drain",
            "2s",
        ];
        all.extend(more);
        self.plan(&all).await
    }

    async fn apply(&self) -> (i32, String) {
        self.run(&["--apply", "--timeout", "60s"]).await
    }

    /// Everything in an account and region.
    fn inventory(&self, account: &str, region: &str) -> Value {
        let inner = self.simulator.simulator.inner();
        let place = format!("{account}/{region}");
        serde_json::to_value(inner.world.accounts.get(&place)).unwrap()
    }

    /// Load balancers of the account, and of the other one.
    fn balancers(&self) -> (usize, usize) {
        let count = |account, region| {
            let all = self.inventory(account, region);
            all["elb"]["balancers"]
                .as_object()
                .map_or(0, serde_json::Map::len)
        };
        (count(ACCOUNT, REGION), count(OTHER, OTHER_REGION))
    }

    /// How many resources of either account have our tags.
    fn marked(&self) -> (usize, usize) {
        let count = |account, region| marks(&self.inventory(account, region));
        (count(ACCOUNT, REGION), count(OTHER, OTHER_REGION))
    }

    /// Waits until so much has our tags: AWS takes its time to delete services of Lattice, whose driver is done when they go.
    async fn until_marked(&self, is_right: impl Fn((usize, usize)) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_right(self.marked()) {
            assert!(Instant::now() < deadline, "{:?} is left", self.marked());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Lets nobody assume the role, or everybody.
    fn refuse(&self, refused: bool) {
        let mut inner = self.simulator.simulator.inner();
        for region in [REGION, OTHER_REGION] {
            let place = format!("{ACCOUNT}/{region}");
            let account = inner.world.accounts.entry(place).or_default();
            account.sts.refused_roles = refused.then(|| ROLE.to_owned()).into_iter().collect();
        }
    }
}

fn marks(value: &Value) -> usize {
    match value {
        Value::Object(all) => {
            let own = usize::from(all.contains_key("gatewright.dev/cluster"));
            own + all.values().map(marks).sum::<usize>()
        }
        Value::Array(all) => all.iter().map(marks).sum(),
        _ => 0,
    }
}

/// What `plan` says of a Gateway.
fn of<'a>(found: &'a Value, gateway: &str) -> &'a Value {
    let all = found["gateways"].as_array().unwrap();
    all.iter()
        .find(|entry| entry["gateway"] == *format!("shop/{gateway}"))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_moves_to_another_account_and_nothing_stays() {
    let place = Place::at("127.86.0.0/16").await;
    place.gateways(&[("edge", "here", "a.example"), ("far", "there", "a.example")]);
    let (code, said) = place.apply().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(place.balancers(), (1, 1), "{said}");
    assert!(
        said.contains(".eu-central-1.elb.") && said.contains(".us-east-1.elb."),
        "{said}"
    );
    let (code, said) = place.run(&[]).await;
    assert_eq!(code, 0, "{said}");

    // To the account of the other class: the plan says what goes, and it goes once the new one serves.
    place.gateways(&[("edge", "here", "a.example"), ("far", "here", "a.example")]);
    let (code, said) = place.run(&["--output", "json"]).await;
    assert_eq!(code, 2, "{said}");
    let found: Value = serde_json::from_str(&said).unwrap();
    let of_kind = |action: &str| {
        let changes = of(&found, "far")["changes"].as_array().unwrap();
        let of = changes
            .iter()
            .filter(|change| change["resource"]["kind"] == "load balancer" && change["action"] == *action);
        of.count()
    };
    assert_eq!((of_kind("create"), of_kind("delete")), (1, 1), "{said}");
    let (code, said) = place.apply().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!((place.balancers(), place.marked().1), ((2, 0), 0), "{said}");

    // Back again, one of them for the first time.
    place.gateways(&[("edge", "there", "a.example"), ("far", "there", "a.example")]);
    let (code, said) = place.apply().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!((place.balancers(), place.marked().0), ((0, 2), 0), "{said}");

    // Both are deleted.
    place.gateways(&[]);
    let (code, said) = place.run(&["--prune", "--apply"]).await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(place.marked(), (0, 0), "{said}");
    place.simulator.stop().await.unwrap();
}

/// A role that cannot be taken on stops its own classes, keeps what serves, and says what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_refused_concerns_its_classes_alone() {
    let place = Place::at("127.87.0.0/16").await;
    place.gateways(&[("edge", "here", "a.example"), ("far", "there", "a.example")]);
    let (code, said) = place.apply().await;
    assert_eq!(code, 0, "{said}");
    let there = place.inventory(OTHER, OTHER_REGION);

    place.refuse(true);
    place.gateways(&[("edge", "here", "b.example"), ("far", "there", "b.example")]);
    let (code, said) = place.apply().await;
    assert_eq!(code, 74, "{said}");
    for part in [
        "role arn:aws:iam::210987654321:role/gatewright",
        "STS answered AccessDenied to AssumeRole",
        "trust policy",
        "`sts:AssumeRole`",
        "(Terraform: variable `assumable_role_arns` of terraform/aws/irsa",
        "spec.account of the class's parameters names the role",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(said.matches("failed").count(), 1, "{said}");
    let rules = place.inventory(ACCOUNT, REGION)["elb"]["rules"].to_string();
    assert!(
        rules.contains("b.example") && !rules.contains("a.example"),
        "{rules}"
    );
    assert_eq!(place.inventory(OTHER, OTHER_REGION)["elb"], there["elb"]);

    // One that moves there goes on where it is; another one can be deleted all the same.
    place.gateways(&[("edge", "there", "b.example"), ("far", "there", "b.example")]);
    let (code, said) = place.apply().await;
    assert_eq!((code, place.balancers()), (74, (1, 1)), "{said}");
    place.gateways(&[("far", "there", "b.example")]);
    let (_, said) = place.run(&["--prune", "--apply"]).await;
    assert_eq!(place.balancers(), (0, 1), "{said}");

    place.refuse(false);
    let (code, said) = place.apply().await;
    assert_eq!(code, 0, "{said}");
    let rules = place.inventory(OTHER, OTHER_REGION)["elb"]["rules"].to_string();
    assert!(rules.contains("b.example"), "{rules}");
    place.simulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn services_of_lattice_move_as_well() {
    let place = Place::at("127.88.0.0/16").await;
    place.gateways(&[("mesh", "inside-there", "a.example")]);
    let (code, said) = place.apply().await;
    assert_eq!(code, 0, "{said}");
    let services = |account, region| {
        let all = place.inventory(account, region);
        all["lattice"]["services"]
            .as_object()
            .map_or(0, serde_json::Map::len)
    };
    assert_eq!(
        (services(ACCOUNT, REGION), services(OTHER, OTHER_REGION)),
        (0, 1),
        "{said}"
    );
    place.gateways(&[("mesh", "inside", "a.example")]);
    let (code, said) = place.apply().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(services(ACCOUNT, REGION), 1, "{said}");
    place.until_marked(|(_, other)| other == 0).await;
    place.gateways(&[]);
    let (code, said) = place.run(&["--prune", "--apply"]).await;
    assert_eq!(code, 0, "{said}");
    place.until_marked(|left| left == (0, 0)).await;
    place.simulator.stop().await.unwrap();
}

/// Whose account it is, is not for the namespace of a Gateway to say.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_does_not_choose_its_account() {
    let place = Place::at("127.89.0.0/16").await;
    let own = gateway("edge", "here", "a.example").replace(
        "gatewayClassName: here",
        "gatewayClassName: here
  infrastructure: {parametersRef: {group: gatewright.dev, kind: AwsLoadBalancerParameters, name: own}}",
    );
    place.write(&format!(
        "{CLASSES}{own}---
apiVersion: gatewright.dev/v1alpha1
kind: AwsLoadBalancerParameters
metadata: {{name: own, namespace: shop}}
spec: {{account: {{roleArn: '{ROLE}'}}}}
"
    ));
    let (_, said) = place.apply().await;
    assert_eq!(place.balancers(), (0, 0), "{said}");
    let (_, said) = place.run(&[]).await;
    assert!(
        said.contains("spec.account: may be set in the parameters of a GatewayClass"),
        "{said}"
    );
    place.simulator.stop().await.unwrap();
}
