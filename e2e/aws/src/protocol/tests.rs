use super::form::{self, FormError};
use super::model::{Model, Protocol};
use super::scope;
use super::xml::{self, Told};
use super::{check, time};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

fn model() -> Model {
    Model::read(include_str!("../../models/elbv2.json")).unwrap()
}

fn parsed(operation: &str, form: &str) -> Result<Value, FormError> {
    let model = model();
    let pairs = form::pairs(form).unwrap();
    form::parse(
        &model,
        Protocol::Query,
        model.operations[operation].input.as_ref(),
        &pairs,
    )
}

fn violated(operation: &str, input: &Value) -> Vec<String> {
    let model = model();
    let found = check::violations(&model, model.operations[operation].input.as_ref(), input);
    found.into_iter().map(|violation| violation.path).collect()
}

#[test]
fn a_form_becomes_members_lists_and_typed_values() {
    let form = "Action=CreateRule&Version=2015-12-01&ListenerArn=arn%3Aaws%3Ax&Priority=7\
                &Conditions.member.1.Field=host-header&Conditions.member.1.HostHeaderConfig.Values.member.1=a.example\
                &Conditions.member.1.HostHeaderConfig.Values.member.2=b+c\
                &Actions.member.1.Type=forward&Actions.member.1.ForwardConfig.TargetGroups.member.1.Weight=10\
                &Actions.member.1.ForwardConfig.TargetGroupStickinessConfig.Enabled=true";
    assert_eq!(
        parsed("CreateRule", form).unwrap(),
        json!({
            "ListenerArn": "arn:aws:x",
            "Priority": 7,
            "Conditions": [{"Field": "host-header", "HostHeaderConfig": {"Values": ["a.example", "b c"]}}],
            "Actions": [{
                "Type": "forward",
                "ForwardConfig": {
                    "TargetGroups": [{"Weight": 10}],
                    "TargetGroupStickinessConfig": {"Enabled": true},
                },
            }],
        })
    );
}

#[test]
fn items_of_a_list_are_in_the_order_of_their_numbers() {
    let keys: Vec<String> = (1..=11)
        .map(|number| format!("TagKeys.member.{number}=k{number}"))
        .collect();
    let form = format!("ResourceArns.member.1=a&{}", keys.join("&"));
    let input = parsed("RemoveTags", &form).unwrap();
    assert_eq!(input["TagKeys"][1], "k2");
    assert_eq!(input["TagKeys"][10], "k11");
}

#[test]
fn an_empty_list_stays_one() {
    assert_eq!(
        parsed("DescribeLoadBalancers", "Names=").unwrap(),
        json!({"Names": []})
    );
}

#[test]
fn maps_have_entries() {
    let form = "RuleArn=a&Actions.member.1.Type=authenticate-oidc\
                &Actions.member.1.AuthenticateOidcConfig.AuthenticationRequestExtraParams.entry.1.key=prompt\
                &Actions.member.1.AuthenticateOidcConfig.AuthenticationRequestExtraParams.entry.1.value=login";
    let input = parsed("ModifyRule", form).unwrap();
    let config = &input["Actions"][0]["AuthenticateOidcConfig"];
    assert_eq!(
        config["AuthenticationRequestExtraParams"],
        json!({"prompt": "login"})
    );
}

#[test]
fn what_an_operation_does_not_have_is_refused_with_its_path() {
    let unknown = |form: &str| match parsed("CreateRule", form) {
        Err(FormError::Unknown(path)) => path,
        other => panic!("{other:?}"),
    };
    assert_eq!(unknown("Colour=red"), "Colour");
    assert_eq!(unknown("Actions.member.1.Typo=forward"), "Actions.1.member.Typo");
}

#[test]
fn values_of_another_type_are_refused() {
    for form in [
        "Priority=seven",
        "Priority=1.5",
        "Priority=",
        "Priority.member.1=1",
        "Conditions=x",
        "Conditions.1.Field=x",
    ] {
        assert!(parsed("CreateRule", form).is_err(), "{form}");
    }
    assert!(matches!(
        parsed("ModifyRule", "ResetTransforms=yes"),
        Err(FormError::Type { .. })
    ));
}

#[test]
fn hostile_forms_are_bounded() {
    let many: Vec<String> = (0..20_001).map(|number| format!("a{number}=1")).collect();
    assert!(form::pairs(&many.join("&")).is_err());
    assert!(matches!(
        parsed("CreateRule", &format!("{}=1", vec!["a"; 40].join("."))),
        Err(FormError::Malformed(_))
    ));
    assert!(form::pairs("a=%ff").is_err());
    assert!(matches!(
        parsed("CreateRule", "Priority=1&Priority=2"),
        Err(FormError::Malformed(_))
    ));
}

/// Constraints of the model: `RulePriority` 1 to 50000, `ActionTypeEnum`, `TagKey` 1 to 128 of a pattern.
#[test]
fn constraints_of_the_model_are_checked() {
    let rule = |priority: i64, kind: &str| json!({"ListenerArn": "a", "Conditions": [], "Priority": priority, "Actions": [{"Type": kind}]});
    assert!(violated("CreateRule", &rule(50_000, "forward")).is_empty());
    assert_eq!(violated("CreateRule", &rule(50_001, "forward")), ["priority"]);
    assert_eq!(
        violated("CreateRule", &rule(0, "forwards")),
        ["priority", "actions.1.member.type"]
    );
    assert_eq!(
        violated("CreateRule", &json!({"ListenerArn": "a"})),
        ["conditions", "priority", "actions"]
    );
    let tags = |key: &str| json!({"ResourceArns": ["a"], "Tags": [{"Key": key, "Value": "v"}]});
    assert!(violated("AddTags", &tags("gatewright.dev/cluster é+-=._:@")).is_empty());
    assert_eq!(violated("AddTags", &tags("a\u{0}b")), ["tags.1.member.key"]);
    assert_eq!(
        violated("AddTags", &tags(&"k".repeat(129))),
        ["tags.1.member.key"]
    );
    assert_eq!(
        violated("AddTags", &json!({"ResourceArns": ["a"], "Tags": []})),
        ["tags"]
    );
}

