"""Protections by Shield Advanced, driven by boto3."""

from harness import Case


class Protections(Case):
    def test_a_life_of_a_protection(self):
        shield, sts = self.client("shield"), self.client("sts")
        account = sts.get_caller_identity()["Account"]
        balancer = (
            f"arn:aws:elasticloadbalancing:eu-central-1:{account}:loadbalancer/app/shielded/0123456789abcdef"
        )
        wanted = {"Name": "gatewright shielded", "ResourceArn": balancer, "Tags": [{"Key": "a", "Value": "b"}]}
        self.assertEqual("INACTIVE", shield.get_subscription_state()["SubscriptionState"])
        self.refused("ResourceNotFoundException", shield.create_protection, **wanted)
        shield.create_subscription()
        self.assertEqual("ACTIVE", shield.get_subscription_state()["SubscriptionState"])

        made = shield.create_protection(**wanted)["ProtectionId"]
        self.refused("ResourceAlreadyExistsException", shield.create_protection, **wanted)
        found = shield.describe_protection(ResourceArn=balancer)["Protection"]
        self.assertEqual((made, "gatewright shielded"), (found["Id"], found["Name"]))
        self.assertEqual([found], shield.list_protections()["Protections"])
        tags = shield.list_tags_for_resource(ResourceARN=found["ProtectionArn"])["Tags"]
        self.assertEqual([{"Key": "a", "Value": "b"}], tags)

        shield.delete_protection(ProtectionId=made)
        self.refused("ResourceNotFoundException", shield.delete_protection, ProtectionId=made)
        self.refused("ResourceNotFoundException", shield.describe_protection, ResourceArn=balancer)
