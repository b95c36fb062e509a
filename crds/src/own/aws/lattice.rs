//! `AwsLatticeParameters`.

use super::account::AwsAccount;
use super::merged;
use super::merging::MergingMode;
use super::target_group::TargetGroupSettings;
use crate::own::merge::{both, over};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of VPC Lattice for a GatewayClass (`spec.parametersRef`) or one Gateway
/// (`spec.infrastructure.parametersRef`). A Gateway's settings win over its class', field by field, maps key by key,
/// services host by host; what neither sets has the default.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "gatewright.dev",
    version = "v1alpha1",
    kind = "AwsLatticeParameters",
    plural = "awslatticeparameters",
    namespaced,
    category = "gatewright",
    doc = "Settings of AWS VPC Lattice, for a GatewayClass or for one Gateway.",
    derive = "Default",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.serviceNetwork) && has(self.access))")
        .message("serviceNetwork and access exclude each other: who may call is up to the network's owner"),
    validation = Rule::new("!has(self.securityGroups) || !has(self.vpcAssociation) || self.vpcAssociation == 'Vpc'")
        .message("securityGroups are those of the VPC's association, which vpcAssociation None leaves to others"),
    validation = Rule::new("!has(self.standalone) || !self.standalone || !(has(self.serviceNetwork) || has(self.access) || has(self.securityGroups) || (has(self.vpcAssociation) && self.vpcAssociation == 'Vpc'))")
        .message("standalone: there is no service network, so that serviceNetwork, access, securityGroups and vpcAssociation have no place"),
    validation = Rule::new("!has(self.services) || self.services.all(s, !has(s.name) || self.services.exists_one(o, has(o.name) && o.name == s.name))")
        .message("services: names are unique"),
    validation = Rule::new("!has(self.services) || self.services.all(s, !has(s.adopt) || self.services.exists_one(o, has(o.adopt) && o.adopt == s.adopt))")
        .message("services: a service that exists serves one hostname"),
    validation = Rule::new("!has(self.tags) || self.tags.all(k, !k.startsWith('aws:') && !k.startsWith('gatewright.dev/'))")
        .message("tags: keys that begin with aws: or gatewright.dev/ are not yours to set"),
    validation = Rule::new("!has(self.tags) || self.tags.all(k, size(k) <= 128 && size(self.tags[k]) <= 256)")
        .message("tags: a key has at most 128 characters, a value at most 256")
)]
pub struct AwsLatticeParametersSpec {
    /// Account and region; only for a GatewayClass. What was made in another one goes once the new one serves, as long as
    /// a class leads there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AwsAccount>,
    /// Whose settings win where the GatewayClass and a Gateway both have some; only for a GatewayClass. With `PreferGatewayClass` a
    /// Gateway sets what the class leaves open, and is told what else it tried. `AwsTargetGroupParameters` of Services and labels of the
    /// Gateway's `infrastructure` win in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merging_mode: Option<MergingMode>,
    /// VPC of the clients and the targets. That of the controller's `--aws-vpc-id` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 21), regex(pattern = "^vpc-[0-9a-f]{8,17}$"))]
    pub vpc: Option<String>,
    /// A service network of yours, or one that another account shares with this one, by its id or ARN: services are
    /// associated with it, and nothing of it is changed. By default the Gateway has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 200),
        regex(
            pattern = "^(sn-[0-9a-z]{17}|arn:[a-z0-9-]+:vpc-lattice:[a-zA-Z0-9-]+:[0-9]{12}:servicenetwork/sn-[0-9a-z]{17})$"
        )
    )]
    pub service_network: Option<String>,
    /// Whether the VPC is associated with the Gateway's service network, so that its clients reach the services. A VPC is
    /// associated with one service network. `Vpc` by default, `None` with `serviceNetwork`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_association: Option<VpcAssociation>,
    /// Whether services are in no service network. Nobody reaches them until somebody associates them with one; their names are told
    /// all the same. Off by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standalone: Option<bool>,
    /// Security groups of the association: whom in the VPC they let in. All by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 5),
        inner(length(max = 24), regex(pattern = "^sg-[0-9a-f]{8,17}$"))
    )]
    pub security_groups: Option<Vec<String>>,
    /// Who may call any service of the Gateway's network, and where that is logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<LatticeAccess>,
    /// Settings of single services, by hostname.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["hostname"]))]
    pub services: Option<Vec<LatticeService>>,
    /// Target groups of all backends: their health check. `AwsTargetGroupParameters` of a Service win over it, field by
    /// field. Lattice has no attributes of target groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_groups: Option<TargetGroupSettings>,
    /// Tags of networks, services and target groups. Labels of the Gateway's `infrastructure` become tags as well and win.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether what could be served only roughly is refused instead. Off by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// Whether a VPC is associated with a service network. `Vpc` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VpcAssociation {
    /// It is.
    #[default]
    Vpc,
    /// Others see to that: by an association or an endpoint of their own.
    None,
}

