use super::*;
use crate::faults::Fault;
use crate::service::{Handler, Service, Unchecked};
use crate::state::Account;
use http::{HeaderValue, Method};
use serde_json::json;

const MODEL: &str = include_str!("../../models/elbv2.json");

/// The model's operations, each answering with nothing but the two that are looked at.
fn simulator() -> Simulator {
    fn nothing(_: &mut Account, _: &Context, _: &Value) -> Result<Value, ApiError> {
        Ok(json!({}))
    }
    fn policies(_: &mut Account, context: &Context, _: &Value) -> Result<Value, ApiError> {
        Ok(json!({"SslPolicies": [{"Name": format!("{}/{}", context.account, context.region)}]}))
    }
    fn wrong(_: &mut Account, _: &Context, _: &Value) -> Result<Value, ApiError> {
        Ok(json!({"Limits": "many"}))
    }
    fn gone(_: &mut Account, _: &Context, _: &Value) -> Result<Value, ApiError> {
        Err(ApiError::new("HealthUnavailable", "no"))
    }
    let model: Value = serde_json::from_str(MODEL).unwrap();
    let names = model["operations"].as_object().unwrap().keys();
    let operations: Vec<(&'static str, Handler)> = names
        .map(|name| {
            let handler: Handler = match name.as_str() {
                "DescribeSSLPolicies" => policies,
                "DescribeAccountLimits" => wrong,
                "DescribeTargetHealth" => gone,
                _ => nothing,
            };
            (&*name.clone().leak(), handler)
        })
        .collect();
    let service = Service {
        id: "elbv2",
        model: MODEL,
        operations: operations.leak(),
    };
    let publisher = Publisher::new("127.64.0.0/10".parse().unwrap());
    let table = Arc::new(Table::load(&[service]).unwrap());
    Simulator::new(table, World::default(), publisher, Arc::new(Unchecked))
}

fn signed(service: &str, body: &str) -> Request {
    let mut headers = HeaderMap::new();
    let value = format!(
        "AWS4-HMAC-SHA256 Credential=111122223333/20261121/eu-central-1/{service}/aws4_request, Signature=x"
    );
    headers.insert("authorization", HeaderValue::from_str(&value).unwrap());
    Request {
        method: Method::POST,
        path: "/".to_owned(),
        query: String::new(),
        headers,
        body: Bytes::from(body.to_owned()),
    }
}

async fn answered(simulator: &Simulator, request: &Request) -> (u16, String) {
    match simulator.call(request).await {
        Outcome::Answer(answer) => (answer.status, String::from_utf8(answer.body).unwrap()),
        Outcome::Silence(_) => panic!("no answer"),
    }
}

const POLICIES: &str = "Action=DescribeSSLPolicies&Version=2015-12-01";

#[tokio::test]
async fn a_call_is_of_the_account_and_region_it_is_signed_for() {
    let simulator = simulator();
    let (status, body) = answered(&simulator, &signed("elasticloadbalancing", POLICIES)).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("<Name>111122223333/eu-central-1</Name>"), "{body}");
}

#[tokio::test]
async fn parameters_may_be_in_the_query() {
    let request = Request {
        query: POLICIES.to_owned(),
        ..signed("elasticloadbalancing", "")
    };
    assert_eq!(answered(&simulator(), &request).await.0, 200);
}

#[tokio::test]
async fn what_is_not_for_an_operation_is_refused() {
    let simulator = simulator();
    let unsigned = Request {
        headers: HeaderMap::new(),
        ..signed("x", POLICIES)
    };
    for (request, status, code) in [
        (
            signed("elasticloadbalancing", "Action=Brew&Version=2015-12-01"),
            400,
            "InvalidAction",
        ),
        (
            signed("elasticloadbalancing", "Action=DescribeRules&Version=2012-06-01"),
            400,
            "InvalidAction",
        ),
        (signed("elasticloadbalancing", ""), 400, "MissingAction"),
        (signed("ec2", POLICIES), 403, "SignatureDoesNotMatch"),
        (unsigned, 403, "MissingAuthenticationToken"),
        (
            signed("elasticloadbalancing", "Action=CreateRule&Version=2015-12-01"),
            400,
            "ValidationError",
        ),
        (
            signed("elasticloadbalancing", &format!("{POLICIES}&Colour=red")),
            400,
            "ValidationError",
        ),
        (
            signed(
                "elasticloadbalancing",
                "Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn=a",
            ),
            500,
            "HealthUnavailable",
        ),
        (
            signed(
                "elasticloadbalancing",
                "Action=DescribeAccountLimits&Version=2015-12-01",
            ),
            500,
            "InternalFailure",
        ),
    ] {
        let (found, body) = answered(&simulator, &request).await;
        assert_eq!(found, status, "{body}");
        assert!(body.contains(&format!("<Code>{code}</Code>")), "{code}: {body}");
    }
}

