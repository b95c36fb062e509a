use super::{ALL, Grant, IMPLIED, Kind, Scope, find, policy};
use crate::limiter::Bucket;
use std::collections::BTreeSet;
use std::path::PathBuf;

#[test]
fn calls_are_listed_once() {
    let mut seen = BTreeSet::new();
    for call in ALL {
        assert!(
            seen.insert((call.service, call.operation)),
            "{} twice",
            call.operation
        );
        assert!(!call.why.is_empty() && !call.on.is_empty());
    }
}

#[test]
fn a_write_is_never_allowed_on_everything() {
    for call in ALL.iter().filter(|call| call.writes()) {
        assert_ne!(call.scope, Scope::Always, "{}", call.operation);
        let bounded = call.scope == Scope::Joined;
        assert!(bounded || !call.on.contains(&Kind::Any), "{}", call.operation);
    }
}

/// What bounds a call by an action beside its own is in the same part of the policy, and has a condition.
#[test]
fn what_another_action_bounds_is_bounded() {
    for call in ALL.iter().filter(|call| call.scope == Scope::Joined) {
        let beside = IMPLIED
            .iter()
            .find(|one| Some(one.grant) == call.grant() && one.scope == Scope::Ours);
        assert!(beside.is_some(), "{}", call.operation);
    }
    let narrow = policy(&[Grant::Protection], "aws", Some("green"));
    let statements = narrow["Statement"].as_array().unwrap();
    let set = statements
        .iter()
        .find(|one| one["Action"] == serde_json::json!(["elasticloadbalancing:SetWebACL"]));
    assert_eq!(
        set.unwrap()["Condition"],
        serde_json::json!({"StringEquals": {"aws:ResourceTag/gatewright.dev/cluster": "green"}})
    );
}

#[test]
fn reads_and_writes_draw_on_different_buckets() {
    let buckets = |writes: bool| -> BTreeSet<Bucket> {
        ALL.iter()
            .filter(|call| call.writes() == writes)
            .map(|call| call.bucket)
            .collect()
    };
    assert_eq!(buckets(true).intersection(&buckets(false)).count(), 0);
}

#[test]
fn a_call_is_found_by_the_names_of_the_sdk() {
    let call = find("Elastic Load Balancing v2", "SetRulePriorities").unwrap();
    assert_eq!(
        call.action().as_deref(),
        Some("elasticloadbalancing:SetRulePriorities")
    );
    assert_eq!(find("Elastic Load Balancing v2", "ModifyTrustStore"), None);
    assert_eq!(find("EC2", "RunInstances"), None);
}

fn allowed(policy: &serde_json::Value) -> BTreeSet<&str> {
    let statements = policy["Statement"].as_array().unwrap().iter();
    statements
        .flat_map(|one| one["Action"].as_array().unwrap())
        .map(|action| action.as_str().unwrap())
        .collect()
}

#[test]
fn the_policy_allows_what_is_called_and_nothing_else() {
    let policy = policy(Grant::ALL, "aws", None);
    let mut called: BTreeSet<String> = ALL.iter().filter_map(|call| call.action()).collect();
    called.extend(IMPLIED.iter().map(|one| one.action.to_owned()));
    assert_eq!(allowed(&policy), called.iter().map(String::as_str).collect());
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        for action in statement["Action"].as_array().unwrap() {
            let call = ALL
                .iter()
                .find(|call| call.action().as_deref() == action.as_str());
            // The VPC of a new security group has no tag of ours, and networks and services of Lattice may be others'.
            let only_used = [
                Kind::Vpc.arns("aws"),
                Kind::LatticeNetwork.arns("aws"),
                [Kind::LatticeService.arns("aws"), Kind::LatticeNetwork.arns("aws")].concat(),
            ];
            let only_used = only_used
                .map(|used| serde_json::json!(used))
                .contains(&statement["Resource"]);
            let by_name = call.is_some_and(|call| matches!(call.scope, Scope::Named | Scope::Joined));
            if call.is_some_and(|call| call.writes()) && !only_used && !by_name {
                assert!(statement["Condition"].is_object(), "{action}");
            }
        }
    }
}

#[test]
fn every_action_is_in_one_part() {
    let mut seen = BTreeSet::new();
    for grant in Grant::ALL {
        let policy = policy(&[*grant], "aws", None);
        let actions = allowed(&policy);
        assert!(!actions.is_empty(), "{}", grant.name());
        for action in actions {
            assert!(seen.insert(action.to_owned()), "{action} twice");
        }
    }
    assert_eq!(
        seen,
        allowed(&policy(Grant::ALL, "aws", None))
            .into_iter()
            .map(str::to_owned)
            .collect()
    );
}

/// "The size of each managed policy can't exceed 6,144 characters"; white space is not counted:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
#[test]
fn each_part_fits_into_a_managed_policy() {
    let longest = "c".repeat(100);
    for grant in Grant::ALL {
        let length = policy(&[*grant], "aws-us-gov", Some(&longest)).to_string().len();
        assert!(length <= 6144, "{} has {length} characters", grant.name());
    }
}

#[test]
fn a_clusters_name_narrows_the_policy() {
    let narrow = policy(Grant::ALL, "aws", Some("green")).to_string();
    assert!(
        narrow.contains(r#""aws:ResourceTag/gatewright.dev/cluster":"green""#),
        "{narrow}"
    );
    assert!(!narrow.contains("Null"), "{narrow}");
}

/// What users install: `deploy/aws/iam`, and the templates of the Terraform module, which puts partition and cluster
/// in. With `WRITE_POLICY=1` in the environment they are written anew.
#[test]
fn the_policies_in_the_repository_are_these() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let json = root.join("deploy/aws/iam");
    let templates = root.join("terraform/aws/permissions/policies");
    let mut wanted = Vec::new();
    for grant in Grant::ALL {
        let name = grant.name();
        let text = |partition, cluster| format!("{:#}\n", policy(&[*grant], partition, cluster));
        wanted.push((json.join(format!("{name}.json")), text("aws", None)));
        let template = text("${partition}", Some("${cluster}"));
        wanted.push((templates.join(format!("{name}.json.tftpl")), template));
    }
    for (path, text) in &wanted {
        if std::env::var_os("WRITE_POLICY").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == *text,
            "{} is not up to date: run this test with WRITE_POLICY=1",
            path.display()
        );
    }
    for folder in [json, templates] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name();
            assert!(
                wanted.iter().any(|(wanted, _)| wanted.file_name() == name),
                "{} belongs to no part of the policy",
                path.display()
            );
        }
    }
}

/// A template holds nothing for Terraform but what it is given.
#[test]
fn templates_have_two_gaps() {
    for grant in Grant::ALL {
        let template = policy(&[*grant], "${partition}", Some("${cluster}")).to_string();
        let rest = template
            .replace("${partition}", "aws")
            .replace("${cluster}", "green");
        assert!(!rest.contains("${") && !rest.contains("%{"), "{}", grant.name());
        assert_eq!(rest, policy(&[*grant], "aws", Some("green")).to_string());
    }
}