#[test]
fn violations_are_told_as_aws_does() {
    let model = model();
    let input = json!({"ListenerArn": "a", "Conditions": [], "Priority": 0, "Actions": []});
    let found = check::violations(&model, model.operations["CreateRule"].input.as_ref(), &input);
    assert_eq!(
        check::sentence(&found),
        "1 validation error detected: Value '0' at 'priority' failed to satisfy constraint: Member must have value \
         greater than or equal to 1"
    );
}

#[test]
fn an_answer_that_a_client_could_not_read_is_found_out() {
    let model = model();
    let output = model.operations["CreateRule"].output.as_ref();
    let wrong = |value: Value| check::answer(&model, output, &value).is_err();
    assert!(!wrong(json!({"Rules": [{"Priority": "1", "IsDefault": false}]})));
    assert!(wrong(json!({"Rules": [{"Priority": 1}]})));
    assert!(wrong(json!({"Rule": []})));
    assert!(wrong(json!({"Rules": {}})));
    assert!(wrong(json!({"Rules": [{"Actions": [{"Type": "teapot"}]}]})));
    assert!(wrong(json!({"Rules": [{"Actions": [{}]}]})), "Type is required");
}

#[test]
fn answers_are_xml_in_the_services_namespace() {
    let model = model();
    let operation = &model.operations["DescribeLoadBalancers"];
    let value = json!({"LoadBalancers": [{
        "LoadBalancerName": "a<&\">",
        "CreatedTime": 1_700_000_000.25,
        "SecurityGroups": ["sg-1", "sg-2"],
        "State": {"Code": "active"},
    }]});
    let text = String::from_utf8(xml::write(&model, Protocol::Query, operation, &value, "id-1")).unwrap();
    assert_eq!(
        text,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeLoadBalancersResponse \
         xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><DescribeLoadBalancersResult>\
         <LoadBalancers><member><LoadBalancerName>a&lt;&amp;&quot;&gt;</LoadBalancerName>\
         <CreatedTime>2023-11-14T22:13:20.250Z</CreatedTime><SecurityGroups><member>sg-1</member>\
         <member>sg-2</member></SecurityGroups><State><Code>active</Code></State></member></LoadBalancers>\
         </DescribeLoadBalancersResult><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata>\
         </DescribeLoadBalancersResponse>"
    );
}

#[test]
fn errors_tell_whose_fault_they_are() {
    let model = model();
    let told = |status| Told {
        code: "RuleNotFound",
        message: "no <rule>",
        status,
        request_id: "id-1",
    };
    let text = |status| String::from_utf8(xml::error(Some(&model), Protocol::Query, &told(status))).unwrap();
    assert!(
        text(400).contains("<Type>Sender</Type><Code>RuleNotFound</Code><Message>no &lt;rule&gt;</Message>")
    );
    assert!(text(503).contains("<Type>Receiver</Type>"));
    let ec2 = String::from_utf8(xml::error(None, Protocol::Ec2, &told(400))).unwrap();
    assert!(ec2.ends_with("</Message></Error></Errors><RequestID>id-1</RequestID></Response>"));
}

#[test]
fn codes_of_errors_have_the_models_status() {
    let model = model();
    let operation = &model.operations["DescribeTargetHealth"];
    assert_eq!(model.status_of(operation, "HealthUnavailable"), Some(500));
    assert_eq!(model.status_of(operation, "TargetGroupNotFound"), Some(400));
    assert_eq!(model.status_of(operation, "ValidationError"), None);
}

#[test]
fn points_in_time_are_read_and_written() {
    assert_eq!(time::iso8601(0.0), "1970-01-01T00:00:00.000Z");
    assert_eq!(time::parse("1970-01-01T00:00:01Z"), Some(1.0));
    assert_eq!(time::parse("1.5"), Some(1.5));
    assert_eq!(time::parse("yesterday"), None);
}

#[test]
fn the_credential_scope_is_read_and_nothing_else_passes() {
    let read = |text: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static(text));
        scope::read(&headers)
    };
    let well = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261121/eu-central-1/elasticloadbalancing/aws4_request, \
                SignedHeaders=host;x-amz-date, Signature=ab";
    let scope = read(well).unwrap().unwrap();
    assert_eq!(
        (scope.access_key.as_str(), scope.region.as_str()),
        ("AKIAEXAMPLE", "eu-central-1")
    );
    assert_eq!(scope.service, "elasticloadbalancing");
    assert_eq!(scope::read(&HeaderMap::new()), Ok(None));
    assert!(read("Bearer x").is_err());
    assert!(read("AWS4-HMAC-SHA256 Credential=A/1/EU/elb/aws4_request").is_err());
    assert!(read("AWS4-HMAC-SHA256 Credential=A/1/eu-west-1/elb").is_err());
}