#[tokio::test]
async fn an_unknown_target_is_refused_in_json() {
    let mut request = signed("acm", "{}");
    request
        .headers
        .insert("x-amz-target", HeaderValue::from_static("Nothing.Brew"));
    let (status, body) = answered(&simulator(), &request).await;
    assert_eq!(status, 400);
    assert!(body.contains("UnknownOperationException"), "{body}");
}

fn fault(effect: Effect) -> Fault {
    serde_json::from_value(json!({"operation": "DescribeSSLPolicies", "count": 1, "effect": effect})).unwrap()
}

#[tokio::test]
async fn faults_strike_once_and_calls_are_counted() {
    let simulator = simulator();
    let request = signed("elasticloadbalancing", POLICIES);
    let error = Effect::Error {
        code: "ServiceUnavailable".to_owned(),
        message: "later".to_owned(),
        status: Some(503),
    };
    simulator.inner().faults.add(fault(error));
    assert_eq!(answered(&simulator, &request).await.0, 503);
    assert_eq!(answered(&simulator, &request).await.0, 200);
    simulator
        .inner()
        .faults
        .add(fault(Effect::TimeoutBefore { after_ms: 1 }));
    assert_eq!(
        simulator.call(&request).await,
        Outcome::Silence(Duration::from_millis(1))
    );
    let inner = simulator.inner();
    assert_eq!(inner.calls.counts["elbv2:DescribeSSLPolicies"], 2);
    assert_eq!(inner.calls.last[0].error.as_deref(), Some("ServiceUnavailable"));
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html>
#[tokio::test]
async fn the_41st_describe_in_a_moment_is_throttled() {
    let simulator = simulator();
    simulator
        .inner()
        .faults
        .buckets
        .set(crate::faults::throttle::Throttling::documented());
    let request = signed("elasticloadbalancing", POLICIES);
    let mut answers = Vec::new();
    for _ in 0..60 {
        answers.push(answered(&simulator, &request).await);
    }
    assert!(answers.iter().take(40).all(|(status, _)| *status == 200));
    let (status, body) = answers.last().unwrap();
    assert_eq!(*status, 400);
    assert!(
        body.contains("<Code>ThrottlingException</Code><Message>Rate exceeded</Message>"),
        "{body}"
    );
}

/// How each service says that calls come too fast: codes and statuses of the API references, and of "Common Errors" where an
/// operation has no error of its own for it.
#[tokio::test]
async fn each_service_throttles_in_its_own_words() {
    use crate::faults::throttle::{Category, Throttling};
    let publisher = Publisher::new("127.64.0.0/10".parse().unwrap());
    let simulator = Simulator::new(
        Table::all().unwrap(),
        World::default(),
        publisher,
        Arc::new(Unchecked),
    );
    let slow = |service: &str| Category {
        name: service.to_owned(),
        service: service.to_owned(),
        operations: vec!["*".to_owned()],
        capacity: 1.0,
        refill: 0.000_001,
        each: false,
    };
    let categories = ["lattice", "acm", "tagging", "waf"].map(slow).into();
    simulator.inner().faults.buckets.set(Throttling { categories });
    let targeted = |service: &str, target: &str, body: Value| {
        let mut request = signed(service, &body.to_string());
        let target = HeaderValue::from_str(target).unwrap();
        request.headers.insert("x-amz-target", target);
        let json = HeaderValue::from_static("application/x-amz-json-1.1");
        request.headers.insert("content-type", json);
        request
    };
    let services = Request {
        method: Method::GET,
        path: "/services".to_owned(),
        ..signed("vpc-lattice", "")
    };
    let arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/a/0123456789abcdef";
    for (request, status, code) in [
        (services, 429, "ThrottlingException"),
        (
            targeted("acm", "CertificateManager.ListCertificates", json!({})),
            400,
            "ThrottlingException",
        ),
        (
            targeted(
                "tagging",
                "ResourceGroupsTaggingAPI_20170126.GetResources",
                json!({}),
            ),
            400,
            "ThrottledException",
        ),
        (
            targeted(
                "wafv2",
                "AWSWAF_20190729.GetWebACLForResource",
                json!({"ResourceArn": arn}),
            ),
            400,
            "ThrottlingException",
        ),
    ] {
        // The first one takes the only token, whatever it says.
        let _ = simulator.call(&request).await;
        let Outcome::Answer(answer) = simulator.call(&request).await else {
            panic!("{code}: no answer");
        };
        let body = String::from_utf8(answer.body).unwrap();
        assert_eq!(answer.status, status, "{body}");
        let told = answer.error_type.unwrap_or_default() + &body;
        assert!(told.contains(code) && body.contains("Rate exceeded"), "{told}");
    }
}
