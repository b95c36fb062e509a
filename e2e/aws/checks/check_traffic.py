"""What load balancers that boto3 makes do with requests."""

import http.client
import http.server
import json
import socket
import ssl
import struct
import threading
import time

import certificates
import harness
from check_elb import FIXED, Elb, host, path

# Ports of listeners that need no rights.
PLAIN, SECURE = 18080, 18443


class Backend:
    """A target on this machine that tells its name and what it got."""

    def __init__(self, name):
        self.name, self.health, self.hold = name, 200, None
        self.holds = threading.Event()
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path == "/health":
                    return self.tell(backend.health, {})
                if backend.hold:
                    backend.holds.set()
                    backend.hold.wait(20)
                self.tell(200, {"target": backend.name, "path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}})

            def tell(self, status, told):
                body = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.target = {"Id": "127.0.0.1", "Port": self.server.server_port}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def resolve(name):
    """Asks the simulator's DNS server for the address of a name; none when it has none (RFC 1035)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    asked = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        server, port = harness.simulator.dns.split(":")
        sock.sendto(asked, (server, int(port)))
        answer = sock.recv(1500)
    return socket.inet_ntoa(answer[-4:]) if struct.unpack(">H", answer[6:8]) == (1,) else None


def until(what, holds, seconds=20):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"never: {what}")
        time.sleep(0.05)
    return found


class Traffic(Elb):
    def serving(self, *backends, **group):
        """A load balancer with a listener, and a group of healthy targets."""
        for backend in backends:
            self.addCleanup(backend.close)
        self.made = self.balancer()
        check = {"HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 10, "HealthyThresholdCount": 2}
        self.tg = self.group(**check | group)["TargetGroupArn"]
        self.elb.register_targets(TargetGroupArn=self.tg, Targets=[backend.target for backend in backends])
        self.forward = {"Type": "forward", "TargetGroupArn": self.tg}
        self.http = self.listener(self.made, PLAIN)
        arns = [self.made["LoadBalancerArn"]]
        self.elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=arns, WaiterConfig={"Delay": 1})
        self.address = until("the name", lambda: resolve(self.made["DNSName"]))
        until("the listener", lambda: not self.closed())

    def closed(self, port=PLAIN):
        """Whether nobody listens on a port."""
        try:
            socket.create_connection((self.address, port), timeout=20).close()
            return False
        except OSError:
            return True

    def rule(self, priority, *conditions, **more):
        asked = {"Priority": priority, "Conditions": list(conditions), "Actions": [self.forward]} | more
        (made,) = self.elb.create_rule(ListenerArn=self.http, **asked)["Rules"]
        return made["RuleArn"]

    def states(self):
        told = self.elb.describe_target_health(TargetGroupArn=self.tg)["TargetHealthDescriptions"]
        return {one["Target"]["Port"]: one["TargetHealth"] for one in told}

    def healthy(self, *backends):
        def all_are():
            states = self.states()
            return all(states[backend.target["Port"]]["State"] == "healthy" for backend in backends)

        until("healthy targets", all_are)

    def get(self, url, name="shop.example.com", **headers):
        connection = http.client.HTTPConnection(self.address, PLAIN, timeout=20)
        try:
            connection.request("GET", url, headers={"Host": name} | headers)
            answer = connection.getresponse()
            text = answer.read()
            told = json.loads(text) if text.startswith(b"{") else text.decode()
            return answer.status, told, answer.headers
        finally:
            connection.close()

    def test_rules_transforms_redirects(self):
        backend = Backend("a")
        self.serving(backend)
        self.assertEqual((404, "nothing"), self.get("/")[:2])
        self.rule(10, host("*.example.com"), path("/a/*"))
        replaced = {"Rewrites": [{"Regex": "^/old/", "Replace": "/new/"}]}
        self.rule(20, path("/old/*"), Transforms=[{"Type": "url-rewrite", "UrlRewriteConfig": replaced}])
        redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
        self.rule(30, path("/go"), Actions=[{"Type": "redirect", "RedirectConfig": redirect}])
        self.healthy(backend)
        until("the last rule", lambda: self.get("/go")[0] == 301)
        status, told, _ = self.get("/a/b?c=d")
        self.assertEqual((200, "a", "/a/b?c=d"), (status, told["target"], told["path"]))
        self.assertEqual("http", told["headers"]["x-forwarded-proto"])
        self.assertEqual(404, self.get("/a/b", "example.org")[0])
        self.assertEqual("/new/x?y", self.get("/old/x?y")[1]["path"])
        status, _, headers = self.get("/go")
        self.assertEqual((301, "https://shop.example.com:443/go"), (status, headers["Location"]))

    def test_health_and_draining(self):
        one, two = Backend("one"), Backend("two")
        self.serving(one, two)
        self.assertEqual({"unused"}, {state["State"] for state in self.states().values()})
        self.elb.modify_listener(ListenerArn=self.http, DefaultActions=[self.forward])
        self.healthy(one, two)
        until("the new default action", lambda: self.get("/")[0] == 200)
        self.assertEqual({"one", "two"}, {self.get("/")[1]["target"] for _ in range(4)})
        # What a target that is deregistered still answers is waited for, and nothing new goes to it.
        one.hold = threading.Event()
        answers, slow = [], []

        def held():
            slow.append(threading.Thread(target=lambda: answers.append(self.get("/slow")[1]["target"])))
            slow[-1].start()
            return one.holds.wait(0.2)

        until("a request that the first one holds", held)
        self.elb.deregister_targets(TargetGroupArn=self.tg, Targets=[one.target])
        state = self.states()[one.target["Port"]]
        self.assertEqual(("draining", "Target.DeregistrationInProgress"), (state["State"], state["Reason"]))
        until("no more requests", lambda: {self.get("/")[1]["target"] for _ in range(4)} == {"two"})
        self.assertNotIn("one", answers)
        one.hold.set()
        for thread in slow:
            thread.join(20)
        self.assertIn("one", answers)
        self.elb.deregister_targets(TargetGroupArn=self.tg, Targets=[two.target])
        until("an empty group", lambda: self.get("/")[0] == 503)

    def test_a_certificate_is_rotated_in_place(self):
        backend = Backend("a")
        self.serving(backend)
        acm = self.client("acm")
        first, second = (certificates.certificate(certificates.ec_key(), "shop.example.com") for _ in range(2))
        arn = acm.import_certificate(Certificate=first[0], PrivateKey=first[1])["CertificateArn"]
        self.listener(
            self.made,
            SECURE,
            Protocol="HTTPS",
            Certificates=[{"CertificateArn": arn}],
            SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
            DefaultActions=[self.forward],
        )
        self.healthy(backend)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

        def shown():
            with socket.create_connection((self.address, SECURE), timeout=20) as sock:
                with context.wrap_socket(sock, server_hostname="shop.example.com") as secured:
                    secured.sendall(b"GET / HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n")
                    self.assertTrue(secured.recv(64).startswith(b"HTTP/1.1 200 "))
                    return secured.getpeercert(binary_form=True)

        until("the secure listener", lambda: not self.closed(SECURE))
        self.assertEqual(ssl.PEM_cert_to_DER_cert(first[0].decode()), shown())
        acm.import_certificate(CertificateArn=arn, Certificate=second[0], PrivateKey=second[1])
        until("the new certificate", lambda: shown() == ssl.PEM_cert_to_DER_cert(second[0].decode()))

    def test_it_serves_until_it_is_deleted(self):
        self.serving(Backend("a"))
        self.assertEqual(404, self.get("/")[0])
        self.elb.modify_listener(
            ListenerArn=self.http,
            DefaultActions=[FIXED | {"FixedResponseConfig": {"StatusCode": "503"}}],
        )
        until("the change", lambda: self.get("/")[0] == 503)
        self.elb.delete_load_balancer(LoadBalancerArn=self.made["LoadBalancerArn"])
        until("no name", lambda: resolve(self.made["DNSName"]) is None)
        until("a closed port", self.closed)
