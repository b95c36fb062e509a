//! Answers as in the examples of the EC2 API reference, and what becomes of them.

use super::describe::Page;
use super::group::GroupPage;
use super::network::{RouteTablePage, SubnetPage, VpcPage};
use super::{Permission, Range, Source};
use crate::wire::xml;
use std::collections::{BTreeMap, BTreeSet};

fn page<P: Page>(body: &str) -> (Vec<P::Entry>, Option<String>) {
    xml::read::<P>(body.as_bytes()).unwrap().take()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(ToString::to_string).collect()
}

/// API_DescribeVpcs: blocks that are being taken away do not count.
#[test]
fn vpcs_have_all_their_associated_blocks() {
    let (vpcs, next) = page::<VpcPage>(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>7a62c49f-347e-4fc4-9331-6e8eEXAMPLE</requestId>
  <vpcSet>
    <item>
      <vpcId>vpc-1a2b3c4d</vpcId>
      <state>available</state>
      <cidrBlock>10.0.0.0/23</cidrBlock>
      <cidrBlockAssociationSet>
        <item><associationId>a</associationId><cidrBlock>10.0.0.0/23</cidrBlock>
          <cidrBlockState><state>associated</state></cidrBlockState></item>
        <item><associationId>b</associationId><cidrBlock>10.2.0.0/16</cidrBlock>
          <cidrBlockState><state>associated</state></cidrBlockState></item>
        <item><associationId>c</associationId><cidrBlock>10.3.0.0/16</cidrBlock>
          <cidrBlockState><state>disassociating</state></cidrBlockState></item>
      </cidrBlockAssociationSet>
      <ipv6CidrBlockAssociationSet>
        <item><associationId>d</associationId><ipv6CidrBlock>2001:db8:1234:1a00::/56</ipv6CidrBlock>
          <ipv6CidrBlockState><state>associated</state></ipv6CidrBlockState></item>
      </ipv6CidrBlockAssociationSet>
      <isDefault>false</isDefault>
    </item>
  </vpcSet>
</DescribeVpcsResponse>"#,
    );
    assert_eq!(next, None);
    assert_eq!(vpcs[0].id, "vpc-1a2b3c4d");
    assert_eq!(
        vpcs[0].blocks,
        set(&["10.0.0.0/23", "10.2.0.0/16", "2001:db8:1234:1a00::/56"])
    );
}

