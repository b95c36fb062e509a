//! The rules of VPC Lattice, one test for each group of them, through the model as calls come.

use super::OPERATIONS;
use crate::error::ApiError;
use crate::protocol::check;
use crate::protocol::model::Model;
use crate::service::{Context, Health, Healths};
use crate::state::Account;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// An account whose calls pass through the model's checks both ways.
struct Bench {
    model: Model,
    account: Account,
    context: Context,
}

/// All targets are healthy.
#[derive(Debug)]
struct Well;

impl Healths for Well {
    fn of(&self, _: &str, _: &str, _: u16) -> Option<Health> {
        Some(Health {
            state: "healthy".to_owned(),
            reason: None,
            description: None,
        })
    }
}

impl Bench {
    fn new() -> Self {
        let mut context = Context::for_test("111122223333", "eu-central-1", 1_700_000_000_000);
        context.healths = Arc::new(Well);
        let mut account = Account::default();
        account.ec2.ensure(&context.account, &context.region);
        Self {
            model: Model::read(include_str!("../../models/lattice.json")).unwrap(),
            account,
            context,
        }
    }

    fn call(&mut self, operation: &str, input: Value) -> Result<Value, ApiError> {
        let modelled = &self.model.operations[operation];
        let violations = check::violations(&self.model, modelled.input.as_ref(), &input);
        if !violations.is_empty() {
            return Err(ApiError::new("ValidationException", check::sentence(&violations)));
        }
        let handler = OPERATIONS.iter().find(|(name, _)| *name == operation).unwrap().1;
        let output = handler(&mut self.account, &self.context, &input)?;
        check::answer(&self.model, modelled.output.as_ref(), &output).expect("the answer is of the model");
        Ok(output)
    }

    fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input)
            .unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// The code that a call is refused with.
    fn code(&mut self, operation: &str, input: Value) -> String {
        match self.call(operation, input) {
            Ok(output) => panic!("{operation} was not refused: {output}"),
            Err(error) => error.code,
        }
    }

    fn later(&mut self, ms: u64) {
        self.context.now += ms;
    }

    fn vpc(&self) -> String {
        let (_, describe) = crate::ec2::OPERATIONS
            .iter()
            .find(|(name, _)| *name == "DescribeVpcs")
            .unwrap();
        let mut account = self.account.clone();
        let found = describe(&mut account, &self.context, &json!({})).unwrap();
        found["Vpcs"][0]["VpcId"].as_str().unwrap().to_owned()
    }

    fn made(&mut self, operation: &str, input: Value) -> String {
        let made = self.ok(operation, input);
        made["arn"].as_str().unwrap().to_owned()
    }

    /// A service that is active.
    fn service(&mut self, name: &str, domain: Option<&str>) -> String {
        let mut input = json!({"name": name});
        if let Some(domain) = domain {
            input["customDomainName"] = domain.into();
        }
        let arn = self.made("CreateService", input);
        self.later(1000);
        arn
    }

    fn group(&mut self, name: &str, protocol: &str) -> String {
        let config = json!({"protocol": protocol, "port": 80, "vpcIdentifier": self.vpc()});
        let arn = self.made(
            "CreateTargetGroup",
            json!({"name": name, "type": "IP", "config": config}),
        );
        self.later(1000);
        arn
    }

    fn listener(&mut self, service: &str, port: u16) -> String {
        let input = json!({
            "serviceIdentifier": service, "name": format!("http-{port}"), "protocol": "HTTP", "port": port,
            "defaultAction": {"fixedResponse": {"statusCode": 404}},
        });
        self.made("CreateListener", input)
    }
}

fn forward(group: &str) -> Value {
    json!({"forward": {"targetGroups": [{"targetGroupIdentifier": group}]}})
}

fn exact(path: &str) -> Value {
    json!({"httpMatch": {"pathMatch": {"match": {"exact": path}}}})
}

