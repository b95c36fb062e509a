use crate::cli::exit::Exit;
use crate::cli::{Cli, Command};
use clap::Parser;
use std::fmt::Write as _;

/// Two Gateways on port 80, the first without addresses, the second with these; both serve shop.test.
fn explain(second: &str, arguments: &[&str]) -> (Exit, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: gatewright}
spec: {controllerName: gatewright.dev/software}
"
    .to_owned();
    for (name, addresses) in [("one", ""), ("two", second)] {
        let _ = write!(
            manifest,
            "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: default}}
spec:
  gatewayClassName: gatewright
  listeners: [{{name: http, protocol: HTTP, port: 80}}]
  {addresses}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: default}}
spec:
  parentRefs: [{{name: {name}}}]
  rules: [{{filters: [{{type: RequestRedirect, requestRedirect: {{hostname: other.test}}}}]}}]
"
        );
    }
    std::fs::write(folder.path().join("all.yaml"), manifest).unwrap();
    let line = [
        "gatewright",
        "explain",
        "-f",
        folder.path().to_str().unwrap(),
        "--request",
        "http://shop.test/",
    ];
    let cli = Cli::try_parse_from(line.iter().chain(arguments)).unwrap_or_else(|error| panic!("{error}"));
    let Command::Explain(args) = cli.command else {
        panic!("not explain");
    };
    let mut out = Vec::new();
    let exit = super::run(&args, &mut out).unwrap();
    (exit, String::from_utf8(out).unwrap())
}

#[test]
fn of_two_gateways_at_one_address_and_port_the_second_serves_nothing() {
    let (exit, said) = explain("", &[]);
    assert!(exit == Exit::Success, "the first one serves: {said}");
    let (one, two) = said.split_once("default/two").unwrap();
    assert!(!one.contains("127.0.0.1:80"), "{said}");
    assert!(two.contains("127.0.0.1:80 goes to Gateway default/one"), "{said}");
    let (exit, said) = explain("", &["--gateway", "default/two", "--output", "json"]);
    assert!(exit == Exit::InvalidInput, "{said}");
    assert!(
        said.contains("\"conflict\": \"127.0.0.1:80 goes to Gateway default/one"),
        "{said}"
    );
}

#[test]
fn all_addresses_of_a_machine_hold_each_of_them_and_another_one_is_free() {
    let (_, said) = explain(
        "addresses: [{type: IPAddress, value: 0.0.0.0}]",
        &["--gateway", "default/two"],
    );
    assert!(said.contains("0.0.0.0:80 goes to Gateway default/one"), "{said}");
    for free in ["127.0.0.2", "::1"] {
        let addresses = format!("addresses: [{{type: IPAddress, value: '{free}'}}]");
        let (exit, said) = explain(&addresses, &["--gateway", "default/two"]);
        assert!(
            exit == Exit::Success && !said.contains("goes to"),
            "{free}: {said}"
        );
    }
    // One address of two is enough.
    let both = "addresses: [{type: IPAddress, value: 127.0.0.1}, {type: IPAddress, value: 127.0.0.2}]";
    let (exit, said) = explain(both, &["--gateway", "default/two"]);
    assert!(exit == Exit::Success && !said.contains("goes to"), "{said}");
}
