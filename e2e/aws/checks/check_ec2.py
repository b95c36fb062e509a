"""EC2 driven by boto3."""

from harness import Case

ANYWHERE = [{"CidrIp": "0.0.0.0/0"}]


def tcp(port, **peers):
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **(peers or {"IpRanges": ANYWHERE})}


class Networks(Case):
    def test_the_first_world(self):
        ec2 = self.client("ec2")
        (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "state", "Values": ["available"]}])["Vpcs"]
        zones = {zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]}
        for role in ("elb", "internal-elb"):
            subnets = self.subnets(role)
            self.assertEqual(zones, {subnet["AvailabilityZone"] for subnet in subnets})
            self.assertTrue(all(subnet["VpcId"] == vpc["VpcId"] for subnet in subnets))
        (gateway,) = ec2.describe_internet_gateways()["InternetGateways"]
        self.assertEqual(vpc["VpcId"], gateway["Attachments"][0]["VpcId"])
        pages = ec2.get_paginator("describe_route_tables").paginate(
            Filters=[{"Name": "route.gateway-id", "Values": ["igw-*"]}], PaginationConfig={"PageSize": 5}
        )
        tables = [table for page in pages for table in page["RouteTables"]]
        self.assertEqual(3, sum("SubnetId" in each for table in tables for each in table["Associations"]))
        nodes = [
            instance
            for page in ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        ]
        self.assertEqual(3, len(nodes))
        interfaces = ec2.describe_network_interfaces(
            Filters=[{"Name": "attachment.instance-id", "Values": [nodes[0]["InstanceId"]]}]
        )["NetworkInterfaces"]
        self.assertEqual(nodes[0]["PrivateIpAddress"], interfaces[0]["PrivateIpAddress"])

    def test_what_is_not_there(self):
        ec2 = self.client("ec2")
        gone = "0123456789abcdef0"
        self.refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[f"vpc-{gone}"])
        self.refused("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=[f"subnet-{gone}"])
        self.refused("InvalidRouteTableID.NotFound", ec2.describe_route_tables, RouteTableIds=[f"rtb-{gone}"])
        self.refused("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=[f"i-{gone}"])
        self.refused("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=[f"sg-{gone}"])
        self.refused(
            "InvalidNetworkInterfaceID.NotFound",
            ec2.describe_network_interfaces,
            NetworkInterfaceIds=[f"eni-{gone}"],
        )
        self.refused(
            "InvalidParameterValue", ec2.describe_subnets, Filters=[{"Name": "colour", "Values": ["red"]}]
        )


class Groups(Case):
    def test_a_life_of_a_group(self):
        ec2 = self.client("ec2")
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        new = {"GroupName": "web", "Description": "for the web", "VpcId": vpc}
        tags = [{"ResourceType": "security-group", "Tags": [{"Key": "owner", "Value": "me"}]}]
        self.refused("DryRunOperation", ec2.create_security_group, **new, DryRun=True)
        made = ec2.create_security_group(**new, TagSpecifications=tags)
        group = made["GroupId"]
        self.refused("InvalidGroup.Duplicate", ec2.create_security_group, **new)
        ec2.get_waiter("security_group_exists").wait(GroupIds=[group])
        rules = ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[
                tcp(80),
                tcp(443, IpRanges=[{"CidrIp": "10.0.0.7/8", "Description": "inside"}], Ipv6Ranges=[{"CidrIpv6": "::/0"}]),
                tcp(8080, UserIdGroupPairs=[{"GroupId": group}]),
            ],
        )["SecurityGroupRules"]
        self.assertEqual(4, len(rules))
        self.assertIn("10.0.0.0/8", [rule.get("CidrIpv4") for rule in rules])
        self.refused(
            "InvalidPermission.Duplicate",
            ec2.authorize_security_group_ingress,
            GroupId=group,
            IpPermissions=[tcp(80)],
        )
        self.refused(
            "InvalidPermission.Duplicate",
            ec2.authorize_security_group_egress,
            GroupId=group,
            IpPermissions=[{"IpProtocol": "-1", "IpRanges": ANYWHERE}],
        )
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[tcp(53)])
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[tcp(53)])
        ec2.revoke_security_group_ingress(
            GroupId=group, SecurityGroupRuleIds=[rules[0]["SecurityGroupRuleId"]]
        )
        self.refused(
            "InvalidPermission.NotFound",
            ec2.revoke_security_group_ingress,
            GroupId=group,
            IpPermissions=[tcp(80)],
        )
        held = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
        self.assertEqual(4, len(held["SecurityGroupRules"]))
        (told,) = ec2.describe_security_groups(
            Filters=[{"Name": "tag:owner", "Values": ["me"]}, {"Name": "ip-permission.cidr", "Values": ["10.0.0.0/8"]}]
        )["SecurityGroups"]
        self.assertEqual(group, told["GroupId"])
        ec2.delete_security_group(GroupId=group)
        self.refused("InvalidGroup.NotFound", ec2.delete_security_group, GroupId=group)

    def test_pages(self):
        ec2 = self.client("ec2")
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        for number in range(12):
            ec2.create_security_group(GroupName=f"g{number}", Description="d", VpcId=vpc)
        pages = list(
            ec2.get_paginator("describe_security_groups").paginate(
                Filters=[{"Name": "group-name", "Values": ["g*"]}], PaginationConfig={"PageSize": 5}
            )
        )
        self.assertEqual([5, 5, 2], [len(page["SecurityGroups"]) for page in pages])
        self.assertEqual(12, len({group["GroupId"] for page in pages for group in page["SecurityGroups"]}))


class Tags(Case):
    def test_tags(self):
        ec2 = self.client("ec2")
        subnet = self.subnets()[0]["SubnetId"]
        ec2.create_tags(Resources=[subnet], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
        of_subnet = [{"Name": "resource-id", "Values": [subnet]}, {"Name": "key", "Values": ["a", "b"]}]
        self.assertEqual(2, len(ec2.describe_tags(Filters=of_subnet)["Tags"]))
        ec2.delete_tags(Resources=[subnet], Tags=[{"Key": "a", "Value": "2"}, {"Key": "b"}])
        (left,) = ec2.describe_tags(Filters=of_subnet)["Tags"]
        self.assertEqual({"Key": "a", "Value": "1", "ResourceId": subnet, "ResourceType": "subnet"}, left)
        self.refused(
            "InvalidParameterValue", ec2.create_tags, Resources=[subnet], Tags=[{"Key": "aws:a", "Value": "1"}]
        )


class Addresses(Case):
    def test_addresses(self):
        ec2 = self.client("ec2")
        made = ec2.allocate_address(Domain="vpc")
        (told,) = ec2.describe_addresses(PublicIps=[made["PublicIp"]])["Addresses"]
        self.assertEqual(made["AllocationId"], told["AllocationId"])
        ec2.release_address(AllocationId=made["AllocationId"])
        self.refused("InvalidAllocationID.NotFound", ec2.release_address, AllocationId=made["AllocationId"])