#[test]
fn names_are_taken_once_and_tokens_make_a_retry_the_same() {
    let mut bench = Bench::new();
    let asked = json!({"name": "shop", "clientToken": "one", "tags": {"a": "b"}});
    let made = bench.ok("CreateService", asked.clone());
    assert_eq!(made["status"], "CREATE_IN_PROGRESS");
    assert_eq!(bench.ok("CreateService", asked), made);
    let other = json!({"name": "other", "clientToken": "one"});
    assert_eq!(bench.code("CreateService", other), "ConflictException");
    assert_eq!(
        bench.code("CreateService", json!({"name": "shop"})),
        "ConflictException"
    );
    for bad in ["svc-shop", "Shop", "a--b", "-ab", "ab-", "ab"] {
        assert_eq!(
            bench.code("CreateService", json!({"name": bad})),
            "ValidationException",
            "{bad}"
        );
    }
    bench.later(1000);
    let (arn, id) = (made["arn"].as_str().unwrap(), made["id"].as_str().unwrap());
    for name in [arn, id] {
        let told = bench.ok("GetService", json!({"serviceIdentifier": name}));
        assert_eq!((&told["status"], &told["arn"]), (&json!("ACTIVE"), &json!(arn)));
        let dns = told["dnsEntry"]["domainName"].as_str().unwrap();
        assert!(
            dns.starts_with("shop-") && dns.ends_with(".vpc-lattice-svcs.eu-central-1.on.aws"),
            "{dns}"
        );
    }
    let tags = bench.ok("ListTagsForResource", json!({"resourceArn": arn}));
    assert_eq!(tags["tags"], json!({"a": "b"}));
    let gone = json!({"serviceIdentifier": "svc-00000000000000000"});
    assert_eq!(bench.code("GetService", gone), "ResourceNotFoundException");
}

/// <https://docs.aws.amazon.com/vpc-lattice/latest/ug/service-networks.html>
#[test]
fn a_vpc_has_one_network_and_a_network_goes_last() {
    let mut bench = Bench::new();
    let vpc = bench.vpc();
    let [one, two] = ["one", "two"].map(|name| bench.made("CreateServiceNetwork", json!({"name": name})));
    let associate = |network: &str| json!({"serviceNetworkIdentifier": network, "vpcIdentifier": vpc});
    let link = bench.made("CreateServiceNetworkVpcAssociation", associate(&one));
    assert_eq!(
        bench.code("CreateServiceNetworkVpcAssociation", associate(&two)),
        "ConflictException"
    );
    let of_link = json!({"serviceNetworkVpcAssociationIdentifier": link});
    let told = bench.ok("GetServiceNetworkVpcAssociation", of_link.clone());
    assert_eq!(told["status"], "CREATE_IN_PROGRESS");
    assert_eq!(
        bench.code("DeleteServiceNetworkVpcAssociation", of_link.clone()),
        "ConflictException"
    );
    bench.later(1000);
    let service = bench.service("shop", Some("shop.example.com"));
    let asked = json!({"serviceNetworkIdentifier": one, "serviceIdentifier": service});
    let of_service = bench.made("CreateServiceNetworkServiceAssociation", asked.clone());
    assert_eq!(
        bench.code("CreateServiceNetworkServiceAssociation", asked),
        "ConflictException"
    );
    let twin = bench.service("twin", Some("shop.example.com"));
    let asked = json!({"serviceNetworkIdentifier": one, "serviceIdentifier": twin});
    assert_eq!(
        bench.code("CreateServiceNetworkServiceAssociation", asked),
        "ConflictException"
    );
    assert_eq!(
        bench.code("DeleteService", json!({"serviceIdentifier": service})),
        "ConflictException"
    );
    let told = bench.ok("GetServiceNetwork", json!({"serviceNetworkIdentifier": one}));
    assert_eq!(
        (
            &told["numberOfAssociatedVPCs"],
            &told["numberOfAssociatedServices"]
        ),
        (&json!(1), &json!(1))
    );
    let of_network = json!({"serviceNetworkIdentifier": one});
    assert_eq!(
        bench.code("DeleteServiceNetwork", of_network.clone()),
        "ConflictException"
    );
    let of_service = json!({"serviceNetworkServiceAssociationIdentifier": of_service});
    let told = bench.ok("GetServiceNetworkServiceAssociation", of_service.clone());
    assert_eq!(
        (&told["serviceArn"], &told["serviceNetworkName"]),
        (&json!(service), &json!("one"))
    );
    let told = bench.ok("DeleteServiceNetworkServiceAssociation", of_service.clone());
    assert_eq!(told["status"], "DELETE_IN_PROGRESS");
    bench.ok("DeleteServiceNetworkVpcAssociation", of_link.clone());
    // What goes still holds the network.
    assert_eq!(
        bench.code("DeleteServiceNetwork", of_network.clone()),
        "ConflictException"
    );
    bench.later(1000);
    assert_eq!(
        bench.code("GetServiceNetworkVpcAssociation", of_link),
        "ResourceNotFoundException"
    );
    assert_eq!(
        bench.code("GetServiceNetworkServiceAssociation", of_service),
        "ResourceNotFoundException"
    );
    bench.ok("DeleteServiceNetwork", of_network);
    bench.ok("DeleteService", json!({"serviceIdentifier": service}));
}

