//! Lambda functions as targets.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>

use super::client::{Answer, Body, get, send};
use super::world::{World, all, attribute, group};
use crate::traffic::config::{LAMBDA, Target};
use crate::traffic::{Reason, State};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:thumbnails:$LATEST";

/// What invokes functions: the one that there is answers as its handler says, an error where it says nothing.
struct Functions {
    at: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Functions {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Functions {
    async fn start(handler: fn(&Value) -> Option<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let answer = service_fn(move |request| invoked(handler, request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { at, task }
    }
}

/// `API_Invoke`.
async fn invoked(
    handler: fn(&Value) -> Option<Value>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, event) = request.into_parts();
    let path = percent_encoding::percent_decode_str(head.uri.path()).decode_utf8_lossy();
    assert_eq!(path, format!("/2015-03-31/functions/{FUNCTION}/invocations"));
    assert_eq!(head.method, "POST");
    let event = event.collect().await.unwrap().to_bytes();
    let answer = handler(&serde_json::from_slice(&event).unwrap());
    let error = answer.is_none();
    let text = answer.unwrap_or_else(|| json!({"errorMessage": "it failed"}));
    let mut response = Response::new(Full::new(Bytes::from(text.to_string())));
    if error {
        let headers = response.headers_mut();
        headers.insert("x-amz-function-error", "Unhandled".parse().unwrap());
    }
    Ok(response)
}

async fn world(functions: Option<&Functions>) -> World {
    let mut world = World::start(all("tg")).await;
    let mut of = group(&[]);
    of.protocol = LAMBDA.to_owned();
    of.health.enabled = false;
    of.functions = functions.map(|functions| functions.at);
    of.targets = vec![Target {
        id: FUNCTION.to_owned(),
        port: 0,
        server: None,
        address: None,
        draining: false,
    }];
    world.add_group("tg", of);
    world.publish().await;
    world
}

/// Tells the event.
fn echo(event: &Value) -> Option<Value> {
    Some(json!({
        "statusCode": 201,
        "statusDescription": "201 Created",
        "headers": {"Content-Type": "application/json", "Connection": "close", "x-own": "kept"},
        "body": event.to_string(),
        "isBase64Encoded": false,
    }))
}

#[tokio::test]
async fn a_function_gets_requests_as_events_and_answers_them() {
    let functions = Functions::start(echo).await;
    let world = world(Some(&functions)).await;
    let health = world.health.state("tg", FUNCTION, 0).unwrap();
    assert_eq!(
        (health.state, health.reason),
        (State::Unavailable, Some(Reason::HealthCheckDisabled))
    );
    let request = Request::post("/a%20b?x=1%2B1&y=2&x=3")
        .header("host", "example.com")
        .header("X-Own", "one")
        .header("X-Own", "two")
        .header("content-type", "text/plain; charset=utf-8")
        .body(Body::from("hello"))
        .unwrap();
    let answer = send(world.at, request).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-own"), Some("kept"));
    assert_eq!(answer.header("connection"), None);
    let event = answer.json();
    assert_eq!(event["requestContext"], json!({"elb": {"targetGroupArn": "tg"}}));
    assert_eq!(event["httpMethod"], "POST");
    assert_eq!(event["path"], "/a%20b");
    // Not decoded, and the last value of a key.
    assert_eq!(event["queryStringParameters"], json!({"x": "3", "y": "2"}));
    assert_eq!(event["headers"]["x-own"], "two");
    assert_eq!(event["headers"]["x-forwarded-for"], "127.0.0.1");
    assert_eq!(
        (&event["body"], &event["isBase64Encoded"]),
        (&json!("hello"), &json!(false))
    );
    assert_eq!(event.get("multiValueHeaders"), None);
}

#[tokio::test]
async fn all_values_are_passed_where_the_group_says_so() {
    let functions = Functions::start(|event| {
        Some(json!({
            "statusCode": 200,
            "headers": {"x-single": "not used"},
            "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]},
            "body": event.to_string(),
        }))
    })
    .await;
    let mut world = world(Some(&functions)).await;
    let on = attribute("lambda.multi_value_headers.enabled", "true");
    world.group("tg").attributes.extend([on]);
    world.publish().await;
    let request = Request::get("/?x=1%2B1&y&x=3")
        .header("host", "example.com")
        .header("X-Own", "one")
        .header("X-Own", "two")
        .body(Body::default())
        .unwrap();
    let answer = send(world.at, request).await;
    let event = answer.json();
    assert_eq!(event["multiValueHeaders"]["x-own"], json!(["one", "two"]));
    assert_eq!(
        event["multiValueQueryStringParameters"],
        json!({"x": ["1%2B1", "3"], "y": [""]})
    );
    assert_eq!(event.get("headers"), None);
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(answer.header("x-single"), None);
}

/// "For all other types, the load balancer Base64 encodes the body and `isBase64Encoded` is `true`."
#[tokio::test]
async fn bodies_that_are_no_text_are_encoded_both_ways() {
    let functions = Functions::start(|event| {
        assert_eq!(event["isBase64Encoded"], true);
        Some(json!({"statusCode": 200, "isBase64Encoded": true, "body": event["body"]}))
    })
    .await;
    let world = world(Some(&functions)).await;
    for (name, value) in [("content-type", "image/png"), ("content-encoding", "gzip")] {
        let request = Request::put("/").header("host", "a.b").header(name, value);
        let request = request.body(Body::from("\u{1}\u{2}é")).unwrap();
        let answer = send(world.at, request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.as_str()),
            (200, "\u{1}\u{2}é"),
            "{name}"
        );
    }
}

/// "Target is a Lambda function": 413 for a request body, 502 for an error or an answer that cannot be used.
#[tokio::test]
async fn what_a_function_cannot_do_is_the_load_balancers_answer() {
    let of = async |handler: fn(&Value) -> Option<Value>, request| -> Answer {
        let functions = Functions::start(handler).await;
        send(world(Some(&functions)).await.at, request).await
    };
    let refused = [
        ("an error", (|_| None) as fn(&Value) -> Option<Value>),
        ("no status", |_| Some(json!({"body": "hello"}))),
        ("a status as text", |_| Some(json!({"statusCode": "200"}))),
        ("no answer of HTTP", |_| Some(json!({"statusCode": 20}))),
        ("no header", |_| {
            Some(json!({"statusCode": 200, "headers": {"a b": "c"}}))
        }),
        ("too much", |_| {
            Some(json!({"statusCode": 200, "body": "x".repeat(1 << 20)}))
        }),
        ("no base64", |_| {
            Some(json!({"statusCode": 200, "body": "é", "isBase64Encoded": true}))
        }),
    ];
    for (what, handler) in refused {
        assert_eq!(of(handler, get("/")).await.status, 502, "{what}");
    }
    let large = Request::put("/").header("host", "a.b");
    let large = large.body(Body::from(vec![b' '; (1 << 20) + 1])).unwrap();
    assert_eq!(of(echo, large).await.status, 413);
    // "WebSockets are not supported. Upgrade requests are rejected with an HTTP 400 code."
    let upgrade = Request::get("/")
        .header("host", "a.b")
        .header("connection", "upgrade")
        .header("upgrade", "websocket");
    let upgrade = upgrade.body(Body::default()).unwrap();
    assert_eq!(of(echo, upgrade).await.status, 400);
    // Nobody serves functions.
    assert_eq!(send(world(None).await.at, get("/")).await.status, 503);
}
