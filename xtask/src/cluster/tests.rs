use super::{build, find_bundle, packages};
use crate::run::root;

#[test]
fn the_effective_user_is_the_second_of_the_line() {
    let status = "Name:\tcat\nUmask:\t0022\nUid:\t1000\t0\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\n";
    assert_eq!(packages::effective_user(status), Some(0));
    assert_eq!(packages::effective_user("Name:\tcat\n"), None);
    assert_eq!(packages::effective_user("Uid:\t1000\n"), None);
}

#[test]
fn a_package_of_several_missing_programs_is_installed_once() {
    let none = packages::missing(|_| false);
    assert_eq!(
        none,
        [
            "containerd",
            "runc",
            "containernetworking-plugins",
            "iptables",
            "conntrack",
            "util-linux",
            "iproute2"
        ]
    );
    let some = packages::missing(|need| !matches!(need.program, "ip6tables" | "ctr"));
    assert_eq!(some, ["containerd", "iptables"]);
    assert!(packages::missing(|_| true).is_empty());
}

#[test]
fn bundles_are_found_by_version_and_channel() {
    let folder = root().join("crds/bundles");
    for (version, channel) in [("1.6.3", "standard"), ("v1.7.0", "experimental")] {
        let found = find_bundle(&folder, version, channel).unwrap();
        let [definitions, policies] = found;
        assert!(definitions.is_file(), "{}", definitions.display());
        let text = std::fs::read_to_string(policies).unwrap();
        assert!(text.contains("safe-upgrades.gateway.networking.k8s.io"));
    }
    let error = find_bundle(&folder, "1.2.3", "standard").unwrap_err().to_string();
    assert!(
        error.contains("v1.2.3-standard") && error.contains("v1.6.3-experimental"),
        "{error}"
    );
}

#[test]
fn a_fingerprint_follows_sources_and_compiler() {
    let module = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(module.path().join(name), text).unwrap();
    std::fs::create_dir(module.path().join("cmd")).unwrap();
    write("go.mod", "module a\n");
    write("cmd/main.go", "package main\n");
    let take = |go: &str| build::fingerprint(module.path(), &["go.mod", "cmd"], go).unwrap();
    let first = take("go1");
    assert_eq!(first, take("go1"));
    assert_ne!(first, take("go2"), "another compiler");
    write("other.go", "package a\n");
    assert_eq!(first, take("go1"), "files that are not named do not count");
    write("cmd/main.go", "package main // changed\n");
    assert_ne!(first, take("go1"), "a changed source");
}