/// <https://docs.aws.amazon.com/vpc-lattice/latest/ug/listener-rules.html>
#[test]
fn rules_are_of_a_listener_by_priority() {
    let mut bench = Bench::new();
    let service = bench.service("shop", None);
    let listener = bench.listener(&service, 80);
    let group = bench.group("cart", "HTTP");
    let rule = |name: &str, priority: u32, path: &str| {
        json!({
            "serviceIdentifier": service, "listenerIdentifier": listener, "name": name, "priority": priority,
            "match": exact(path), "action": forward(&group),
        })
    };
    let one = bench.made("CreateRule", rule("one", 1, "/one"));
    let two = bench.made("CreateRule", rule("two", 2, "/two"));
    assert_eq!(
        bench.code("CreateRule", rule("three", 2, "/three")),
        "ConflictException"
    );
    assert_eq!(
        bench.code("CreateRule", rule("two", 3, "/three")),
        "ConflictException"
    );
    assert_eq!(
        bench.code("CreateRule", rule("rule-x", 3, "/x")),
        "ValidationException"
    );
    let mut empty = rule("three", 3, "/three");
    empty["match"] = json!({"httpMatch": {}});
    assert_eq!(bench.code("CreateRule", empty), "ValidationException");
    for status in [200, 403, 503] {
        let mut other = rule("three", 3, "/three");
        other["action"] = json!({"fixedResponse": {"statusCode": status}});
        assert_eq!(bench.code("CreateRule", other), "ValidationException");
    }
    let mut nowhere = rule("three", 3, "/three");
    nowhere["action"] = forward("tg-00000000000000000");
    assert_eq!(bench.code("CreateRule", nowhere), "ResourceNotFoundException");
    let of = |id: &str| json!({"serviceIdentifier": service, "listenerIdentifier": listener, "ruleIdentifier": id});
    let mut taken = of(&two);
    taken["priority"] = json!(1);
    assert_eq!(bench.code("UpdateRule", taken), "ConflictException");
    let swap = json!({
        "serviceIdentifier": service, "listenerIdentifier": listener,
        "rules": [{"ruleIdentifier": one, "priority": 2}, {"ruleIdentifier": two, "priority": 1}],
    });
    let swapped = bench.ok("BatchUpdateRule", swap);
    assert_eq!(swapped["successful"].as_array().unwrap().len(), 2);
    assert_eq!(bench.ok("GetRule", of(&one))["priority"], 2);
    let all = bench.ok(
        "ListRules",
        json!({"serviceIdentifier": service, "listenerIdentifier": listener}),
    );
    let items = all["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    let default = items
        .iter()
        .find(|rule| rule["isDefault"] == json!(true))
        .unwrap();
    let default = default["arn"].as_str().unwrap();
    assert_eq!(bench.code("DeleteRule", of(default)), "ValidationException");
    // "A target group can only be used by a single service", and not go while it is used.
    let delete = json!({"targetGroupIdentifier": group});
    assert_eq!(
        bench.code("DeleteTargetGroup", delete.clone()),
        "ConflictException"
    );
    let other = bench.service("other", None);
    let listener_of_other = json!({
        "serviceIdentifier": other, "name": "http", "protocol": "HTTP", "defaultAction": forward(&group),
    });
    assert_eq!(
        bench.code("CreateListener", listener_of_other),
        "ValidationException"
    );
    for id in [&one, &two] {
        bench.ok("DeleteRule", of(id));
    }
    bench.ok("DeleteTargetGroup", delete);
}

/// <https://docs.aws.amazon.com/vpc-lattice/latest/ug/quotas.html>: 2 listeners, and by default 10 rules.
#[test]
fn quotas_end_what_can_be_made() {
    let mut bench = Bench::new();
    let service = bench.service("shop", None);
    let listener = bench.listener(&service, 80);
    bench.listener(&service, 81);
    let asked = json!({
        "serviceIdentifier": service, "name": "third", "protocol": "HTTP", "port": 82,
        "defaultAction": {"fixedResponse": {"statusCode": 404}},
    });
    assert_eq!(
        bench.code("CreateListener", asked),
        "ServiceQuotaExceededException"
    );
    for number in 1..=11 {
        let asked = json!({
            "serviceIdentifier": service, "listenerIdentifier": listener, "name": format!("r{number}-x"),
            "priority": number, "match": exact(&format!("/{number}")), "action": {"fixedResponse": {"statusCode": 500}},
        });
        match bench.call("CreateRule", asked) {
            Ok(_) => assert!(number <= 10),
            Err(error) => assert_eq!(
                (number, error.code.as_str()),
                (11, "ServiceQuotaExceededException")
            ),
        }
    }
}

/// <https://docs.aws.amazon.com/vpc-lattice/latest/ug/tls-listeners.html>
#[test]
fn a_tls_listener_only_forwards_to_tcp_by_the_custom_domain() {
    let mut bench = Bench::new();
    let (tcp, http) = (bench.group("tcp", "TCP"), bench.group("http", "HTTP"));
    let told = bench.ok("GetTargetGroup", json!({"targetGroupIdentifier": tcp}));
    assert_eq!(told["config"]["healthCheck"]["enabled"], json!(false));
    let told = bench.ok("GetTargetGroup", json!({"targetGroupIdentifier": http}));
    assert_eq!(told["config"]["healthCheck"]["enabled"], json!(true));
    let asked = |service: &str, action: Value| json!({"serviceIdentifier": service, "name": "tls", "protocol": "TLS_PASSTHROUGH", "defaultAction": action});
    let bare = bench.service("bare", None);
    assert_eq!(
        bench.code("CreateListener", asked(&bare, forward(&tcp))),
        "ValidationException"
    );
    let service = bench.service("shop", Some("shop.example.com"));
    for wrong in [forward(&http), json!({"fixedResponse": {"statusCode": 404}})] {
        assert_eq!(
            bench.code("CreateListener", asked(&service, wrong)),
            "ValidationException"
        );
    }
    let made = bench.ok("CreateListener", asked(&service, forward(&tcp)));
    assert_eq!(made["port"], 443);
    let rule = json!({
        "serviceIdentifier": service, "listenerIdentifier": made["arn"], "name": "one", "priority": 1,
        "match": exact("/"), "action": forward(&tcp),
    });
    assert_eq!(bench.code("CreateRule", rule), "ValidationException");
}

#[test]
fn targets_drain_while_their_group_is_used() {
    let mut bench = Bench::new();
    let group = bench.group("cart", "HTTP");
    let targets = |ids: &[&str]| {
        let targets: Vec<Value> = ids.iter().map(|id| json!({"id": id, "port": 8080})).collect();
        json!({"targetGroupIdentifier": group, "targets": targets})
    };
    let made = bench.ok(
        "RegisterTargets",
        targets(&["10.0.0.1", "10.0.0.2", "2001:db8::1", "i-1"]),
    );
    let counts = ["successful", "unsuccessful"].map(|member| made[member].as_array().unwrap().len());
    assert_eq!(counts, [2, 2]);
    let list = json!({"targetGroupIdentifier": group});
    let statuses = |bench: &mut Bench| -> BTreeSet<String> {
        let told = bench.ok("ListTargets", list.clone());
        let items = told["items"].as_array().unwrap().iter();
        items
            .map(|item| {
                format!(
                    "{} {}",
                    item["id"].as_str().unwrap(),
                    item["status"].as_str().unwrap()
                )
            })
            .collect()
    };
    assert_eq!(
        statuses(&mut bench),
        ["10.0.0.1 UNUSED", "10.0.0.2 UNUSED"].map(str::to_owned).into()
    );
    // Not in use: gone at once.
    bench.ok("DeregisterTargets", targets(&["10.0.0.2"]));
    assert_eq!(
        statuses(&mut bench),
        ["10.0.0.1 UNUSED"].map(str::to_owned).into()
    );
    bench.ok("RegisterTargets", targets(&["10.0.0.2"]));
    let service = bench.service("shop", None);
    let listener = bench.listener(&service, 80);
    bench.ok(
        "UpdateListener",
        json!({"serviceIdentifier": service, "listenerIdentifier": listener, "defaultAction": forward(&group)}),
    );
    let told = bench.ok("DeregisterTargets", targets(&["10.0.0.2", "10.0.0.3"]));
    let counts = ["successful", "unsuccessful"].map(|member| told[member].as_array().unwrap().len());
    assert_eq!(counts, [1, 1]);
    assert_eq!(
        statuses(&mut bench),
        ["10.0.0.1 HEALTHY", "10.0.0.2 DRAINING"]
            .map(str::to_owned)
            .into()
    );
    let second = bench.context.settings.second_ms;
    bench.later(61 * second);
    assert_eq!(
        statuses(&mut bench),
        ["10.0.0.1 HEALTHY"].map(str::to_owned).into()
    );
}

/// <https://docs.aws.amazon.com/vpc-lattice/latest/ug/service-byoc.html>
#[test]
fn a_certificate_is_for_the_custom_domain_and_in_use() {
    let mut bench = Bench::new();
    let acm = |bench: &mut Bench, operation: &str, input: Value| {
        let handler = crate::acm::OPERATIONS
            .iter()
            .find(|(name, _)| *name == operation)
            .unwrap()
            .1;
        handler(&mut bench.account, &bench.context, &input)
    };
    let request =
        json!({"DomainName": "*.example.com", "ValidationMethod": "DNS", "KeyAlgorithm": "EC_prime256v1"});
    let arn = acm(&mut bench, "RequestCertificate", request).unwrap()["CertificateArn"].clone();
    let asked = |domain: &str| json!({"name": "shop", "customDomainName": domain, "certificateArn": arn});
    // It is not issued yet.
    assert_eq!(
        bench.code("CreateService", asked("shop.example.com")),
        "ValidationException"
    );
    bench.later(10_000);
    for other in ["example.com", "a.shop.example.com", "shop.example.org"] {
        assert_eq!(
            bench.code("CreateService", asked(other)),
            "ValidationException",
            "{other}"
        );
    }
    let service = bench.made("CreateService", asked("shop.example.com"));
    bench.later(1000);
    let delete = json!({"CertificateArn": arn});
    let refused = acm(&mut bench, "DeleteCertificate", delete.clone()).unwrap_err();
    assert_eq!(refused.code, "ResourceInUseException");
    let told = acm(&mut bench, "DescribeCertificate", delete.clone()).unwrap();
    assert_eq!(told["Certificate"]["InUseBy"], json!([service]));
    bench.ok("DeleteService", json!({"serviceIdentifier": service}));
    acm(&mut bench, "DeleteCertificate", delete).unwrap();
}

/// <https://docs.aws.amazon.com/vpc-lattice/latest/ug/auth-policies.html>
#[test]
fn policies_are_one_line_and_logs_one_of_a_kind() {
    let mut bench = Bench::new();
    let service = bench.service("shop", None);
    let of = json!({"resourceIdentifier": service});
    assert_eq!(
        bench.code("GetAuthPolicy", of.clone()),
        "ResourceNotFoundException"
    );
    let put = |policy: &str| json!({"resourceIdentifier": service, "policy": policy});
    for bad in ["no", "{}", "{\n\"Statement\": []}"] {
        assert_eq!(
            bench.code("PutAuthPolicy", put(bad)),
            "ValidationException",
            "{bad}"
        );
    }
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}"#;
    bench.ok("PutAuthPolicy", put(policy));
    assert_eq!(bench.ok("GetAuthPolicy", of.clone())["policy"], policy);
    bench.ok("DeleteAuthPolicy", of.clone());
    let log = |to: &str| json!({"resourceIdentifier": service, "destinationArn": to});
    let logs = "arn:aws:logs:eu-central-1:111122223333:log-group:shop:*";
    let made = bench.made("CreateAccessLogSubscription", log(logs));
    assert_eq!(
        bench.code("CreateAccessLogSubscription", log(logs)),
        "ConflictException"
    );
    bench.ok("CreateAccessLogSubscription", log("arn:aws:s3:::shop-logs"));
    bench.ok(
        "DeleteAccessLogSubscription",
        json!({"accessLogSubscriptionIdentifier": made}),
    );
    let left = bench.ok("ListAccessLogSubscriptions", of);
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
}

#[test]
fn lists_come_in_pages() {
    let mut bench = Bench::new();
    for number in 0..5 {
        bench.ok("CreateServiceNetwork", json!({"name": format!("net-{number}")}));
    }
    let mut found = Vec::new();
    let mut input = json!({"maxResults": 2});
    loop {
        let page = bench.ok("ListServiceNetworks", input.clone());
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        found.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        match page.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => break,
        }
    }
    let distinct: BTreeSet<String> = found.iter().cloned().collect();
    assert_eq!((found.len(), distinct.len()), (5, 5));
    assert_eq!(
        bench.code("ListServiceNetworks", json!({"nextToken": "!"})),
        "ValidationException"
    );
}
