//! The rules of AWS WAF, through the model as calls come.

use crate::error::ApiError;
use crate::iam::{Policy, check as allowed};
use crate::protocol::check;
use crate::protocol::model::Model;
use crate::service::Context;
use crate::services::SERVICES;
use crate::state::Account;
use serde_json::{Value, json};

struct Bench {
    account: Account,
    context: Context,
}

impl Bench {
    fn new() -> Self {
        let context = Context::for_test("111122223333", "eu-central-1", 1_700_000_000_000);
        let mut account = Account::default();
        account.ec2.ensure(&context.account, &context.region);
        Self { account, context }
    }

    fn call(&mut self, id: &str, operation: &str, input: Value) -> Result<Value, ApiError> {
        let service = SERVICES.iter().find(|service| service.id == id).unwrap();
        let model = Model::read(service.model).unwrap();
        let modelled = &model.operations[operation];
        let input = crate::protocol::json::typed(&model, modelled.input.as_ref().unwrap(), &input).unwrap();
        let violations = check::violations(&model, modelled.input.as_ref(), &input);
        assert!(violations.is_empty(), "{}", check::sentence(&violations));
        let (_, handler) = service
            .operations
            .iter()
            .find(|(name, _)| *name == operation)
            .unwrap();
        let output = handler(&mut self.account, &self.context, &input)?;
        check::answer(&model, modelled.output.as_ref(), &output).expect("the answer is of the model");
        Ok(output)
    }

    fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call("waf", operation, input)
            .unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    fn code(&mut self, operation: &str, input: Value) -> String {
        self.call("waf", operation, input).unwrap_err().code
    }