#[test]
fn subnets_have_zone_free_addresses_and_tags() {
    let (subnets, next) = page::<SubnetPage>(
        "<R><subnetSet>\
         <item><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><availabilityZone>eu-central-1a</availabilityZone>\
         <availableIpAddressCount>251</availableIpAddressCount><tagSet>\
         <item><key>kubernetes.io/role/elb</key><value>1</value></item>\
         <item><key>kubernetes.io/cluster/a&amp;b</key><value/></item></tagSet></item>\
         <item><subnetId>subnet-2</subnetId><vpcId>vpc-1</vpcId><availabilityZone>eu-central-1b</availabilityZone>\
         <ipv6CidrBlockAssociationSet><item><ipv6CidrBlock>2001:db8::/64</ipv6CidrBlock>\
         <ipv6CidrBlockState><state>associated</state></ipv6CidrBlockState></item></ipv6CidrBlockAssociationSet>\
         <outpostArn>arn:aws:outposts:eu-central-1:111122223333:outpost/op-0123456789abcdef0</outpostArn></item>\
         </subnetSet><nextToken>more</nextToken></R>",
    );
    assert_eq!(next.as_deref(), Some("more"));
    assert_eq!((subnets[0].free_addresses, subnets[0].ipv6), (251, false));
    assert_eq!((subnets[1].free_addresses, subnets[1].ipv6), (0, true));
    assert_eq!((subnets[0].outpost, subnets[1].outpost), (false, true));
    assert_eq!((&*subnets[0].block6, &*subnets[1].block6), ("", "2001:db8::/64"));
    let tags: BTreeMap<_, _> = [("kubernetes.io/role/elb", "1"), ("kubernetes.io/cluster/a&b", "")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    assert_eq!(subnets[0].tags, tags);
}

#[test]
fn route_tables_have_their_subnets_and_active_gateways() {
    let (tables, _) = page::<RouteTablePage>(
        "<R><routeTableSet><item><routeTableId>rtb-1</routeTableId><vpcId>vpc-1</vpcId><routeSet>\
         <item><destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId><state>active</state></item>\
         <item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><gatewayId>igw-1</gatewayId><state>active</state></item>\
         <item><destinationIpv6CidrBlock>::/0</destinationIpv6CidrBlock><gatewayId>igw-2</gatewayId><state>blackhole</state></item>\
         <item><destinationCidrBlock>192.0.2.0/24</destinationCidrBlock><natGatewayId>nat-1</natGatewayId><state>active</state></item>\
         </routeSet><associationSet>\
         <item><routeTableAssociationId>x</routeTableAssociationId><main>true</main></item>\
         <item><routeTableAssociationId>y</routeTableAssociationId><subnetId>subnet-1</subnetId><main>false</main></item>\
         </associationSet></item></routeTableSet></R>",
    );
    assert!(tables[0].main);
    assert_eq!(tables[0].subnets, set(&["subnet-1"]));
    let gateways: Vec<_> = tables[0]
        .gateways
        .iter()
        .map(|(to, by)| (to.as_str(), by.as_str()))
        .collect();
    assert_eq!(gateways, [("0.0.0.0/0", "igw-1"), ("10.0.0.0/16", "local")]);
}

#[test]
fn permissions_come_one_for_each_source() {
    let (groups, _) = page::<GroupPage>(
        "<R><securityGroupInfo><item><groupId>sg-1</groupId><groupName>web</groupName><vpcId>vpc-1</vpcId>\
         <ipPermissions>\
         <item><ipProtocol>tcp</ipProtocol><fromPort>80</fromPort><toPort>80</toPort>\
         <ipRanges><item><cidrIp>10.0.0.0/8</cidrIp></item><item><cidrIp>192.0.2.0/24</cidrIp></item></ipRanges>\
         <ipv6Ranges><item><cidrIpv6>::/0</cidrIpv6></item></ipv6Ranges><groups/><prefixListIds/></item>\
         <item><ipProtocol>-1</ipProtocol><groups><item><userId>1</userId><groupId>sg-2</groupId></item></groups>\
         <ipRanges/><prefixListIds><item><prefixListId>pl-1</prefixListId></item></prefixListIds></item>\
         </ipPermissions><ipPermissionsEgress><item><ipProtocol>-1</ipProtocol></item></ipPermissionsEgress>\
         </item></securityGroupInfo></R>",
    );
    let http = |source| Permission {
        protocol: "tcp".into(),
        ports: Some(Range { from: 80, to: 80 }),
        source,
    };
    let all = |source| Permission {
        protocol: "-1".into(),
        ports: None,
        source,
    };
    let wanted = [
        http(Source::Ipv4("10.0.0.0/8".into())),
        http(Source::Ipv4("192.0.2.0/24".into())),
        http(Source::Ipv6("::/0".into())),
        all(Source::Group("sg-2".into())),
        all(Source::PrefixList("pl-1".into())),
    ];
    assert_eq!(groups[0].ingress, BTreeSet::from(wanted));
}

/// XML 1.0 section 4.4: documents may declare entities; ours never need them.
#[test]
fn entities_are_not_expanded() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
        <R><vpcSet><item><vpcId>&b;</vpcId></item></vpcSet></R>";
    assert!(xml::read::<VpcPage>(bomb.as_bytes()).is_err());
    let deep = format!("<R>{}{}</R>", "<x>".repeat(100_000), "</x>".repeat(100_000));
    assert!(xml::read::<VpcPage>(deep.as_bytes()).is_ok());
}
