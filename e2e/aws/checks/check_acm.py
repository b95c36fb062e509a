"""ACM driven by boto3."""

import certificates
from harness import Case


class Imported(Case):
    def test_a_life_of_a_certificate(self):
        acm = self.client("acm")
        key = certificates.rsa_key()
        leaf, private = certificates.certificate(key, "a.example", "*.b.example")
        tags = [{"Key": "owner", "Value": "me"}]
        arn = acm.import_certificate(Certificate=leaf, PrivateKey=private, Tags=tags)["CertificateArn"]
        told = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        self.assertEqual("ISSUED", told["Status"])
        self.assertEqual("RSA_2048", told["KeyAlgorithm"])
        self.assertEqual(leaf.decode(), acm.get_certificate(CertificateArn=arn)["Certificate"])
        self.assertEqual(tags, acm.list_tags_for_certificate(CertificateArn=arn)["Tags"])
        acm.add_tags_to_certificate(CertificateArn=arn, Tags=[{"Key": "more", "Value": "yes"}])
        acm.remove_tags_from_certificate(CertificateArn=arn, Tags=[{"Key": "owner"}])
        self.assertEqual(
            [{"Key": "more", "Value": "yes"}], acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]
        )
        again, private = certificates.certificate(key, "a.example", "c.example")
        acm.import_certificate(CertificateArn=arn, Certificate=again, PrivateKey=private)
        told = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        self.assertEqual(["a.example", "c.example"], told["SubjectAlternativeNames"])
        other, private = certificates.certificate(certificates.ec_key(), "a.example")
        self.refused(
            "ValidationException",
            acm.import_certificate,
            CertificateArn=arn,
            Certificate=other,
            PrivateKey=private,
        )
        acm.delete_certificate(CertificateArn=arn)
        self.refused("ResourceNotFoundException", acm.describe_certificate, CertificateArn=arn)

    def test_what_does_not_fit(self):
        acm = self.client("acm")
        leaf, _ = certificates.certificate(certificates.ec_key(), "a.example")
        _, key = certificates.certificate(certificates.ec_key(), "a.example")
        message = self.refused("ValidationException", acm.import_certificate, Certificate=leaf, PrivateKey=key)
        self.assertIn("does not match", message)
        self.refused("ValidationException", acm.import_certificate, Certificate=b"x", PrivateKey=key)

    def test_lists(self):
        acm = self.client("acm")
        rsa, ec = certificates.rsa_key(), certificates.ec_key()
        for number in range(3):
            leaf, key = certificates.certificate(rsa, f"r{number}.example")
            acm.import_certificate(Certificate=leaf, PrivateKey=key)
        leaf, key = certificates.certificate(ec, "e.example")
        acm.import_certificate(Certificate=leaf, PrivateKey=key)
        pages = acm.get_paginator("list_certificates").paginate(PaginationConfig={"PageSize": 2})
        names = [row["DomainName"] for page in pages for row in page["CertificateSummaryList"]]
        self.assertEqual(["r0.example", "r1.example", "r2.example"], names)
        every = acm.list_certificates(Includes={"keyTypes": ["RSA_2048", "EC_prime256v1"]})
        self.assertEqual(4, len(every["CertificateSummaryList"]))


class Requested(Case):
    def test_validation(self):
        acm = self.client("acm")
        arn = acm.request_certificate(DomainName="www.example.com", ValidationMethod="DNS")["CertificateArn"]
        told = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        self.assertEqual("CNAME", told["DomainValidationOptions"][0]["ResourceRecord"]["Type"])
        acm.get_waiter("certificate_validated").wait(
            CertificateArn=arn, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )
        self.assertIn("CertificateChain", acm.get_certificate(CertificateArn=arn))
