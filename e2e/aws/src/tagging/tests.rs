use super::*;
use crate::ec2;
use serde_json::json;

fn world(groups: usize) -> (Account, Context) {
    let context = Context::for_test("123456789012", "eu-central-1", 1_800_000_000_000);
    let mut account = Account::default();
    account.ec2.ensure("123456789012", "eu-central-1");
    let call = |account: &mut Account, operation: &str, input: Value| {
        let (_, handler) = ec2::OPERATIONS
            .iter()
            .find(|(name, _)| *name == operation)
            .unwrap();
        handler(account, &context, &input).unwrap()
    };
    let vpcs = call(&mut account, "DescribeVpcs", json!({}));
    let vpc = &vpcs["Vpcs"][0]["VpcId"];
    for n in 0..groups {
        let tags = json!([{"ResourceType": "security-group", "Tags": [
            {"Key": "owner", "Value": format!("o{}", n % 3)}, {"Key": "n", "Value": n.to_string()}]}]);
        let input = json!({"GroupName": format!("g{n}"), "Description": "d", "VpcId": vpc, "TagSpecifications": tags});
        call(&mut account, "CreateSecurityGroup", input);
    }
    (account, context)
}

fn get(account: &mut Account, context: &Context, input: Value) -> Result<Value, String> {
    resources(account, context, &input).map_err(|error| error.code)
}

fn count(answer: &Value) -> usize {
    answer["ResourceTagMappingList"].as_array().unwrap().len()
}

#[test]
fn filters_are_as_documented() {
    let (mut account, context) = world(9);
    let mut found = |filters: Value, kinds: Value| {
        count(
            &get(
                &mut account,
                &context,
                json!({"TagFilters": filters, "ResourceTypeFilters": kinds}),
            )
            .unwrap(),
        )
    };
    let sg = json!(["ec2:security-group"]);
    assert_eq!(found(json!([{"Key": "owner"}]), json!([])), 9);
    assert_eq!(found(json!([{"Key": "owner", "Values": ["o0"]}]), sg.clone()), 3);
    assert_eq!(
        found(json!([{"Key": "owner", "Values": ["o0", "o1"]}]), sg.clone()),
        6
    );
    assert_eq!(
        found(
            json!([{"Key": "owner", "Values": ["o0"]}, {"Key": "n", "Values": ["3", "4"]}]),
            json!(["ec2"])
        ),
        1
    );
    assert_eq!(found(json!([{"Key": "owner"}]), json!(["ec2:subnet"])), 0);
    assert_eq!(found(json!([{"Key": "owner"}]), json!(["ec2:security"])), 0);
    assert_eq!(
        found(
            json!([{"Key": "owner"}]),
            json!(["acm:certificate", "ec2:security-group"])
        ),
        9
    );
}

#[test]
fn pages_hold_everything_once() {
    let (mut account, context) = world(9);
    let mut names = BTreeSet::new();
    let mut token = String::new();
    let mut pages = 0;
    loop {
        let input =
            json!({"TagFilters": [{"Key": "owner"}], "ResourcesPerPage": 4, "PaginationToken": token});
        let answer = get(&mut account, &context, input).unwrap();
        for mapping in answer["ResourceTagMappingList"].as_array().unwrap() {
            assert!(names.insert(mapping["ResourceARN"].as_str().unwrap().to_owned()));
        }
        pages += 1;
        token = answer["PaginationToken"].as_str().unwrap().to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((names.len(), pages), (9, 3));
    let two = json!({"ResourceARNList": names.iter().take(2).collect::<Vec<_>>()});
    assert_eq!(count(&get(&mut account, &context, two).unwrap()), 2);
    let arns = json!(["arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-1"]);
    for (bad, code) in [
        (
            json!({"ResourceARNList": arns, "TagFilters": []}),
            "InvalidParameterException",
        ),
        (json!({"ResourcesPerPage": 101}), "InvalidParameterException"),
        (json!({"TagsPerPage": 150}), "InvalidParameterException"),
        (
            json!({"ExcludeCompliantResources": true}),
            "InvalidParameterException",
        ),
        (
            json!({"PaginationToken": "nonsense"}),
            "PaginationTokenExpiredException",
        ),
    ] {
        assert_eq!(get(&mut account, &context, bad), Err(code.to_owned()));
    }
}

#[test]
fn keys_and_values_are_told() {
    let (mut account, context) = world(3);
    let told = keys(&mut account, &context, &json!({})).unwrap();
    assert!(
        told["TagKeys"]
            .as_array()
            .unwrap()
            .contains(&json!("kubernetes.io/role/elb"))
    );
    let told = values(&mut account, &context, &json!({"Key": "owner"})).unwrap();
    assert_eq!(told["TagValues"], json!(["o0", "o1", "o2"]));
}
