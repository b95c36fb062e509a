//! VPCs, subnets, security groups.

use crate::Account;
use crate::ec2::{Filter, NewSecurityGroup, Permission, Range, RouteTable, SecurityGroup, Source, Subnet};
use gatewright_aws::cloud::{
    Answer, Arn, CloudError, ElasticAddress, Group, Network, NewGroup, SubnetDetails, Vpc,
};
use gatewright_aws_core::Str;
use gatewright_aws_core::network::Ingress;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Values of one filter (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>: at most 200).
const VALUES: usize = 200;

/// What is let in already, or not let in.
const SETTLED: [&str; 2] = ["InvalidPermission.Duplicate", "InvalidPermission.NotFound"];

impl Network for Account {
    async fn vpc(&self, id: &str) -> Answer<Option<Vpc>> {
        let found = self.ec2.vpcs(&[Filter::exactly("vpc-id", id)]).await?;
        Ok(found.into_iter().next().map(|vpc| Vpc {
            id: vpc.id.into(),
            blocks: vpc.blocks.into_iter().map(Into::into).collect(),
        }))
    }

    async fn subnets(&self, vpc: &str) -> Answer<Vec<SubnetDetails>> {
        let of_vpc = [Filter::exactly("vpc-id", vpc)];
        let subnets = self.ec2.subnets(&of_vpc).await?;
        let tables = self.ec2.route_tables(&of_vpc).await?;
        Ok(subnets
            .into_iter()
            .map(|subnet| details(subnet, &tables))
            .collect())
    }

    async fn elastic_addresses(&self, addresses: &BTreeSet<IpAddr>) -> Answer<BTreeMap<IpAddr, Str>> {
        let mut found = BTreeMap::new();
        let wanted: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        for chunk in wanted.chunks(VALUES) {
            let filter = Filter::any("public-ip", chunk.iter().map(String::as_str));
            for address in self.ec2.addresses(&[filter]).await? {
                if let Ok(ip) = address.public_ip.parse() {
                    found.insert(ip, address.allocation_id.into());
                }
            }
        }
        Ok(found)
    }

    async fn elastic_addresses_tagged(
        &self,
        tags: &BTreeMap<Str, BTreeSet<Str>>,
    ) -> Answer<Vec<ElasticAddress>> {
        let filter = |(key, accepted): (&Str, &BTreeSet<Str>)| {
            if accepted.is_empty() {
                Filter::exactly("tag-key", key)
            } else {
                let values = accepted.iter().map(|value| &**value);
                Filter::exactly_one_of(format!("tag:{key}"), values)
            }
        };
        let filters: Vec<Filter> = tags.iter().map(filter).collect();
        let found = self.ec2.addresses(&filters).await?.into_iter();
        Ok(found
            .filter_map(|address| {
                Some(ElasticAddress {
                    ip: address.public_ip.parse().ok()?,
                    allocation: address.allocation_id.into(),
                    used: address.used,
                })
            })
            .collect())
    }

    async fn security_groups(&self, ids: &[Arn]) -> Answer<Vec<Group>> {
        let mut groups = Vec::new();
        // By filter and not by id: an id that does not exist is then simply not found.
        for chunk in ids.chunks(VALUES) {
            let wanted = chunk.iter().map(|id| &*id.0);
            let found = self
                .ec2
                .security_groups(&[Filter::any("group-id", wanted)])
                .await?;
            groups.extend(found.into_iter().map(group));
        }
        Ok(groups)
    }

    async fn security_group_named(&self, vpc: &str, name: &str) -> Answer<Option<Group>> {
        let filters = [
            Filter::exactly("vpc-id", vpc),
            Filter::exactly("group-name", name),
        ];
        Ok(self
            .ec2
            .security_groups(&filters)
            .await?
            .into_iter()
            .next()
            .map(group))
    }

    async fn create_security_group(&self, new: &NewGroup) -> Answer<Arn> {
        let NewGroup {
            name,
            description,
            vpc,
            tags,
        } = new;
        let new = NewSecurityGroup {
            name,
            description,
            vpc,
            tags: tags.iter().map(|(key, value)| (&**key, &**value)).collect(),
        };
        Ok(Arn(self.ec2.create_security_group(&new).await?.into()))
    }