    fn balancer(&mut self, name: &str, kind: &str) -> String {
        let mut zones = std::collections::BTreeSet::new();
        let all = self.account.ec2.subnets();
        let subnets: Vec<String> = all
            .filter(|subnet| zones.insert(subnet.zone.clone()))
            .map(|subnet| subnet.id.clone())
            .collect();
        let input = json!({"Name": name, "Type": kind, "Subnets": subnets,
            "Tags": [{"Key": "cluster", "Value": name}]});
        let made = self.call("elbv2", "CreateLoadBalancer", input).unwrap();
        made["LoadBalancers"][0]["LoadBalancerArn"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn acl(&mut self, name: &str, action: &str) -> Value {
        self.ok("CreateWebACL", new(name, action))["Summary"].clone()
    }
}

fn new(name: &str, action: &str) -> Value {
    json!({"Name": name, "Scope": "REGIONAL", "DefaultAction": {action: {}},
        "VisibilityConfig": {"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": name}})
}

#[test]
fn a_load_balancer_has_one_web_acl_and_loses_it_with_its_end() {
    let mut bench = Bench::new();
    let balancer = bench.balancer("web", "application");
    let of = json!({"ResourceArn": balancer});
    assert_eq!(bench.ok("GetWebACLForResource", of.clone()), json!({}));
    let (first, second) = (bench.acl("first", "Allow"), bench.acl("second", "Block"));
    let put = |acl: &Value| json!({"ResourceArn": balancer, "WebACLArn": acl["ARN"]});
    bench.ok("AssociateWebACL", put(&first));
    assert!(!bench.account.waf.of(&balancer).unwrap().1.blocks());
    bench.ok("AssociateWebACL", put(&second));
    assert!(bench.account.waf.of(&balancer).unwrap().1.blocks());
    let found = bench.ok("GetWebACLForResource", of.clone());
    assert_eq!(found["WebACL"]["ARN"], second["ARN"]);
    assert_eq!(found["WebACL"]["DefaultAction"], json!({"Block": {}}));
    let used = |bench: &mut Bench, acl: &Value| {
        bench.ok("ListResourcesForWebACL", json!({"WebACLArn": acl["ARN"]}))["ResourceArns"].clone()
    };
    assert_eq!(used(&mut bench, &first), json!([]));
    assert_eq!(used(&mut bench, &second), json!([balancer]));
    // In use.
    let removal = |acl: &Value| json!({"Name": acl["Name"], "Scope": "REGIONAL", "Id": acl["Id"], "LockToken": acl["LockToken"]});
    assert_eq!(
        bench.code("DeleteWebACL", removal(&second)),
        "WAFAssociatedItemException"
    );
    let mut stale = removal(&first);
    stale["LockToken"] = json!("00000000-0000-4000-8000-00000000ffff");
    assert_eq!(bench.code("DeleteWebACL", stale), "WAFOptimisticLockException");
    bench.ok("DeleteWebACL", removal(&first));
    assert_eq!(
        bench.code("DeleteWebACL", removal(&first)),
        "WAFNonexistentItemException"
    );
    bench
        .call(
            "elbv2",
            "DeleteLoadBalancer",
            json!({"LoadBalancerArn": balancer}),
        )
        .unwrap();
    assert_eq!(used(&mut bench, &second), json!([]));
    assert_eq!(
        bench.code("GetWebACLForResource", of),
        "WAFNonexistentItemException"
    );
    bench.ok("DeleteWebACL", removal(&second));
    assert_eq!(
        bench.ok("ListWebACLs", json!({"Scope": "REGIONAL"}))["WebACLs"],
        json!([])
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let mut bench = Bench::new();
    let (web, network) = (
        bench.balancer("web", "application"),
        bench.balancer("net", "network"),
    );
    let acl = bench.acl("acl", "Allow");
    let mut put = |balancer: &str, acl: &Value| {
        bench.code(
            "AssociateWebACL",
            json!({"ResourceArn": balancer, "WebACLArn": acl}),
        )
    };
    let nowhere = json!(
        "arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/none/00000000-0000-4000-8000-000000000000"
    );
    assert_eq!(put(&web, &nowhere), "WAFNonexistentItemException");
    // "A regional application can be an Application Load Balancer (ALB), ..." (`API_AssociateWebACL`).
    assert_eq!(put(&network, &acl["ARN"]), "WAFInvalidParameterException");
    assert_eq!(
        put(&format!("{web}0"), &acl["ARN"]),
        "WAFNonexistentItemException"
    );
    assert_eq!(
        bench.code("CreateWebACL", new("acl", "Allow")),
        "WAFDuplicateItemException"
    );
    let mut both = new("both", "Allow");
    both["DefaultAction"]["Block"] = json!({});
    assert_eq!(bench.code("CreateWebACL", both), "WAFInvalidParameterException");
    let mut wide = new("wide", "Allow");
    wide["Scope"] = json!("CLOUDFRONT");
    assert_eq!(bench.code("CreateWebACL", wide), "WAFInvalidParameterException");
    for number in 1..100 {
        bench.acl(&format!("acl-{number}"), "Allow");
    }
    assert_eq!(
        bench.code("CreateWebACL", new("more", "Allow")),
        "WAFLimitsExceededException"
    );
}

/// A web ACL is put in front of a load balancer by who may change that load balancer.
#[test]
fn the_load_balancer_decides_who_may_put_one_in_front_of_it() {
    let mut bench = Bench::new();
    let (mine, other) = (
        bench.balancer("mine", "application"),
        bench.balancer("other", "application"),
    );
    let acl = bench.acl("acl", "Allow")["ARN"].clone();
    let policy = |joined: &str| {
        let text = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["wafv2:AssociateWebACL", "wafv2:DisassociateWebACL",
                "wafv2:GetWebACLForResource"], "Resource": "*"},
            {"Effect": "Allow", "Action": [joined], "Resource": "*",
                "Condition": {"StringEquals": {"aws:ResourceTag/cluster": "mine"}}}]});
        Policy::read(&text.to_string()).unwrap()
    };
    let set = policy("elasticloadbalancing:SetWebACL");
    let may = |bench: &Bench, policy: &Policy, operation: &str, of: &str| {
        let input = json!({"ResourceArn": of, "WebACLArn": acl});
        allowed(policy, &bench.account, &bench.context, ("waf", operation), &input).is_ok()
    };
    for operation in ["AssociateWebACL", "DisassociateWebACL"] {
        assert!(may(&bench, &set, operation, &mine));
        assert!(!may(&bench, &set, operation, &other));
        assert!(!may(
            &bench,
            &policy("elasticloadbalancing:SetSubnets"),
            operation,
            &mine
        ));
    }
    // Whoever reads which one it is must be allowed to read it, and where there is none there is nothing to read.
    assert!(may(&bench, &set, "GetWebACLForResource", &mine));
    bench.ok("AssociateWebACL", json!({"ResourceArn": mine, "WebACLArn": acl}));
    assert!(!may(&bench, &set, "GetWebACLForResource", &mine));
}
