//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html>

use super::{ASKED, Asked, rules};
use crate::traffic::matching::{Action, Forward};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn action(action: Value) -> Action {
    let rules = rules(json!([{"RuleArn": "it", "Priority": "default", "Actions": [action]}]));
    ASKED.see(|request| rules.decide(request).unwrap().action.clone())
}

fn location(config: Value, asked: &Asked) -> String {
    let Action::Redirect(redirect) = action(json!({"Type": "redirect", "RedirectConfig": config})) else {
        panic!("no redirect")
    };
    asked.see(|request| redirect.location(request, "http", 80))
}

fn forward(config: Value) -> Forward {
    let Action::Forward(forward) = action(json!({"Type": "forward", "ForwardConfig": config})) else {
        panic!("no forward")
    };
    forward
}

#[test]
fn redirects() {
    let asked = Asked {
        host: "example.com",
        url: "/a/b?c=d",
        ..ASKED
    };
    // "redirects an HTTP request to an HTTPS request on port 443, with the same host name, path, and query string".
    let example = json!({"Protocol": "HTTPS", "Port": "443", "Host": "#{host}", "Path": "/#{path}",
                         "Query": "#{query}", "StatusCode": "HTTP_301"});
    assert_eq!(location(example, &asked), "https://example.com:443/a/b?c=d");
    // The console's examples: "https://#{host}:40443/#{path}?#{query}" and
    // "#{protocol}://#{host}:#{port}/new/#{path}?#{query}".
    let port = json!({"Protocol": "HTTPS", "Port": "40443", "StatusCode": "HTTP_301"});
    assert_eq!(location(port, &asked), "https://example.com:40443/a/b?c=d");
    let path = json!({"Path": "/new/#{path}", "StatusCode": "HTTP_302"});
    assert_eq!(location(path, &asked), "http://example.com:80/new/a/b?c=d");
    // "Any components that you do not modify retain their original values."
    let host = json!({"Host": "other.org", "StatusCode": "HTTP_302"});
    assert_eq!(
        location(
            host,
            &Asked {
                url: "/",
                ..asked.clone()
            }
        ),
        "http://other.org:80/"
    );
    // `#{host}` "Use in the hostname, path, and query components", and so on.
    let all =
        json!({"Path": "/#{host}/#{port}/#{x}", "Query": "#{protocol}-#{path}", "StatusCode": "HTTP_302"});
    assert_eq!(
        location(all, &asked),
        "http://example.com:80/example.com/80/#{x}?http-a/b"
    );
    // What a request holds is not filled in again.
    let twice = json!({"Query": "#{path}", "StatusCode": "HTTP_302"});
    assert_eq!(
        location(
            twice,
            &Asked {
                url: "/#{host}",
                ..asked
            }
        ),
        "http://example.com:80/#{host}?#{host}"
    );
}

#[test]
fn weights() {
    // "one with a weight of 10 and the other with a weight of 20, the target group with a weight of 20 receives twice
    // as many requests as the other target group".
    let forward = forward(json!({"TargetGroups": [
        {"TargetGroupArn": "blue", "Weight": 10}, {"TargetGroupArn": "green", "Weight": 20},
        {"TargetGroupArn": "none", "Weight": 0}]}));
    let mut shares = BTreeMap::new();
    for ticket in 0..forward.total() {
        *shares.entry(forward.draw(ticket).unwrap().as_str()).or_insert(0) += 1;
    }
    assert_eq!(shares, BTreeMap::from([("blue", 10), ("green", 20)]));
    assert!(forward.draw(u64::MAX).is_some());
}

#[test]
fn no_weight_at_all() {
    let forward = forward(json!({"TargetGroups": [{"TargetGroupArn": "a", "Weight": 0}]}));
    assert_eq!(forward.draw(7), None);
}

#[test]
fn stickiness_is_read() {
    let with = |sticky: Value| {
        forward(json!({"TargetGroups": [{"TargetGroupArn": "a"}], "TargetGroupStickinessConfig": sticky}))
            .sticky_s
    };
    assert_eq!(
        with(json!({"Enabled": true, "DurationSeconds": 1000})),
        Some(1000)
    );
    assert_eq!(with(json!({"Enabled": false})), None);
    let Action::Forward(short) = action(json!({"Type": "forward", "TargetGroupArn": "a"})) else {
        panic!()
    };
    assert_eq!((short.total(), short.sticky_s), (1, None));
}
