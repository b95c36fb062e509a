"""Where services are: the table that our clients are tested with is what botocore makes of the services' rule sets."""

import pathlib
import unittest

import botocore.session
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError

TABLE = pathlib.Path(__file__).parents[3] / "providers/aws/sdk/src/testing/endpoints.tsv"

# What botocore tells the rule sets of these services beside region and variant.
MORE = {
    "acm": {"ServiceType": "ACM"},
    "sts": {"UseGlobalEndpoint": False},
    "s3": {"UseGlobalEndpoint": False, "Accelerate": False, "ForcePathStyle": True},
}


class Endpoints(unittest.TestCase):
    def test_by_the_rule_sets(self):
        loader = botocore.session.get_session().get_component("data_loader")
        partitions = loader.load_data("partitions")
        rows = [line.split("\t") for line in TABLE.read_text().splitlines() if not line.startswith("#")]
        self.assertGreater(len(rows), 350)
        providers = {}
        for service, region, variant, wanted in rows:
            if service not in providers:
                rules = loader.load_service_model(service, "endpoint-rule-set-1")
                providers[service] = EndpointProvider(rules, partitions)
            try:
                found = providers[service].resolve_endpoint(
                    Region=region, UseFIPS="fips" in variant, UseDualStack="dual-stack" in variant, **MORE.get(service, {})
                ).url
            except EndpointProviderError:
                found = "none"
            self.assertEqual(found, wanted, f"{service} in {region}, {variant}")
