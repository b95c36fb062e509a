"""Trust stores, and the bundles in S3 that they are made of, driven by boto3."""

import certificates
from harness import Case


class TrustStores(Case):
    def test_a_life_of_a_trust_store(self):
        s3, elb = self.client("s3"), self.client("elbv2")
        place = {"Bucket": "checks", "Key": "gatewright/shop/a b.pem"}
        bundle, _ = certificates.certificate(certificates.ec_key(), "ca.example")
        self.refused("NoSuchBucket", s3.put_object, **place, Body=bundle)
        s3.create_bucket(Bucket="checks")
        s3.put_object(**place, Body=bundle)
        self.assertEqual(bundle, s3.get_object(**place)["Body"].read())

        wanted = {
            "Name": "clients",
            "CaCertificatesBundleS3Bucket": place["Bucket"],
            "CaCertificatesBundleS3Key": place["Key"],
        }
        (made,) = elb.create_trust_store(**wanted)["TrustStores"]
        arn = made["TrustStoreArn"]
        (found,) = elb.describe_trust_stores(TrustStoreArns=[arn])["TrustStores"]
        self.assertEqual(("clients", 1), (found["Name"], found["NumberOfCaCertificates"]))
        self.refused("DuplicateTrustStoreName", elb.create_trust_store, **wanted)

        # AWS has its own copy: the object may go.
        s3.delete_object(**place)
        s3.delete_object(**place)
        self.refused("NoSuchKey", s3.get_object, **place)
        other = wanted | {"Name": "others"}
        self.refused("CaCertificatesBundleNotFound", elb.create_trust_store, **other)
        elb.delete_trust_store(TrustStoreArn=arn)
        self.refused("TrustStoreNotFound", elb.describe_trust_stores, TrustStoreArns=[arn])