/// Who may call, and where that is logged.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LatticeAccess {
    /// Auth policy, JSON. With it callers are authenticated by IAM, and nobody may call whom it does not allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 10240), regex(pattern = "^[ \\t\\r\\n]*\\{"))]
    pub auth_policy: Option<String>,
    /// ARNs that access logs are sent to: CloudWatch log groups, S3 buckets, Firehose delivery streams; one of each kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 3),
        inner(length(max = 2048), regex(pattern = "^arn:[a-z0-9-]+:(logs|s3|firehose):.+$"))
    )]
    pub access_logs: Option<Vec<String>>,
}

/// Settings of one service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.name) || !(self.name.startsWith('svc-') || self.name.startsWith('gw-'))")
        .message("name: svc- is reserved by AWS, and gw- for names that the controller makes"),
    validation = Rule::new("!has(self.adopt) || !has(self.name)")
        .message("adopt: a service that exists keeps its name"),
    validation = Rule::new("!has(self.tags) || self.tags.all(k, !k.startsWith('aws:') && !k.startsWith('gatewright.dev/'))")
        .message("tags: keys that begin with aws: or gatewright.dev/ are not yours to set"),
    validation = Rule::new("!has(self.tags) || self.tags.all(k, size(k) <= 128 && size(self.tags[k]) <= 256)")
        .message("tags: a key has at most 128 characters, a value at most 256")
)]
pub struct LatticeService {
    /// The hostname that it serves, or `*` for the Gateway's own service.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = "^(\\*|[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$")
    )]
    pub hostname: String,
    /// Name of the service in VPC Lattice, unique in the account and region; it follows from cluster, Gateway and hostname by default. A
    /// change makes a new service, with another generated name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 40), regex(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"))]
    pub name: Option<String>,
    /// ARN of a service that exists, of another cluster or made by hand, and becomes the Gateway's with its listeners and rules, in
    /// place of one that is made. Its owner offers it by the tag `gatewright.dev/offered-to`: name of the cluster, namespace and name of
    /// the Gateway, with a slash between them. Its custom domain is the hostname, and its ports and protocols are those of the Gateway.
    /// What its former owner made serves until targets of the Gateway are healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 120),
        regex(pattern = "^arn:[a-z0-9-]+:vpc-lattice:[a-z0-9-]+:[0-9]{12}:service/svc-[0-9a-z]{17}$")
    )]
    pub adopt: Option<String>,
    /// Tags of the service and its target groups, over those of the Gateway. Labels of the Gateway's `infrastructure` win.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether it is in no service network, as `standalone` of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standalone: Option<bool>,
    /// ARN of a certificate in ACM, in place of those of the Gateway's listeners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 2048),
        regex(pattern = "^arn:[a-z0-9-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-z-]+$")
    )]
    pub certificate_arn: Option<String>,
    /// Who may call it, and where that is logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<LatticeAccess>,
}

over!(LatticeAccess {
    auth_policy,
    access_logs
});

