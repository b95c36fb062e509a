"""VPC Lattice driven by boto3: its calls, and what its services do with requests."""

import http.client
import json
import socket
import ssl
import tempfile

import certificates
import harness
from check_traffic import Backend, resolve, until
from harness import Case

PLAIN, SECURE, TLS = 17080, 17443, 17444
NOWHERE = {"fixedResponse": {"statusCode": 404}}


def exact(path):
    return {"httpMatch": {"pathMatch": {"match": {"exact": path}, "caseSensitive": True}}}


def forward(*weights):
    groups = [{"targetGroupIdentifier": group, "weight": weight} for group, weight in weights]
    return {"forward": {"targetGroups": groups}}


def secured(address, port, name):
    """The certificate that is shown for a name, and what answers; none when nobody does."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((address, port), timeout=20) as sock:
            with context.wrap_socket(sock, server_hostname=name) as secured:
                secured.sendall(b"GET /x HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n")
                return secured.getpeercert(binary_form=True), secured.recv(64)
    except OSError:
        return None


class Lattice(Case):
    def setUp(self):
        super().setUp()
        self.lattice = self.client("vpc-lattice")
        self.vpc = self.subnets()[0]["VpcId"]

    def active(self, what, get):
        until(f"an active {what}", lambda: get()["status"] == "ACTIVE")

    def gone(self, what, get):
        def is_gone():
            try:
                get()
            except self.lattice.exceptions.ResourceNotFoundException:
                return True

        until(f"no {what}", is_gone)

    def service(self, name="shop", **more):
        made = self.lattice.create_service(name=name, **more)
        self.active("service", lambda: self.lattice.get_service(serviceIdentifier=made["id"]))
        return made

    def group(self, name="cart", protocol="HTTP", targets=(), **more):
        config = {"protocol": protocol, "port": 80, "vpcIdentifier": self.vpc} | more
        made = self.lattice.create_target_group(name=name, type="IP", config=config)
        self.active("target group", lambda: self.lattice.get_target_group(targetGroupIdentifier=made["id"]))
        if targets:
            wanted = [{"id": target["Id"], "port": target["Port"]} for target in targets]
            told = self.lattice.register_targets(targetGroupIdentifier=made["id"], targets=wanted)
            self.assertEqual([], told["unsuccessful"])
        return made["id"]

    def listener(self, service, port, action=NOWHERE, protocol="HTTP"):
        made = self.lattice.create_listener(
            serviceIdentifier=service, name=f"port-{port}", protocol=protocol, port=port, defaultAction=action
        )
        return made["id"]

    def reached(self, service):
        """The address of a service that is in a network."""
        network = self.lattice.create_service_network(name="net")["id"]
        self.lattice.create_service_network_service_association(
            serviceNetworkIdentifier=network, serviceIdentifier=service
        )
        name = self.lattice.get_service(serviceIdentifier=service)["dnsEntry"]["domainName"]
        return until("the name", lambda: resolve(name))

    def healthy(self, group, status="HEALTHY"):
        def all_are():
            items = self.lattice.list_targets(targetGroupIdentifier=group)["items"]
            return items and all(item["status"] == status for item in items)

        until(f"targets that are {status}", all_are)


class Calls(Lattice):
    def test_networks_and_associations(self):
        lattice = self.lattice
        network = lattice.create_service_network(name="net", authType="NONE", tags={"owner": "me"})
        of_network = {"serviceNetworkIdentifier": network["arn"]}
        self.refused("ConflictException", lattice.create_service_network, name="net")
        self.assertEqual("AWS_IAM", lattice.update_service_network(authType="AWS_IAM", **of_network)["authType"])
        (listed,) = lattice.list_service_networks()["items"]
        self.assertEqual("net", listed["name"])
        shown = lattice.get_service_network(**of_network)
        self.assertEqual(("net", "AWS_IAM"), (shown["name"], shown["authType"]))
        groups = self.client("ec2").describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])
        group = groups["SecurityGroups"][0]["GroupId"]
        made = lattice.create_service_network_vpc_association(
            vpcIdentifier=self.vpc, securityGroupIds=[group], **of_network
        )
        of_vpc = {"serviceNetworkVpcAssociationIdentifier": made["id"]}
        self.assertEqual("CREATE_IN_PROGRESS", made["status"])
        self.active("association", lambda: lattice.get_service_network_vpc_association(**of_vpc))
        lattice.update_service_network_vpc_association(securityGroupIds=[group], **of_vpc)
        (listed,) = lattice.list_service_network_vpc_associations(vpcIdentifier=self.vpc)["items"]
        self.assertEqual("net", listed["serviceNetworkName"])
        service = self.service()["id"]
        made = lattice.create_service_network_service_association(serviceIdentifier=service, **of_network)
        self.refused("ConflictException", lattice.delete_service, serviceIdentifier=service)
        self.refused("ConflictException", lattice.delete_service_network, **of_network)

        def linked():
            listed = lattice.list_service_network_service_associations(serviceIdentifier=service)["items"]
            return [link["status"] for link in listed]

        until("an active association", lambda: linked() == ["ACTIVE"])
        of_link = {"serviceNetworkServiceAssociationIdentifier": made["arn"]}
        told = lattice.get_service_network_service_association(**of_link)
        self.assertEqual((made["id"], "net", service), (told["id"], told["serviceNetworkName"], told["serviceId"]))
        lattice.delete_service_network_service_association(**of_link)
        lattice.delete_service_network_vpc_association(**of_vpc)
        self.gone("association", lambda: lattice.get_service_network_vpc_association(**of_vpc))
        until("no association", lambda: linked() == [])
        self.gone("association", lambda: lattice.get_service_network_service_association(**of_link))
        lattice.delete_service_network(**of_network)
        self.gone("network", lambda: lattice.get_service_network(**of_network))

    def test_services_listeners_and_rules(self):
        lattice = self.lattice
        made = self.service(customDomainName="shop.example.com", tags={"owner": "me"})
        of_service = {"serviceIdentifier": made["arn"]}
        self.refused("ConflictException", lattice.create_service, name="shop")
        (listed,) = lattice.list_services()["items"]
        self.assertEqual(("shop", "shop.example.com"), (listed["name"], listed["customDomainName"]))
        self.assertEqual("AWS_IAM", lattice.update_service(authType="AWS_IAM", **of_service)["authType"])
        group = self.group()
        listener = {"listenerIdentifier": self.listener(made["id"], PLAIN)} | of_service
        self.assertEqual(NOWHERE, lattice.get_listener(**listener)["defaultAction"])
        action = forward((group, 100))
        self.assertEqual(action, lattice.update_listener(defaultAction=action, **listener)["defaultAction"])
        (listed,) = lattice.list_listeners(**of_service)["items"]
        self.assertEqual(PLAIN, listed["port"])
        headers = [{"name": "x-env", "match": {"exact": "blue"}, "caseSensitive": True}]
        match = {"httpMatch": {"method": "GET", "headerMatches": headers} | exact("/a")["httpMatch"]}
        one = lattice.create_rule(name="one", priority=1, match=match, action=action, **listener)["id"]
        two = lattice.create_rule(name="two", priority=2, match=exact("/b"), action=NOWHERE, **listener)["id"]
        told = lattice.get_rule(ruleIdentifier=one, **listener)
        self.assertEqual((match, action, 1), (told["match"], told["action"], told["priority"]))
        self.refused(
            "ConflictException", lattice.create_rule, name="x-y", priority=2, match=match, action=NOWHERE, **listener
        )
        lattice.update_rule(ruleIdentifier=two, action=action, **listener)
        swap = [{"ruleIdentifier": one, "priority": 2}, {"ruleIdentifier": two, "priority": 1}]
        self.assertEqual([], lattice.batch_update_rule(rules=swap, **listener)["unsuccessful"])
        listed = {rule["name"]: rule.get("priority") for rule in lattice.list_rules(**listener)["items"]}
        self.assertEqual((2, 1), (listed["one"], listed["two"]))
        lattice.delete_rule(ruleIdentifier=one, **listener)
        self.refused("ConflictException", lattice.delete_target_group, targetGroupIdentifier=group)
        lattice.delete_listener(**listener)
        lattice.delete_target_group(targetGroupIdentifier=group)
        self.gone("target group", lambda: lattice.get_target_group(targetGroupIdentifier=group))
        lattice.delete_service(**of_service)
        self.gone("service", lambda: lattice.get_service(**of_service))

    def test_target_groups(self):
        lattice = self.lattice
        group = self.group(healthCheck={"path": "/ready", "healthCheckIntervalSeconds": 7})
        of_group = {"targetGroupIdentifier": group}
        told = lattice.get_target_group(**of_group)["config"]["healthCheck"]
        self.assertEqual((True, "/ready", 7, 5), tuple(told[name] for name in (
            "enabled", "path", "healthCheckIntervalSeconds", "healthCheckTimeoutSeconds")))
        told = lattice.update_target_group(healthCheck={"matcher": {"httpCode": "200-299"}}, **of_group)
        self.assertEqual("/ready", told["config"]["healthCheck"]["path"])
        (listed,) = lattice.list_target_groups(targetGroupType="IP")["items"]
        self.assertEqual(group, listed["id"])
        targets = [{"id": "10.0.0.1", "port": 8080}, {"id": "nonsense", "port": 8080}]
        told = lattice.register_targets(targets=targets, **of_group)
        self.assertEqual((1, 1), (len(told["successful"]), len(told["unsuccessful"])))
        (listed,) = lattice.list_targets(**of_group)["items"]
        self.assertEqual("UNUSED", listed["status"])
        lattice.deregister_targets(targets=targets[:1], **of_group)
        self.assertEqual([], lattice.list_targets(**of_group)["items"])

    def test_tags_policies_and_logs(self):
        lattice = self.lattice
        arn = self.service(tags={"owner": "me"})["arn"]
        lattice.tag_resource(resourceArn=arn, tags={"team": "a b/c+d"})
        lattice.untag_resource(resourceArn=arn, tagKeys=["owner"])
        self.assertEqual({"team": "a b/c+d"}, lattice.list_tags_for_resource(resourceArn=arn)["tags"])
        (found,) = self.client("resourcegroupstaggingapi").get_resources(
            ResourceTypeFilters=["vpc-lattice:service"], TagFilters=[{"Key": "team"}]
        )["ResourceTagMappingList"]
        self.assertEqual(arn, found["ResourceARN"])
        policy = json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]})
        self.assertEqual("Active", lattice.put_auth_policy(resourceIdentifier=arn, policy=policy)["state"])
        self.assertEqual(policy, lattice.get_auth_policy(resourceIdentifier=arn)["policy"])
        lattice.delete_auth_policy(resourceIdentifier=arn)
        self.refused("ResourceNotFoundException", lattice.get_auth_policy, resourceIdentifier=arn)
        logs = lattice.create_access_log_subscription(resourceIdentifier=arn, destinationArn="arn:aws:s3:::shop-logs")
        (listed,) = lattice.list_access_log_subscriptions(resourceIdentifier=arn)["items"]
        self.assertEqual(logs["id"], listed["id"])
        lattice.delete_access_log_subscription(accessLogSubscriptionIdentifier=logs["arn"])

    def test_what_is_refused(self):
        message = self.refused(
            "ResourceNotFoundException", self.lattice.get_service, serviceIdentifier="svc-0123456789abcdefg"
        )
        self.assertIn("svc-0123456789abcdefg", message)
        self.refused("ValidationException", self.lattice.create_service, name="Not a name")

    def test_a_policy_is_enforced(self):
        mine = {"StringEquals": {"aws:ResourceTag/owner": "me"}}
        made = {"StringEquals": {"aws:RequestTag/owner": "me"}}

        def statement(actions, condition=None):
            allowed = {"Effect": "Allow", "Action": actions, "Resource": "*"}
            return allowed | ({"Condition": condition} if condition else {})

        policy = {
            "Version": "2012-10-17",
            "Statement": [
                statement(["vpc-lattice:Get*", "vpc-lattice:List*"]),
                statement(["vpc-lattice:CreateService", "vpc-lattice:TagResource"], made),
                statement(["vpc-lattice:DeleteService", "vpc-lattice:CreateListener"], mine),
            ],
        }
        other = self.lattice.create_service(name="other", tags={"owner": "you"})["id"]
        harness.simulator.call_admin("PUT", "/policy", policy)
        self.addCleanup(harness.simulator.call_admin, "DELETE", "/policy")
        own = self.service("own", tags={"owner": "me"})["id"]
        self.refused("AccessDeniedException", self.lattice.create_service, name="bare")
        self.refused("AccessDeniedException", self.lattice.create_service, name="bare", tags={"owner": "you"})
        told = self.refused("AccessDeniedException", self.lattice.delete_service, serviceIdentifier=other)
        self.assertIn("is not authorized to perform: vpc-lattice:DeleteService on resource: arn:aws:vpc-lattice:", told)
        self.lattice.delete_service(serviceIdentifier=own)


class Requests(Lattice):
    def ask(self, path="/", name="shop.example.com", method="GET", **headers):
        connection = http.client.HTTPConnection(self.address, PLAIN, timeout=20)
        try:
            connection.request(method, path, headers={"Host": name} | headers)
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if answer.status == 200 else body.decode()
        finally:
            connection.close()

    def backends(self, *names):
        made = [Backend(name) for name in names]
        for backend in made:
            self.addCleanup(backend.close)
        return made

    def test_rules_weights_and_policies(self):
        one, two = self.backends("one", "two")
        check = {"healthCheck": {"path": "/health", "healthCheckIntervalSeconds": 5}}
        first = self.group("first", targets=[one.target], **check)
        second = self.group("second", targets=[two.target], **check)
        made = self.service(customDomainName="shop.example.com")
        service = made["id"]
        listener = {"serviceIdentifier": service, "listenerIdentifier": self.listener(service, PLAIN)}
        create = self.lattice.create_rule
        create(name="one", priority=1, match=exact("/one"), action=forward((first, 100)), **listener)
        both = create(name="both", priority=2, match=exact("/both"), action=forward((first, 0), (second, 7)), **listener)
        create(name="five", priority=3, match=exact("/five"), action={"fixedResponse": {"statusCode": 500}}, **listener)
        self.address = self.reached(service)
        self.healthy(first)
        self.healthy(second)
        until("an answer", lambda: self.ask("/one")[0] == 200)
        self.assertEqual("one", self.ask("/one")[1]["target"])
        self.assertEqual({"two"}, {self.ask("/both")[1]["target"] for _ in range(10)})
        self.assertEqual((404, 500), (self.ask("/elsewhere")[0], self.ask("/five")[0]))
        self.assertEqual(404, self.ask("/one", name="other.example.com")[0])
        self.assertEqual(200, self.ask("/one", name=made["dnsEntry"]["domainName"])[0])
        told = self.ask("/one")[1]["headers"]["x-amzn-lattice-target"]
        self.assertTrue(told.startswith(f"ServiceArn={made['arn']};ServiceNetworkArn=arn:"), told)
        self.lattice.update_rule(ruleIdentifier=both["id"], action=forward((first, 7), (second, 0)), **listener)
        until("the other weights", lambda: self.ask("/both")[1]["target"] == "one")
        two.health = 503
        self.healthy(second, "UNHEALTHY")
        self.lattice.update_service(serviceIdentifier=service, authType="AWS_IAM")
        until("no entry", lambda: self.ask("/one")[0] == 403)
        anybody = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
        self.lattice.put_auth_policy(resourceIdentifier=service, policy=json.dumps(anybody))
        until("entry", lambda: self.ask("/one")[0] == 200)

    def test_certificates(self):
        (one,) = self.backends("one")
        group = self.group(targets=[one.target], healthCheck={"path": "/health"})
        chain, key = certificates.certificate(certificates.ec_key(), "*.example.com")
        acm = self.client("acm")
        arn = acm.import_certificate(Certificate=chain, PrivateKey=key)["CertificateArn"]
        service = self.service(customDomainName="shop.example.com", certificateArn=arn)["id"]
        self.listener(service, SECURE, forward((group, 100)), "HTTPS")
        address = self.reached(service)
        self.healthy(group)
        self.assertEqual([arn], [self.lattice.get_service(serviceIdentifier=service)["certificateArn"]])
        self.refused("ResourceInUseException", acm.delete_certificate, CertificateArn=arn)
        shown, answer = until("an answer by TLS", lambda: secured(address, SECURE, "shop.example.com"))
        self.assertEqual(ssl.PEM_cert_to_DER_cert(chain.decode()), shown)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)

    def test_tls_passes_through(self):
        (one,) = self.backends("one")
        chain, key = certificates.certificate(certificates.ec_key(), "shop.example.com")
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as both:
            both.write(chain + key)
            both.flush()
            own.load_cert_chain(both.name)
        one.server.socket = own.wrap_socket(one.server.socket, server_side=True)
        group = self.group("secret", protocol="TCP", targets=[one.target])
        service = self.service(customDomainName="shop.example.com")["id"]
        self.listener(service, TLS, forward((group, 100)), "TLS_PASSTHROUGH")
        address = self.reached(service)
        self.healthy(group, "UNAVAILABLE")
        shown, answer = until("an answer", lambda: secured(address, TLS, "shop.example.com"))
        self.assertEqual(ssl.PEM_cert_to_DER_cert(chain.decode()), shown)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)
        self.assertIsNone(secured(address, TLS, "other.example.com"))
