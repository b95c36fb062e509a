//! The rules of AWS Shield, through the model as calls come.

use super::{OPERATIONS, arn};
use crate::error::ApiError;
use crate::iam::{Policy, check as allowed};
use crate::protocol::check;
use crate::protocol::model::Model;
use crate::service::Context;
use crate::state::Account;
use serde_json::{Value, json};

struct Bench {
    model: Model,
    account: Account,
    context: Context,
}

impl Bench {
    fn new() -> Self {
        Self {
            model: Model::read(include_str!("../../models/shield.json")).unwrap(),
            account: Account::default(),
            context: Context::for_test("111122223333", "us-east-1", 1_700_000_000_000),
        }
    }

    fn call(&mut self, operation: &str, input: Value) -> Result<Value, ApiError> {
        let modelled = &self.model.operations[operation];
        let violations = check::violations(&self.model, modelled.input.as_ref(), &input);
        assert!(violations.is_empty(), "{}", check::sentence(&violations));
        let (_, handler) = OPERATIONS.iter().find(|(name, _)| *name == operation).unwrap();
        let output = handler(&mut self.account, &self.context, &input)?;
        check::answer(&self.model, modelled.output.as_ref(), &output).expect("the answer is of the model");
        Ok(output)
    }

    fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input)
            .unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    fn code(&mut self, operation: &str, input: Value) -> String {
        self.call(operation, input).unwrap_err().code
    }
}

fn balancer(number: usize) -> String {
    format!("arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/web/{number:016x}")
}

fn new(name: &str, resource: &str) -> Value {
    json!({"Name": name, "ResourceArn": resource, "Tags": [{"Key": "cluster", "Value": name}]})
}

#[test]
fn a_protection_needs_a_subscription_and_is_one_for_a_resource() {
    let mut bench = Bench::new();
    let of = json!({"ResourceArn": balancer(1)});
    assert_eq!(
        bench.ok("GetSubscriptionState", json!({}))["SubscriptionState"],
        "INACTIVE"
    );
    assert_eq!(
        bench.code("CreateProtection", new("one", &balancer(1))),
        "ResourceNotFoundException"
    );
    assert_eq!(
        bench.code("DescribeProtection", of.clone()),
        "ResourceNotFoundException"
    );
    bench.ok("CreateSubscription", json!({}));
    assert_eq!(
        bench.ok("GetSubscriptionState", json!({}))["SubscriptionState"],
        "ACTIVE"
    );
    assert_eq!(
        bench.code("CreateSubscription", json!({})),
        "ResourceAlreadyExistsException"
    );
    assert_eq!(
        bench.code("DescribeProtection", of.clone()),
        "ResourceNotFoundException"
    );
    let id = bench.ok("CreateProtection", new("one", &balancer(1)))["ProtectionId"].clone();
    assert_eq!(
        bench.code("CreateProtection", new("two", &balancer(1))),
        "ResourceAlreadyExistsException"
    );
    let found = bench.ok("DescribeProtection", of.clone())["Protection"].clone();
    assert_eq!((&found["Id"], &found["Name"]), (&id, &json!("one")));
    assert_eq!(
        bench.ok("DescribeProtection", json!({"ProtectionId": id}))["Protection"],
        found
    );
    let both = json!({"ProtectionId": id, "ResourceArn": balancer(1)});
    assert_eq!(
        bench.code("DescribeProtection", both),
        "InvalidParameterException"
    );
    let tags = bench.ok(
        "ListTagsForResource",
        json!({"ResourceARN": found["ProtectionArn"]}),
    );
    assert_eq!(tags["Tags"], json!([{"Key": "cluster", "Value": "one"}]));
    bench.ok("CreateProtection", new("two", &balancer(2)));
    let listed = |bench: &mut Bench, filters: Value| {
        let answer = bench.ok("ListProtections", json!({"InclusionFilters": filters}));
        answer["Protections"].as_array().unwrap().len()
    };
    assert_eq!(listed(&mut bench, json!({})), 2);
    assert_eq!(listed(&mut bench, json!({"ProtectionNames": ["two"]})), 1);
    assert_eq!(listed(&mut bench, json!({"ResourceArns": [balancer(3)]})), 0);
    bench.ok("DeleteProtection", json!({"ProtectionId": id}));
    assert_eq!(
        bench.code("DeleteProtection", json!({"ProtectionId": id})),
        "ResourceNotFoundException"
    );
    assert_eq!(bench.code("DescribeProtection", of), "ResourceNotFoundException");
}

#[test]
fn what_cannot_be_protected_is_refused() {
    let mut bench = Bench::new();
    bench.ok("CreateSubscription", json!({}));
    // "You can protect Amazon EC2 instances and Network Load Balancers by association with protected Amazon EC2 Elastic IP
    // addresses" (`API_CreateProtection`).
    let network = balancer(1).replace("/app/", "/net/");
    assert_eq!(
        bench.code("CreateProtection", new("net", &network)),
        "InvalidResourceException"
    );
    let others = balancer(1).replace("111122223333", "444455556666");
    assert_eq!(
        bench.code("CreateProtection", new("others", &others)),
        "InvalidResourceException"
    );
    for number in 0..1000 {
        bench.ok("CreateProtection", new("many", &balancer(number)));
    }
    assert_eq!(
        bench.code("CreateProtection", new("more", &balancer(1000))),
        "LimitsExceededException"
    );
}

#[test]
fn protections_are_allowed_by_their_tags() {
    let mut bench = Bench::new();
    bench.ok("CreateSubscription", json!({}));
    let mine = bench.ok("CreateProtection", new("mine", &balancer(1)))["ProtectionId"].clone();
    let other = bench.ok("CreateProtection", new("other", &balancer(2)))["ProtectionId"].clone();
    let statement = |actions: &[&str], key: &str| {
        json!({"Effect": "Allow", "Action": actions, "Resource": arn(&bench.context, "*"),
            "Condition": {"StringEquals": {key: "mine"}}})
    };
    let policy = |actions: &[&str]| {
        let text = json!({"Version": "2012-10-17", "Statement": [
            statement(actions, "aws:RequestTag/cluster"),
            statement(&["shield:DeleteProtection"], "aws:ResourceTag/cluster")]});
        Policy::read(&text.to_string()).unwrap()
    };
    let full = policy(&["shield:CreateProtection", "shield:TagResource"]);
    let may = |policy: &Policy, operation: &str, input: &Value| {
        allowed(
            policy,
            &bench.account,
            &bench.context,
            ("shield", operation),
            input,
        )
        .is_ok()
    };
    assert!(may(&full, "CreateProtection", &new("mine", &balancer(3))));
    assert!(!may(&full, "CreateProtection", &new("other", &balancer(3))));
    // What is made with tags needs the permission to tag.
    assert!(!may(
        &policy(&["shield:CreateProtection"]),
        "CreateProtection",
        &new("mine", &balancer(3))
    ));
    assert!(may(&full, "DeleteProtection", &json!({"ProtectionId": mine})));
    assert!(!may(&full, "DeleteProtection", &json!({"ProtectionId": other})));
}
