//! What users set and what there is in the account, together.

mod adopt;
mod backends;
mod ipv6;
mod outpost;
mod room;
mod settings;
mod subnets;

use super::*;
use crate::cloud::{Arn, Balancers, Kind, NewBalancer, Tagging};
use crate::memory::{Connection, Delays, Memory};
use crate::owner::{CLUSTER, GATEWAY, Tags};
use gatewright_aws_core::access::Backend;
use gatewright_aws_core::alb::settings::Approximations;
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::network::{BalancerKind, IpAddressType, Scheme, SecurityGroups};
use gatewright_crds::own::AwsTargetGroupParametersSpec;
use gatewright_crds::own::aws::SubnetChoice;
use gatewright_model::LoadBalancer;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerKey, ListenerParent, ObjectName};
use gatewright_model::listener::{Listener, ListenerTls, Protocol, TlsTermination};
use gatewright_provider_api::suite::drive;
use serde_json::json;

fn balancer() -> LoadBalancer {
    LoadBalancer {
        gateway: ObjectName::new("n", "g"),
        class: "c".into(),
        controller: "gatewright.dev/aws-alb".into(),
        addresses: Vec::new(),
        infrastructure: gatewright_model::balancer::Infrastructure::default(),
        listeners: BTreeMap::new(),
        http_routes: BTreeMap::new(),
        stream_routes: BTreeMap::new(),
        backends: BTreeMap::new(),
        certificates: BTreeMap::new(),
        backend_client_certificate: None,
        tracing: None,
    }
}

fn driver(memory: &Arc<Memory>) -> ElbDriver<Connection> {
    let settings = crate::alb::Settings {
        cluster: "blue".into(),
        drain: std::time::Duration::ZERO,
        vpc: Some("vpc-1".into()),
    };
    ElbDriver::new(Connection(Arc::clone(memory)), settings, || 0)
}

fn prepared(memory: &Arc<Memory>, spec: serde_json::Value) -> Result<Request, ProviderError> {
    let parameters = AwsAlb {
        balancer: serde_json::from_value(spec).unwrap(),
        ..AwsAlb::default()
    };
    let request = contract::Request {
        balancer: Arc::new(balancer()),
        uid: "".into(),
        parameters: Parameters::AwsAlb(Arc::new(parameters)),
    };
    drive(driver(memory).prepare(&request)).unwrap()
}

fn subnets() -> serde_json::Value {
    json!({"ids": ["subnet-a", "subnet-b"]})
}

fn theirs(name: &str) -> NewBalancer {
    NewBalancer {
        name: name.into(),
        kind: BalancerKind::Application,
        scheme: Scheme::Internal,
        ip_address_type: IpAddressType::Ipv4,
        ipam_pool: None,
        customer_owned_pool: None,
        subnets: ["subnet-b".into(), "subnet-c".into()].into(),
        addresses: BTreeMap::new(),
        ipv6: gatewright_aws_core::network::Ipv6::default(),
        security_groups: [Arn("sg-given-1".into())].into(),
        tags: Tags::from([("team".into(), "web".into())]),
    }
}
