//! Everything that goldens want is accepted by AWS, as far as the simulator knows its documented rules: names,
//! characters and lengths of values, how many there are, expressions, redirects, protocols, certificates.

mod wire;

use crate::goldens;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::{Certificate, CertificateId, Listener, ListenerTls};
use gatewright_aws_simulator::protocol::check;
use gatewright_aws_simulator::protocol::model::Model;
use gatewright_aws_simulator::service::{Context, Handler, Settings, Unchecked};
use gatewright_aws_simulator::state::Account;
use gatewright_aws_simulator::sts::Identity;
use gatewright_aws_simulator::{acm, elb};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

const ACCOUNT: &str = "123456789012";

/// What Elastic Load Balancing's inputs look like.
static MODEL: LazyLock<Model> =
    LazyLock::new(|| Model::read(include_str!("../../../../../../e2e/aws/models/elbv2.json")).unwrap());

/// An account of its own for each Gateway.
struct Cloud {
    account: Account,
    context: Context,
    vpc: String,
    subnets: Vec<String>,
    /// What was refused.
    refused: Vec<String>,
}

impl Cloud {
    fn new() -> Self {
        let context = Context {
            account: ACCOUNT.to_owned(),
            region: "eu-central-1".to_owned(),
            now: 1_795_262_400_000,
            access_key: Some(ACCOUNT.to_owned()),
            identity: Identity {
                account: ACCOUNT.to_owned(),
                arn: format!("arn:aws:iam::{ACCOUNT}:user/test"),
                user_id: "AIDATEST".to_owned(),
            },
            request_id: "test".to_owned(),
            settings: Settings::default(),
            healths: Arc::new(Unchecked),
        };
        let mut account = Account::default();
        account.ec2.ensure(&context.account, &context.region);
        let mut subnets = BTreeMap::new();
        for subnet in account.ec2.subnets() {
            subnets
                .entry(subnet.zone.clone())
                .or_insert_with(|| subnet.id.clone());
        }
        let vpc = account.ec2.groups().next().unwrap().vpc.clone();
        Self {
            account,
            context,
            vpc,
            subnets: subnets.into_values().collect(),
            refused: Vec::new(),
        }
    }

    /// The answer to a call of Elastic Load Balancing; what is refused is noted.
    fn call(&mut self, operation: &str, input: &Value) -> Value {
        let violations = check::violations(&MODEL, MODEL.operations[operation].input.as_ref(), input);
        if violations.is_empty() {
            return self.handle(elb::OPERATIONS, operation, input);
        }
        self.refused
            .push(format!("{operation} {input}: {}", check::sentence(&violations)));
        Value::Null
    }

    fn handle(&mut self, service: &[(&str, Handler)], operation: &str, input: &Value) -> Value {
        let (_, handler) = service.iter().find(|(name, _)| *name == operation).unwrap();
        let answer = handler(&mut self.account, &self.context, input);
        answer.unwrap_or_else(|error| {
            self.refused.push(format!("{operation} {input}: {error}"));
            Value::Null
        })
    }

    fn make(&mut self, target: &Target) {
        let mut groups = BTreeMap::new();
        for (id, group) in &target.target_groups {
            let made = self.call("CreateTargetGroup", &wire::target_group(group, &self.vpc));
            let arn = text(&made["TargetGroups"][0]["TargetGroupArn"]);
            if !group.attributes.is_empty() {
                let input = json!({"TargetGroupArn": arn, "Attributes": wire::attributes(&group.attributes)});
                self.call("ModifyTargetGroupAttributes", &input);
            }
            groups.insert(id.clone(), arn);
        }
        let mut certificates = BTreeMap::new();
        for (id, certificate) in &target.certificates {
            let arn = match certificate {
                Certificate::Import(import) => {
                    let made = self.handle(acm::OPERATIONS, "ImportCertificate", &wire::import(import));
                    text(&made["CertificateArn"])
                }
                Certificate::Existing => continue,
            };
            certificates.insert(id.clone(), arn);
        }
        let input = wire::balancer(&target.balancer, &self.subnets);
        let made = self.call("CreateLoadBalancer", &input);
        let balancer = text(&made["LoadBalancers"][0]["LoadBalancerArn"]);
        for listener in target.listeners.values() {
            let arn = self.listener(listener, &balancer, &certificates);
            for (at, rule) in listener.rules.iter().enumerate() {
                let input = wire::rule(rule, at + 1, &arn, &groups);
                self.call("CreateRule", &input);
            }
        }
    }

    fn listener(
        &mut self,
        listener: &Listener,
        balancer: &str,
        certificates: &BTreeMap<CertificateId, String>,
    ) -> String {
        let input = wire::listener(listener, balancer, certificates);
        let made = self.call("CreateListener", &input);
        let arn = text(&made["Listeners"][0]["ListenerArn"]);
        if let Some(ListenerTls { others, .. }) = &listener.tls {
            for id in others {
                if let Some(certificate) = certificates.get(id) {
                    let input =
                        json!({"ListenerArn": arn, "Certificates": [{"CertificateArn": certificate}]});
                    self.call("AddListenerCertificates", &input);
                }
            }
        }
        if !listener.attributes.is_empty() {
            let input = json!({"ListenerArn": arn, "Attributes": wire::attributes(&listener.attributes)});
            self.call("ModifyListenerAttributes", &input);
        }
        arn
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("none").to_owned()
}

#[test]
fn aws_accepts_what_goldens_want() {
    let mut refused = Vec::new();
    let (mut gateways, mut rules) = (0, 0);
    for (name, target) in goldens::targets() {
        let mut cloud = Cloud::new();
        cloud.make(&target);
        refused.extend(cloud.refused.iter().map(|what| format!("{name}: {what}")));
        gateways += 1;
        rules += target
            .listeners
            .values()
            .map(|listener| listener.rules.len())
            .sum::<usize>();
    }
    assert!(
        refused.is_empty(),
        "{} calls for {gateways} Gateways were refused:\n{}",
        refused.len(),
        refused.join("\n")
    );
    assert!(
        gateways > 300 && rules > 800,
        "{gateways} Gateways, {rules} rules"
    );
}
