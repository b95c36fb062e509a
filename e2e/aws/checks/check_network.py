"""Network Load Balancers that boto3 makes: their calls, and what they do with connections and datagrams."""

import socket
import socketserver
import ssl
import threading

import certificates
from check_elb import Elb
from check_traffic import resolve, until

TCP, UDP, TLS = 15672, 15353, 15443


class Echo:
    """A target that answers pieces and datagrams with its name and the address that it sees."""

    def __init__(self, name):
        class Stream(socketserver.BaseRequestHandler):
            def handle(self):
                while data := self.request.recv(1024):
                    self.request.sendall(f"{name} {self.client_address[0]} ".encode() + data)

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self):
                data, sock = self.request
                sock.sendto(f"{name} {self.client_address[0]} ".encode() + data, self.client_address)

        socketserver.ThreadingTCPServer.daemon_threads = True
        self.stream = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stream)
        port = self.stream.server_address[1]
        self.datagram = socketserver.ThreadingUDPServer(("127.0.0.1", port), Datagram)
        self.target = {"Id": "127.0.0.1", "Port": port}
        for server in (self.stream, self.datagram):
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self):
        for server in (self.stream, self.datagram):
            server.shutdown()
            server.server_close()


class Network(Elb):
    def network(self, name="net", **more):
        asked = {"Subnets": [self.subnets()[0]["SubnetId"]], "Scheme": "internet-facing"} | more
        asked = {key: value for key, value in asked.items() if value is not None}
        (made,) = self.elb.create_load_balancer(Name=name, Type="network", **asked)["LoadBalancers"]
        return made

    def to(self, group):
        return [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}]

    def targets(self, name, protocol, *echoes, **more):
        check = {"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 2}
        group = self.group(name, Protocol=protocol, Port=7, **check | more)
        for echo in echoes:
            self.addCleanup(echo.close)
        self.elb.register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[echo.target for echo in echoes])
        return group

    def healthy(self, group):
        def all_are():
            arn = group["TargetGroupArn"]
            told = self.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            return all(one["TargetHealth"]["State"] == "healthy" for one in told)

        until("healthy targets", all_are)

    def at(self, made):
        arns = [made["LoadBalancerArn"]]
        self.elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=arns, WaiterConfig={"Delay": 1})
        return until("the name", lambda: resolve(made["DNSName"]))

    def ask(self, address, port, source="127.0.0.1"):
        try:
            with socket.create_connection((address, port), timeout=20, source_address=(source, 0)) as sock:
                sock.sendall(b"x")
                return sock.recv(1024).decode().split(" ")[:2]
        except OSError:
            return None

    def test_connections_weights_and_the_clients_address(self):
        made = self.network()
        one, two = (self.targets(name, "TCP", Echo(name)) for name in ("one", "two"))
        listener = self.listener(made, TCP, Protocol="TCP", DefaultActions=self.to(one))
        address = self.at(made)
        self.healthy(one)
        self.assertEqual(["one", address], until("an answer", lambda: self.ask(address, TCP)))
        weights = [{"TargetGroupArn": group["TargetGroupArn"], "Weight": weight} for group, weight in ((one, 0), (two, 5))]
        forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}
        self.elb.modify_listener(ListenerArn=listener, DefaultActions=[forward])
        self.healthy(two)
        until("the other group", lambda: (self.ask(address, TCP) or [""])[0] == "two")
        preserve = {"Key": "preserve_client_ip.enabled", "Value": "true"}
        self.elb.modify_target_group_attributes(TargetGroupArn=two["TargetGroupArn"], Attributes=[preserve])
        until("the client's address", lambda: self.ask(address, TCP, "127.0.0.9") == ["two", "127.0.0.9"])
        self.elb.delete_listener(ListenerArn=listener)
        until("a closed port", lambda: self.ask(address, TCP) is None)

    def test_datagrams(self):
        made = self.network()
        group = self.targets("both", "TCP_UDP", Echo("a"))
        self.listener(made, UDP, Protocol="TCP_UDP", DefaultActions=self.to(group))
        address = self.at(made)
        self.healthy(group)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1)

            def answer():
                try:
                    sock.sendto(b"x", (address, UDP))
                    return sock.recv(1024).decode().split(" ")[0]
                except OSError:
                    return None

            self.assertEqual("a", until("an answer", answer))
        self.assertEqual("a", self.ask(address, UDP)[0])

    def test_tls_ends_here(self):
        made = self.network()
        group = self.targets("a", "TCP", Echo("a"))
        chain, key = certificates.certificate(certificates.ec_key(), "shop.example.com")
        arn = self.client("acm").import_certificate(Certificate=chain, PrivateKey=key)["CertificateArn"]
        listener = self.listener(
            made,
            TLS,
            Protocol="TLS",
            Certificates=[{"CertificateArn": arn}],
            SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
            AlpnPolicy=["HTTP2Preferred"],
            DefaultActions=self.to(group),
        )
        (told,) = self.elb.describe_listeners(ListenerArns=[listener])["Listeners"]
        self.assertEqual((["HTTP2Preferred"], "TLS"), (told["AlpnPolicy"], told["Protocol"]))
        address = self.at(made)
        self.healthy(group)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        with socket.create_connection((address, TLS), timeout=20) as sock:
            with context.wrap_socket(sock, server_hostname="shop.example.com") as secured:
                secured.sendall(b"x")
                self.assertTrue(secured.recv(64).startswith(b"a "))
                self.assertEqual("h2", secured.selected_alpn_protocol())

    def test_an_address_that_stays(self):
        ec2 = self.client("ec2")
        kept = ec2.allocate_address(Domain="vpc")
        subnet = self.subnets()[0]["SubnetId"]
        mapping = [{"SubnetId": subnet, "AllocationId": kept["AllocationId"]}]
        made = self.network(Subnets=None, SubnetMappings=mapping)
        (zone,) = made["AvailabilityZones"]
        told = {"IpAddress": kept["PublicIp"], "AllocationId": kept["AllocationId"]}
        self.assertEqual([told], zone["LoadBalancerAddresses"])
        self.refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=kept["AllocationId"])
        group = self.targets("a", "TCP", Echo("a"))
        self.listener(made, TCP, Protocol="TCP", DefaultActions=self.to(group))
        self.at(made)
        self.healthy(group)
        self.assertEqual("a", until("an answer", lambda: self.ask(kept["PublicIp"], TCP))[0])

    def test_rules_for_private_link(self):
        group = self.client("ec2").describe_security_groups()["SecurityGroups"][0]["GroupId"]
        made = self.network(SecurityGroups=[group])
        enforced = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
        self.assertEqual("on", made[enforced])
        told = self.elb.set_security_groups(
            LoadBalancerArn=made["LoadBalancerArn"], SecurityGroups=[group], **{enforced: "off"}
        )
        self.assertEqual("off", told[enforced])
        (seen,) = self.elb.describe_load_balancers(LoadBalancerArns=[made["LoadBalancerArn"]])["LoadBalancers"]
        self.assertEqual("off", seen[enforced])

    def test_what_is_refused(self):
        made = self.network()
        web = self.group("web")
        create = self.elb.create_listener
        asked = {"LoadBalancerArn": made["LoadBalancerArn"], "Port": TCP, "DefaultActions": self.to(web)}
        self.refused("IncompatibleProtocols", create, Protocol="TCP", **asked)
        self.refused("UnsupportedProtocol", create, Protocol="HTTP", **asked)
        group = self.client("ec2").describe_security_groups()["SecurityGroups"][0]["GroupId"]
        self.refused(
            "InvalidConfigurationRequest",
            self.elb.set_security_groups,
            LoadBalancerArn=made["LoadBalancerArn"],
            SecurityGroups=[group],
        )
