use super::*;
use serde_json::{Value, json};

fn account() -> Account {
    Account::parse("system/controller").unwrap()
}

/// Roles of a controller: `secrets` by name in its own namespace, and what else is given.
fn rbac(rules: Value) -> Rbac {
    let subject = json!([{"kind": "ServiceAccount", "namespace": "system", "name": "controller"}]);
    Rbac {
        cluster_roles: vec![
            json!({"metadata": {"name": "controller"}, "rules": rules}),
            json!({"metadata": {"name": "everything"}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}),
        ],
        roles: vec![
            json!({"metadata": {"name": "own", "namespace": "other"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]}]}),
            json!({"metadata": {"name": "own", "namespace": "system"}, "rules": [
                {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["ca"], "verbs": ["update"]},
            ]}),
        ],
        cluster_role_bindings: vec![
            json!({"metadata": {"name": "controller"}, "roleRef": {"kind": "ClusterRole", "name": "controller"}, "subjects": subject}),
            json!({"metadata": {"name": "everything"}, "roleRef": {"kind": "ClusterRole", "name": "everything"},
                   "subjects": [{"kind": "User", "name": "controller"}]}),
        ],
        role_bindings: vec![
            json!({"metadata": {"name": "own", "namespace": "system"}, "roleRef": {"kind": "Role", "name": "own"}, "subjects": subject}),
        ],
    }
}

fn event(id: &str, (verb, uri): (&str, &str), object: Value, (code, decision): (u64, &str)) -> String {
    let event = json!({
        "auditID": id, "stage": "ResponseComplete", "requestURI": uri, "verb": verb,
        "user": {"username": "system:serviceaccount:system:controller"},
        "objectRef": object, "responseStatus": {"code": code, "message": format!("words about {id}")},
        "annotations": {"authorization.k8s.io/decision": decision},
    });
    format!("{event}\n")
}

fn names(rights: impl IntoIterator<Item = impl fmt::Display>) -> Vec<String> {
    rights.into_iter().map(|right| right.to_string()).collect()
}

/// Everything that is granted was used: by the object's name, by a subresource, by an apply that made an object.
fn used() -> String {
    let deployment =
        json!({"apiGroup": "apps", "resource": "deployments", "namespace": "web", "name": "edge"});
    let status = json!({"apiGroup": "apps", "resource": "deployments", "subresource": "status", "namespace": "web", "name": "edge"});
    let secret = json!({"resource": "secrets", "namespace": "system", "name": "ca"});
    [
        event("a", ("patch", "/apis/apps/v1/x"), deployment, (201, "allow")),
        event(
            "b",
            ("patch", "/apis/apps/v1/x/status"),
            status.clone(),
            (200, "allow"),
        ),
        event("b", ("patch", "/apis/apps/v1/x/status"), status, (200, "allow")),
        event("c", ("update", "/api/v1/y"), secret, (200, "allow")),
    ]
    .concat()
}

fn rules() -> Value {
    json!([
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create", "patch"]},
        {"apiGroups": ["apps"], "resources": ["deployments/status"], "verbs": ["patch"]},
    ])
}

fn found(rules: Value, log: &str, serves: bool) -> Findings {
    let granted = granted(&rbac(rules), &account()).unwrap();
    let calls = read_log(log.as_bytes(), &account()).unwrap();
    judge(&granted, &calls, |_, _| serves)
}

#[test]
fn rights_that_were_used_are_no_finding() {
    let findings = found(rules(), &used(), true);
    assert_eq!(findings.unused, BTreeSet::new());
    assert_eq!(findings.refused, BTreeSet::new());
    assert_eq!(
        names(findings.used.keys()),
        [
            "update secrets ca (in system)",
            "create deployments.apps",
            "patch deployments.apps",
            "patch deployments/status.apps"
        ]
    );
    assert!(findings.used.values().all(|count| *count == 1));
}

#[test]
fn a_right_that_nothing_used_is_found_whatever_its_form() {
    for (rule, unused) in [
        (
            json!({"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["delete"]}),
            "delete deployments.apps",
        ),
        (
            json!({"apiGroups": ["apps"], "resources": ["daemonsets"], "verbs": ["patch"]}),
            "patch daemonsets.apps",
        ),
        (
            json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["tls"], "verbs": ["update"]}),
            "update secrets tls",
        ),
        // A wildcard is never the least.
        (
            json!({"apiGroups": ["*"], "resources": ["deployments"], "verbs": ["patch"]}),
            "patch deployments.*",
        ),
        (
            json!({"nonResourceURLs": ["/metrics"], "verbs": ["get"]}),
            "get /metrics",
        ),
    ] {
        let mut all = rules();
        all.as_array_mut().unwrap().push(rule);
        let findings = found(all, &used(), true);
        assert_eq!(names(&findings.unused), [unused]);
    }
}

#[test]
fn rights_elsewhere_are_excused_only_where_they_cannot_be_used() {
    let mut all = rules();
    let bundles = json!({"apiGroups": ["certificates.k8s.io"], "resources": ["clustertrustbundles"], "verbs": ["list"]});
    all.as_array_mut().unwrap().push(bundles);
    let wanted = ["list clustertrustbundles.certificates.k8s.io"];
    let here = found(all.clone(), &used(), true);
    assert_eq!(names(&here.unused), wanted);
    let elsewhere = found(all, &used(), false);
    assert_eq!(names(elsewhere.elsewhere.keys()), wanted);
    assert_eq!(elsewhere.unused, BTreeSet::new());
}

#[test]
fn refused_calls_are_found_and_use_nothing() {
    let object = json!({"apiGroup": "apps", "resource": "deployments", "namespace": "web", "name": "edge"});
    let asked = |code, decision, words: &str| {
        let line = event(
            "d",
            ("patch", "/apis/apps/v1/x"),
            object.clone(),
            (code, decision),
        );
        line.replace("words about d", words)
    };
    let refused = [
        asked(403, "forbid", "no"),
        // Allowed to patch, and not to create what a patch would make.
        asked(403, "allow", "User cannot create resource"),
    ];
    for line in refused {
        let calls = read_log(line.as_bytes(), &account()).unwrap();
        let granted = granted(&rbac(rules()), &account()).unwrap();
        let findings = judge(&granted, &calls, |_, _| true);
        assert_eq!(findings.refused.len(), 1, "{line}");
        assert_eq!(findings.used.len(), 0);
    }
    let going = asked(
        403,
        "allow",
        "unable to create new content in namespace web because it is being terminated",
    );
    let calls = read_log(going.as_bytes(), &account()).unwrap();
    assert_eq!(calls[0].refusal, None);
}

#[test]
fn others_do_not_count_and_a_record_that_cannot_be_read_is_told() {
    let others = used().replace("system:controller", "system:proxy");
    assert_eq!(read_log(others.as_bytes(), &account()).unwrap(), []);
    let broken = format!("{}not an event\n", used());
    let error = read_log(broken.as_bytes(), &account()).unwrap_err();
    assert!(error.to_string().contains("line 5"), "{error}");
    assert!(Account::parse("controller").is_none());
}

#[test]
fn a_binding_without_its_role_is_told() {
    let mut rbac = rbac(rules());
    rbac.cluster_roles.remove(0);
    assert!(granted(&rbac, &account()).is_err());
}
