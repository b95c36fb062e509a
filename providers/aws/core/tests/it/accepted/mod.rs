//! Everything that goldens want is accepted by AWS, as far as the simulator knows its documented rules: names,
//! characters and lengths of values, how many there are, expressions, redirects, protocols, certificates.

mod lattice;

use crate::{goldens, wire};
use gatewright_aws_core::TargetGroupId;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::{Certificate, CertificateId, Listener, ListenerTls};
use gatewright_aws_core::trust_store::TrustStoreId;
use gatewright_aws_simulator::protocol::check;
use gatewright_aws_simulator::protocol::model::Model;
use gatewright_aws_simulator::service::{Context, Handler, Settings, Unchecked};
use gatewright_aws_simulator::state::Account;
use gatewright_aws_simulator::sts::Identity;
use gatewright_aws_simulator::{acm, ec2, elb, s3};
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
        let vpc = account.ec2.groups().next().unwrap().vpc.clone();
        let all: Vec<String> = account.ec2.subnets().map(|subnet| subnet.id.clone()).collect();
        for (number, id) in [vpc.clone()].into_iter().chain(all).enumerate() {
            let prefix = if number == 0 { 56 } else { 64 };
            let range = format!("2001:db8:0:{number:x}::/{prefix}").parse().ok();
            let change = ec2::Change::SetIpv6 { id, range };
            account.ec2.change(change, &context).unwrap();
        }
        let mut subnets = BTreeMap::new();
        for subnet in account.ec2.subnets() {
            subnets
                .entry(subnet.zone.clone())
                .or_insert_with(|| subnet.id.clone());
        }
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
        for (number, id) in target.given_groups.keys().enumerate() {
            let input = json!({"Name": format!("given-{number}"), "Protocol": "HTTP", "Port": 80, "VpcId": self.vpc,
                "TargetType": "ip"});
            let made = self.call("CreateTargetGroup", &input);
            groups.insert(id.clone(), text(&made["TargetGroups"][0]["TargetGroupArn"]));
        }
        let certificates = self.certificates(&target.certificates);
        let stores = self.trust_stores(target);
        // Certificates are issued, and trust stores active.
        self.context.now += 60_000;
        let kept = target.balancer.addresses.values();
        let allocations: Vec<String> = kept
            .filter(|address| address.allocation.is_some())
            .map(|_| {
                let made = self.handle(ec2::OPERATIONS, "AllocateAddress", &json!({}));
                text(&made["AllocationId"])
            })
            .collect();
        let zones = if target.balancer.customer_owned_pool.is_some() {
            let arn = format!("arn:aws:outposts:eu-central-1:{ACCOUNT}:outpost/op-0123456789abcdef0");
            let change = ec2::Change::SetOutpost {
                subnet: self.subnets[0].clone(),
                outpost: Some(arn),
            };
            self.account.ec2.change(change, &self.context).unwrap();
            1
        } else if allocations.is_empty() {
            self.subnets.len()
        } else {
            allocations.len()
        };
        let input = wire::balancer(&target.balancer, &self.subnets[..zones], &allocations);
        let made = self.call("CreateLoadBalancer", &input);
        let balancer = text(&made["LoadBalancers"][0]["LoadBalancerArn"]);
        for listener in target.listeners.values() {
            let arn = self.listener(listener, &balancer, (&certificates, &stores), &groups);
            for (at, rule) in listener.rules.iter().enumerate() {
                let input = wire::rule(rule, at + 1, &arn, &groups);
                self.call("CreateRule", &input);
            }
        }
    }

    /// Those that are wanted, and one in the place of each that is in ACM already.
    fn certificates(
        &mut self,
        wanted: &BTreeMap<CertificateId, Certificate>,
    ) -> BTreeMap<CertificateId, String> {
        let mut certificates = BTreeMap::new();
        for (id, certificate) in wanted {
            let made = match certificate {
                Certificate::Import(import) => {
                    self.handle(acm::OPERATIONS, "ImportCertificate", &wire::import(import))
                }
                Certificate::Existing => {
                    let input = json!({"DomainName": "a.example", "ValidationMethod": "DNS"});
                    self.handle(acm::OPERATIONS, "RequestCertificate", &input)
                }
            };
            certificates.insert(id.clone(), text(&made["CertificateArn"]));
        }
        certificates
    }

    /// Those that are wanted, and one in the place of each that is named.
    fn trust_stores(&mut self, target: &Target) -> BTreeMap<TrustStoreId, String> {
        let imported = target.certificates.values().find_map(|found| match found {
            Certificate::Import(import) => Some(import.certificate.to_string()),
            Certificate::Existing => None,
        });
        let named = target.listeners.values().filter_map(|listener| {
            let store = listener.tls.as_ref()?.trust_store()?;
            matches!(store, TrustStoreId::Arn(_)).then(|| (store.clone(), "theirs".to_owned()))
        });
        let own = target.trust_stores.iter();
        let own = own.map(|(id, store)| (id.clone(), store.name.to_string()));
        let mut stores = BTreeMap::new();
        for (id, name) in named.chain(own) {
            let bundle = target.trust_stores.get(&id).map(|store| store.bundle.to_string());
            let bundle = bundle.or_else(|| imported.clone()).unwrap_or_default();
            let bucket = format!("gatewright-trust-{ACCOUNT}");
            let put = json!({"Bucket": bucket, "Key": "a.pem", "Body": wire::blob(&bundle)});
            self.handle(s3::OPERATIONS, "PutObject", &put);
            let input = json!({
                "Name": name,
                "CaCertificatesBundleS3Bucket": bucket,
                "CaCertificatesBundleS3Key": "a.pem",
            });
            let made = self.call("CreateTrustStore", &input);
            stores.insert(id, text(&made["TrustStores"][0]["TrustStoreArn"]));
        }
        stores
    }

    fn listener(
        &mut self,
        listener: &Listener,
        balancer: &str,
        (certificates, stores): (&BTreeMap<CertificateId, String>, &BTreeMap<TrustStoreId, String>),
        groups: &BTreeMap<TargetGroupId, String>,
    ) -> String {
        let input = wire::listener(listener, balancer, (certificates, stores), groups);
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
    let (mut gateways, mut rules, mut networks) = (0, 0, 0);
    for (name, target) in goldens::targets() {
        let mut cloud = Cloud::new();
        cloud.make(&target);
        refused.extend(cloud.refused.iter().map(|what| format!("{name}: {what}")));
        gateways += 1;
        networks += usize::from(!target.balancer.kind.is_application());
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
        gateways > 300 && rules > 800 && networks > 60,
        "{gateways} Gateways, {rules} rules, {networks} Network Load Balancers"
    );
}
