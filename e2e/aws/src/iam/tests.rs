use super::*;
use crate::ec2;
use serde_json::json;

const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "Read", "Effect": "Allow", "Action": ["ec2:Describe*", "elasticloadbalancing:Describe*"], "Resource": "*"},
    {"Sid": "MakeTagged", "Effect": "Allow", "Action": "ec2:CreateSecurityGroup", "Resource": "*"},
    {"Sid": "TagWhatIsMade", "Effect": "Allow", "Action": "ec2:CreateTags",
     "Resource": "arn:aws:ec2:*:*:security-group/*",
     "Condition": {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"},
                   "Null": {"aws:RequestTag/cluster": "false"}}},
    {"Sid": "Own", "Effect": "Allow",
     "Action": ["ec2:DeleteSecurityGroup", "ec2:AuthorizeSecurityGroupIngress", "elasticloadbalancing:*"],
     "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/cluster": "mine"}}},
    {"Sid": "NeverThere", "Effect": "Deny", "Action": "*", "Resource": "*",
     "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-central-1", "us-east-1"]}}}
  ]
}"#;

fn world() -> (Account, Context) {
    let context = Context::for_test("123456789012", "eu-central-1", 1_800_000_000_000);
    let mut account = Account::default();
    account.ec2.ensure("123456789012", "eu-central-1");
    (account, context)
}

fn group(account: &mut Account, context: &Context, name: &str, cluster: &str) -> String {
    let call = |account: &mut Account, operation: &str, input: Value| {
        let (_, handler) = ec2::OPERATIONS
            .iter()
            .find(|(known, _)| *known == operation)
            .unwrap();
        handler(account, context, &input).unwrap()
    };
    let vpcs = call(account, "DescribeVpcs", json!({}));
    let tags = json!([{"ResourceType": "security-group", "Tags": [{"Key": "cluster", "Value": cluster}]}]);
    let input = json!({"GroupName": name, "Description": "d", "VpcId": vpcs["Vpcs"][0]["VpcId"], "TagSpecifications": tags});
    call(account, "CreateSecurityGroup", input)["GroupId"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn statements_allow_by_action_resource_and_tags() {
    let (mut account, context) = world();
    let (mine, other) = (
        group(&mut account, &context, "a", "mine"),
        group(&mut account, &context, "b", "other"),
    );
    let policy = Policy::read(POLICY).unwrap();
    let tagged = |key: &str| {
        json!({"GroupName": "x", "Description": "d", "VpcId": "vpc-1", "TagSpecifications": [
            {"ResourceType": "security-group", "Tags": [{"Key": key, "Value": "mine"}]}]})
    };
    let may = |operation: (&str, &str), input: Value| check(&policy, &account, &context, operation, &input);
    may(("ec2", "DescribeVpcs"), json!({})).unwrap();
    may(("ec2", "CreateSecurityGroup"), tagged("cluster")).unwrap();
    may(("ec2", "DeleteSecurityGroup"), json!({"GroupId": mine})).unwrap();
    may(("sts", "GetCallerIdentity"), json!({})).unwrap();
    for (operation, input, action) in [
        (
            ("ec2", "DeleteSecurityGroup"),
            json!({"GroupId": other}),
            "ec2:DeleteSecurityGroup",
        ),
        (
            ("ec2", "RevokeSecurityGroupIngress"),
            json!({"GroupId": mine}),
            "ec2:RevokeSecurityGroupIngress",
        ),
        (
            ("ec2", "CreateSecurityGroup"),
            tagged("another"),
            "ec2:CreateTags",
        ),
        (
            ("ec2", "CreateTags"),
            json!({"Resources": [mine], "Tags": [{"Key": "cluster", "Value": "x"}]}),
            "ec2:CreateTags",
        ),
    ] {
        let refused = may(operation, input).unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.status),
            ("UnauthorizedOperation", Some(403))
        );
        let told = format!(
            "is not authorized to perform: {action} on resource: arn:aws:ec2:eu-central-1:123456789012:"
        );
        assert!(refused.message.contains(&told), "{refused}");
        assert!(refused.message.ends_with(&format!(
            "because no identity-based policy allows the {action} action"
        )));
    }
    let refused = may(("acm", "ListCertificates"), json!({})).unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.status),
        ("AccessDeniedException", Some(400))
    );
    let refused = may(("elbv2", "CreateTargetGroup"), json!({"Name": "x"})).unwrap_err();
    assert_eq!(refused.code, "AccessDenied");
    assert!(refused.message.contains(":targetgroup/x/"));
}

#[test]
fn a_denial_wins() {
    let (account, context) = world();
    let context = Context {
        region: "eu-west-1".to_owned(),
        ..context
    };
    let policy = Policy::read(POLICY).unwrap();
    let refused = check(&policy, &account, &context, ("ec2", "DescribeVpcs"), &json!({})).unwrap_err();
    assert!(
        refused
            .message
            .contains("with an explicit deny in an identity-based policy")
    );
}

#[test]
fn a_policy_that_cannot_be_followed_is_refused() {
    let with = |statement: &str| {
        Policy::read(&format!(
            r#"{{"Version": "2012-10-17", "Statement": {statement}}}"#
        ))
    };
    assert!(with(r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#).is_ok());
    for bad in [
        r#"{"Effect": "Allow", "Resource": "*"}"#,
        r#"{"Effect": "Allow", "Action": "*"}"#,
        r#"{"Effect": "Maybe", "Action": "*", "Resource": "*"}"#,
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"DateLessThan": {"aws:CurrentTime": "x"}}}"#,
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceIp": "x"}}}"#,
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Colour": "red"}"#,
    ] {
        assert!(with(bad).is_err(), "{bad}");
    }
}

#[test]
fn conditions_are_as_documented() {
    let (account, context) = world();
    let may = |condition: &str, tags: Value| {
        let policy = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "elasticloadbalancing:addtags",
                "Resource": "*", "Condition": {condition}}}]}}"#
        );
        let input = json!({"ResourceArns": ["arn:aws:elasticloadbalancing:x"], "Tags": tags});
        check(
            &Policy::read(&policy).unwrap(),
            &account,
            &context,
            ("elbv2", "AddTags"),
            &input,
        )
        .is_ok()
    };
    let tags = |pairs: &[(&str, &str)]| {
        let tags: Vec<Value> = pairs
            .iter()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        json!(tags)
    };
    let all = r#"{"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}"#;
    assert!(may(all, tags(&[("a", "1"), ("b", "2")])));
    assert!(!may(all, tags(&[("a", "1"), ("c", "2")])));
    let any = r#"{"ForAnyValue:StringLike": {"aws:TagKeys": "a*"}}"#;
    assert!(may(any, tags(&[("abc", "1"), ("c", "2")])));
    assert!(!may(any, tags(&[("c", "2")])));
    let if_there = r#"{"StringEqualsIfExists": {"aws:RequestTag/a": "1"}}"#;
    assert!(may(if_there, tags(&[("b", "2")])));
    assert!(!may(if_there, tags(&[("a", "2")])));
    assert!(may(r#"{"Null": {"aws:ResourceTag/a": "true"}}"#, tags(&[])));
    assert!(!may(r#"{"Null": {"aws:ResourceTag/a": "false"}}"#, tags(&[])));
    assert!(may(
        r#"{"StringNotEquals": {"aws:RequestTag/a": "1"}}"#,
        tags(&[("a", "2")])
    ));
}
