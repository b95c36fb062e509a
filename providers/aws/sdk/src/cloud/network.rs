//! VPCs, subnets, security groups.

use crate::Account;
use crate::ec2::{Filter, NewSecurityGroup, Permission, Range, RouteTable, SecurityGroup, Source, Subnet};
use gatewright_aws::cloud::{
    Answer, Arn, CloudError, ElasticAddress, Group, Network, NewGroup, SubnetDetails, Vpc,
};
use gatewright_aws::owner::NODES;
use gatewright_aws_core::Str;
use gatewright_aws_core::access::Ports;
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

    async fn node_groups(&self, cluster: &str) -> Answer<Vec<Group>> {
        let given = Filter::exactly(format!("tag:{NODES}"), cluster);
        let found = self.ec2.security_groups(&[given]).await?;
        Ok(found.into_iter().map(group).collect())
    }

    async fn admit(&self, group: &Arn, from: &Arn, ports: &BTreeSet<Ports>) -> Answer<()> {
        let wanted = from_group(from, ports);
        all_or_each(wanted, |some| async move {
            self.ec2.authorize_ingress(&group.0, &some).await
        })
        .await
    }

    async fn refuse(&self, group: &Arn, from: &Arn, ports: &BTreeSet<Ports>) -> Answer<()> {
        let unwanted = from_group(from, ports);
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
            ports: Some(too_long(protocol).unwrap_or(Range {
                from: i32::from(*port),
                to: i32::from(*port),
            })),
            source: if block.starts_with("pl-") {
                Source::PrefixList(block)
            } else if block.contains(':') {
                Source::Ipv6(block)
            } else {
                Source::Ipv4(block)
            },
        }
    };
    ingress.iter().map(permission).collect()
}

/// Type and code of the message that a packet is too long ([`TOO_LONG`](gatewright_aws_core::network::TOO_LONG)); none of
/// protocols with ports.
fn too_long(protocol: &str) -> Option<Range> {
    match protocol {
        "icmp" => Some(Range { from: 3, to: 4 }),
        "icmpv6" => Some(Range { from: 2, to: 0 }),
        _ => None,
    }
}

/// A permission in our form: one port, or the message that a packet is too long, from one block of addresses or prefix list.
fn ingress(permission: Permission) -> Option<Ingress> {
    let Permission {
        protocol,
        ports,
        source,
    } = permission;
    let ports = ports?;
    let port = match too_long(&protocol) {
        Some(wanted) => (ports == wanted).then_some(0)?,
        None => {
            let one = ports.from == ports.to && matches!(protocol.as_str(), "tcp" | "udp");
            u16::try_from(one.then_some(ports.from)?).ok()?
        }
    };
    let (Source::Ipv4(source) | Source::Ipv6(source) | Source::PrefixList(source)) = source else {
        return None;
    };
    Some(Ingress {
        protocol: protocol.into(),
        port,
        source: source.into(),
    })
}

/// Permissions for what comes from a group.
fn from_group(from: &Arn, ports: &BTreeSet<Ports>) -> BTreeSet<Permission> {
    let permission = |ports: &Ports| Permission {
        protocol: ports.protocol.to_string(),
        ports: Some(Range {
            from: i32::from(ports.first),
            to: i32::from(ports.last),
        }),
        source: Source::Group(from.to_string()),
    };
    ports.iter().map(permission).collect()
}

/// A permission for what comes from a group, in our form: ports of TCP or UDP.
fn group_and_ports(permission: &Permission) -> Option<(Arn, Ports)> {
    let Permission {
        protocol,
        ports,
        source: Source::Group(from),
    } = permission
    else {
        return None;
    };
    let Range {
        from: first,
        to: last,
    } = (*ports)?;
    matches!(protocol.as_str(), "tcp" | "udp").then_some(())?;
    let ports = Ports {
        protocol: protocol.as_str().into(),
        first: u16::try_from(first).ok()?,
        last: u16::try_from(last).ok()?,
    };
    Some((Arn(from.as_str().into()), ports))
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
        from_groups: group.ingress.iter().filter_map(group_and_ports).collect(),
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
        block6: subnet.block6.into(),
        outpost: subnet.outpost,
        public: table.is_some_and(|table| table.gateways.values().any(|gateway| gateway.starts_with("igw-"))),
        tags: strs(subnet.tags),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn let_in(protocol: &str, port: u16, source: &str) -> Ingress {
        Ingress {
            protocol: protocol.into(),
            port,
            source: source.into(),
        }
    }

    #[test]
    fn what_is_let_in_is_read_as_it_is_written() {
        let all = BTreeSet::from([
            let_in("tcp", 443, "0.0.0.0/0"),
            let_in("udp", 53, "2001:db8::/32"),
            let_in("tcp", 443, "pl-0123456789abcdef0"),
            let_in("icmp", 0, "192.0.2.0/24"),
            let_in("icmpv6", 0, "2001:db8::/32"),
        ]);
        let written = permissions(&all);
        let too_long = written
            .iter()
            .find(|one| one.protocol == "icmp")
            .and_then(|one| one.ports);
        assert_eq!(too_long, Some(Range { from: 3, to: 4 }));
        assert_eq!(
            written.into_iter().filter_map(ingress).collect::<BTreeSet<_>>(),
            all
        );
        // Other messages, ranges and protocols are none of ours.
        let others = [
            ("icmp", Some(Range { from: -1, to: -1 })),
            ("tcp", Some(Range { from: 80, to: 81 })),
            ("-1", None),
        ];
        for (protocol, ports) in others {
            let source = Source::Ipv4("192.0.2.0/24".into());
            let protocol = protocol.to_owned();
            assert_eq!(
                ingress(Permission {
                    protocol,
                    ports,
                    source
                }),
                None
            );
        }
    }

    #[test]
    fn what_comes_from_a_group_is_read_as_it_is_written() {
        let from = Arn("sg-1".into());
        let ports = BTreeSet::from([
            Ports::one("tcp", 8080),
            Ports {
                last: 32_767,
                ..Ports::one("udp", 30_000)
            },
        ]);
        let written = from_group(&from, &ports);
        let read: BTreeSet<Ports> = written
            .iter()
            .filter_map(group_and_ports)
            .map(|(group, ports)| {
                assert_eq!(group, from);
                ports
            })
            .collect();
        assert_eq!(read, ports);
        let whole = Permission {
            protocol: "-1".to_owned(),
            ports: None,
            source: Source::Group("sg-1".to_owned()),
        };
        assert_eq!(group_and_ports(&whole), None);
    }
}