impl LatticeService {
    fn over(self, base: &Self) -> Self {
        let Self {
            hostname,
            name,
            adopt,
            tags,
            standalone,
            certificate_arn,
            access,
        } = self;
        // One of them replaces the other: together they would contradict each other.
        let (name, adopt) = match (name, adopt) {
            (None, None) => (base.name.clone(), base.adopt.clone()),
            both => both,
        };
        Self {
            hostname,
            name,
            adopt,
            tags: merged(tags, base.tags.as_ref()),
            standalone: standalone.or(base.standalone),
            certificate_arn: certificate_arn.or_else(|| base.certificate_arn.clone()),
            access: both(access, base.access.as_ref(), LatticeAccess::over),
        }
    }

    /// Host by host; those that only `base` has come last.
    fn all_over(mine: Vec<Self>, base: &[Self]) -> Vec<Self> {
        let others = base
            .iter()
            .filter(|base| !mine.iter().any(|mine| mine.hostname == base.hostname))
            .cloned()
            .collect::<Vec<_>>();
        let of = |mine: Self| match base.iter().find(|base| base.hostname == mine.hostname) {
            Some(base) => mine.over(base),
            None => mine,
        };
        mine.into_iter().map(of).chain(others).collect()
    }
}

impl AwsLatticeParametersSpec {
    /// The field set here that only a GatewayClass may set, as in
    /// [`super::AwsLoadBalancerParametersSpec::class_only`].
    pub const fn class_only(&self) -> Option<&'static str> {
        if self.account.is_some() {
            Some("spec.account")
        } else if self.merging_mode.is_some() {
            Some("spec.mergingMode")
        } else {
            None
        }
    }

    /// A Gateway's settings and those of its class, whichever win.
    #[must_use]
    pub fn with_class(self, class: &Self) -> Self {
        if class.wins() {
            class.clone().over(&self)
        } else {
            self.over(class)
        }
    }

    /// Whether these, of a class, win over those of its Gateways.
    pub fn wins(&self) -> bool {
        self.merging_mode == Some(MergingMode::PreferGatewayClass)
    }

    /// These settings where set, else `base`'s: `gateway.over(&class)`.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let Self {
            account,
            merging_mode,
            vpc,
            service_network,
            vpc_association,
            standalone,
            security_groups,
            access,
            services,
            target_groups,
            tags,
            strict,
        } = self;
        let networked = service_network.is_some()
            || access.is_some()
            || security_groups.is_some()
            || vpc_association == Some(VpcAssociation::Vpc);
        let without = Self::default();
        // One of them replaces the other here too.
        let (of_network, standalone) = match standalone {
            Some(true) => (&without, standalone),
            None if !networked => (base, base.standalone),
            Some(false) | None => (base, standalone),
        };
        // One of them replaces the other: together they would contradict each other.
        let (service_network, access) = match (service_network, access) {
            (None, None) => (of_network.service_network.clone(), of_network.access.clone()),
            (None, Some(access)) => (
                None,
                both(Some(access), of_network.access.as_ref(), LatticeAccess::over),
            ),
            (network, _) => (network, None),
        };
        let (vpc_association, security_groups) = match (vpc_association, security_groups) {
            (None, None) => (of_network.vpc_association, of_network.security_groups.clone()),
            (Some(VpcAssociation::None), _) => (Some(VpcAssociation::None), None),
            (association, groups) => (association, groups.or_else(|| of_network.security_groups.clone())),
        };
        Self {
            account: account.or_else(|| base.account.clone()),
            merging_mode: merging_mode.or(base.merging_mode),
            vpc: vpc.or_else(|| base.vpc.clone()),
            service_network,
            vpc_association,
            standalone,
            security_groups,
            access,
            services: both(services, base.services.as_ref(), |mine, base| {
                LatticeService::all_over(mine, base)
            }),
            target_groups: both(
                target_groups,
                base.target_groups.as_ref(),
                TargetGroupSettings::over,
            ),
            tags: merged(tags, base.tags.as_ref()),
            strict: strict.or(base.strict),
        }
    }
}