    async fn authorize(&self, group: &Arn, ingress: &BTreeSet<Ingress>) -> Answer<()> {
        let wanted = permissions(ingress);
        all_or_each(wanted, |some| async move {
            self.ec2.authorize_ingress(&group.0, &some).await
        })
        .await
    }

    async fn revoke(&self, group: &Arn, ingress: &BTreeSet<Ingress>) -> Answer<()> {
        let unwanted = permissions(ingress);
        all_or_each(unwanted, |some| async move {
            self.ec2.revoke_ingress(&group.0, &some).await
        })
        .await
    }

    async fn delete_security_group(&self, group: &Arn) -> Answer<()> {
        let answer = self.ec2.delete_security_group(&group.0).await;
        let exists = || async {
            Ok(!self
                .security_groups(std::slice::from_ref(group))
                .await?
                .is_empty())
        };
        super::gone_is_fine(answer, exists).await
    }
}

/// Changes all permissions in one call. AWS refuses the whole call for one that is settled already: then each by
/// itself.
async fn all_or_each<F>(
    permissions: BTreeSet<Permission>,
    change: impl Fn(BTreeSet<Permission>) -> F,
) -> Answer<()>
where
    F: Future<Output = Answer<()>>,
{
    let settled = |error: &CloudError| SETTLED.contains(&&*error.code);
    if permissions.is_empty() {
        return Ok(());
    }
    match change(permissions.clone()).await {
        Err(error) if settled(&error) => {}
        answer => return answer,
    }
    if permissions.len() == 1 {
        return Ok(());
    }
    for permission in permissions {
        match change(BTreeSet::from([permission])).await {
            Err(error) if !settled(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn permissions(ingress: &BTreeSet<Ingress>) -> BTreeSet<Permission> {
    let permission = |one: &Ingress| {
        let Ingress {
            protocol,
            port,
            source,
        } = one;
        let block = source.to_string();
        Permission {
            protocol: protocol.to_string(),
            ports: Some(Range {
                from: i32::from(*port),
                to: i32::from(*port),
            }),
            source: if block.contains(':') {
                Source::Ipv6(block)
            } else {
                Source::Ipv4(block)
            },
        }
    };
    ingress.iter().map(permission).collect()
}

/// A permission in our form: one port, from one block of addresses.
fn ingress(permission: Permission) -> Option<Ingress> {
    let Permission {
        protocol,
        ports,
        source,
    } = permission;
    let ports = ports.filter(|ports| ports.from == ports.to)?;
    let (Source::Ipv4(block) | Source::Ipv6(block)) = source else {
        return None;
    };
    matches!(protocol.as_str(), "tcp" | "udp").then_some(())?;
    Some(Ingress {
        protocol: protocol.into(),
        port: u16::try_from(ports.from).ok()?,
        source: block.into(),
    })
}

fn strs(tags: BTreeMap<String, String>) -> BTreeMap<Str, Str> {
    tags.into_iter()
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}

fn group(group: SecurityGroup) -> Group {
    Group {
        id: Arn(group.id.into()),
        name: group.name.into(),
        vpc: group.vpc.into(),
        ingress: group.ingress.into_iter().filter_map(ingress).collect(),
        tags: strs(group.tags),
    }
}

/// "A public subnet: the subnet has a direct route to an internet gateway"
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/configure-subnets.html>); a subnet without a route table of its
/// own has the VPC's main one (<https://docs.aws.amazon.com/vpc/latest/userguide/RouteTables.html>).
fn details(subnet: Subnet, tables: &[RouteTable]) -> SubnetDetails {
    let own = tables.iter().find(|table| table.subnets.contains(&subnet.id));
    let table = own.or_else(|| tables.iter().find(|table| table.main));
    SubnetDetails {
        id: subnet.id.into(),
        vpc: subnet.vpc.into(),
        zone: subnet.zone.into(),
        block: subnet.block.into(),
        free_addresses: subnet.free_addresses,
        ipv6: subnet.ipv6,
        public: table.is_some_and(|table| table.gateways.values().any(|gateway| gateway.starts_with("igw-"))),
        tags: strs(subnet.tags),
    }
}
