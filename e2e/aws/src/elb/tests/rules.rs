use super::{Bench, fixed, forward, merge, path, rule, text};
use serde_json::{Value, json};

fn with(listener: &str, more: Value) -> Value {
    let mut input = rule(listener, 1);
    merge(&mut input, more);
    input
}

fn bench() -> (Bench, String) {
    let mut bench = Bench::new();
    let balancer = bench.balancer("shop");
    let listener = bench.listener(&balancer, 80);
    (bench, listener)
}

fn priorities(bench: &mut Bench, listener: &str) -> Vec<(String, String)> {
    let told = bench.ok("DescribeRules", json!({"ListenerArn": listener}));
    let rules = told["Rules"].as_array().unwrap().iter();
    rules
        .map(|rule| (text(&rule["RuleArn"]), text(&rule["Priority"])))
        .collect()
}

/// `API_CreateRule`: "A listener can't have multiple rules with the same priority."
#[test]
fn a_priority_is_used_once_and_the_default_rule_is_last() {
    let (mut bench, listener) = bench();
    bench.rule(&listener, 50_000);
    bench.rule(&listener, 2);
    assert_eq!(bench.code("CreateRule", rule(&listener, 2)), "PriorityInUse");
    for wrong in [0, 50_001] {
        assert_eq!(
            bench.code("CreateRule", rule(&listener, wrong)),
            "ValidationError"
        );
    }
    let told: Vec<String> = priorities(&mut bench, &listener)
        .into_iter()
        .map(|(_, priority)| priority)
        .collect();
    assert_eq!(told, ["2", "50000", "default"]);
}

/// `API_SetRulePriorities`: "You can reorder the rules as long as there are no priority conflicts in the new order. Any
/// existing rules that you do not specify retain their current priority."
#[test]
fn rules_swap_priorities_in_one_call() {
    let (mut bench, listener) = bench();
    let (a, b, c) = (
        bench.rule(&listener, 1),
        bench.rule(&listener, 2),
        bench.rule(&listener, 3),
    );
    let set = |pairs: &[(&String, u32)]| {
        let pairs: Vec<Value> = pairs
            .iter()
            .map(|(arn, priority)| json!({"RuleArn": arn, "Priority": priority}))
            .collect();
        json!({"RulePriorities": pairs})
    };
    bench.ok("SetRulePriorities", set(&[(&a, 2), (&b, 1)]));
    let order: Vec<String> = priorities(&mut bench, &listener)
        .into_iter()
        .map(|(arn, _)| arn)
        .take(3)
        .collect();
    assert_eq!(order, [b.clone(), a.clone(), c.clone()]);
    assert_eq!(bench.code("SetRulePriorities", set(&[(&a, 3)])), "PriorityInUse");
    assert_eq!(
        bench.code("SetRulePriorities", set(&[(&a, 9), (&b, 9)])),
        "ValidationError"
    );
    assert_eq!(
        bench.code("SetRulePriorities", set(&[(&a, 9), (&a, 8)])),
        "ValidationError"
    );
    assert_eq!(
        bench.code("SetRulePriorities", set(&[(&format!("{a}0"), 9)])),
        "RuleNotFound"
    );
    let default = priorities(&mut bench, &listener).pop().unwrap().0;
    assert_eq!(
        bench.code("SetRulePriorities", set(&[(&default, 9)])),
        "OperationNotPermitted"
    );
    assert_eq!(
        bench.code("SetRulePriorities", json!({"RulePriorities": []})),
        "ValidationError"
    );
}

/// `API_DeleteRule`: "You can't delete the default rule"; `API_ModifyRule` lists `OperationNotPermitted`.
#[test]
fn the_default_rule_stays_and_missing_rules_are_missed() {
    let (mut bench, listener) = bench();
    let own = bench.rule(&listener, 1);
    let default = priorities(&mut bench, &listener).pop().unwrap().0;
    assert_eq!(
        bench.code("DeleteRule", json!({"RuleArn": default})),
        "OperationNotPermitted"
    );
    assert_eq!(
        bench.code(
            "ModifyRule",
            json!({"RuleArn": default, "Actions": [fixed("200")]})
        ),
        "OperationNotPermitted"
    );
    bench.ok("DeleteRule", json!({"RuleArn": own}));
    assert_eq!(bench.code("DeleteRule", json!({"RuleArn": own})), "RuleNotFound");
    assert_eq!(bench.code("ModifyRule", json!({"RuleArn": own})), "RuleNotFound");
    assert_eq!(bench.code("DescribeRules", json!({})), "ValidationError");
}

fn host(values: &[&str]) -> Value {
    json!({"Field": "host-header", "HostHeaderConfig": {"Values": values}})
}

/// `guide/rule-condition-types`, `API_RuleCondition` and the types of its members.
#[test]
fn conditions_that_are_not_documented_are_refused() {
    let (mut bench, listener) = bench();
    let long = "a".repeat(125) + ".com";
    let refused: Vec<(&str, Value)> = vec![
        ("no condition", json!([])),
        ("two path conditions", json!([path("/a"), path("/b")])),
        (
            "four values in one condition",
            json!([host(&["a.com", "b.com", "c.com", "d.com"])]),
        ),
        (
            "six values",
            json!([host(&["a.com", "b.com", "c.com"]), {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a", "/b", "/c"]}}]),
        ),
        ("six wildcards", json!([path("/*?*?*?")])),
        ("no value", json!([path("")])),
        (
            "no values",
            json!([{"Field": "path-pattern", "PathPatternConfig": {"Values": []}}]),
        ),
        ("unknown field", json!([{"Field": "cookie", "Values": ["a"]}])),
        ("host without a dot", json!([host(&["localhost"])])),
        ("host with digits at its end", json!([host(&["a.b1"])])),
        ("host of 129 characters", json!([host(&[&long])])),
        ("host with a port", json!([host(&["a.com:80"])])),
        ("path with a percent", json!([path("/a%20b")])),
        ("path with a bracket", json!([path("/a(b)")])),
        (
            "several values beside",
            json!([{"Field": "path-pattern", "Values": ["/a", "/b"]}]),
        ),
        (
            "configuration of another field",
            json!([{"Field": "path-pattern", "HostHeaderConfig": {"Values": ["a.com"]}}]),
        ),
        (
            "lower-case method",
            json!([{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["get"]}}]),
        ),
        (
            "host as header",
            json!([{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "Host", "Values": ["a"]}}]),
        ),
        (
            "header name with a space",
            json!([{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "a b", "Values": ["a"]}}]),
        ),
        (
            "header name of 41 characters",
            json!([{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "a".repeat(41), "Values": ["a"]}}]),
        ),
        (
            "header without values",
            json!([{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "a"}}]),
        ),
        (
            "address without length",
            json!([{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.1"]}}]),
        ),
        (
            "nonsense address",
            json!([{"Field": "source-ip", "SourceIpConfig": {"Values": ["nonsense"]}}]),
        ),
        (
            "regex in source-ip",
            json!([{"Field": "source-ip", "RegexValues": ["a"], "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}]),
        ),
        (
            "look-ahead",
            json!([{"Field": "path-pattern", "RegexValues": ["^/a(?=b)"]}]),
        ),
        (
            "regex of 129 characters",
            json!([{"Field": "path-pattern", "RegexValues": ["a".repeat(129)]}]),
        ),
        (
            "empty query value",
            json!([{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a"}]}}]),
        ),
    ];
    for (what, conditions) in refused {
        let input = with(&listener, json!({"Conditions": conditions}));
        assert_eq!(bench.code("CreateRule", input), "ValidationError", "{what}");
    }
}

#[test]
fn documented_conditions_are_kept_and_told_in_one_form() {
    let (mut bench, listener) = bench();
    let conditions = json!([
        {"Field": "host-header", "Values": ["*.example.com"]},
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["1"]}},
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-B"}, "RegexValues": ["^v[12]$"]},
        {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a", "Value": "\\*b"}]}},
        {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}},
    ]);
    let told = bench.ok("CreateRule", with(&listener, json!({"Conditions": conditions})));
    let told = &told["Rules"][0]["Conditions"];
    assert_eq!(
        told[0],
        json!({"Field": "host-header", "Values": ["*.example.com"], "HostHeaderConfig": {"Values": ["*.example.com"]}})
    );
    let mirrored = json!({"HttpHeaderName": "X-B", "RegexValues": ["^v[12]$"]});
    assert_eq!(
        told[2],
        json!({"Field": "http-header", "HttpHeaderConfig": mirrored, "RegexValues": ["^v[12]$"]})
    );
    // Regular expressions of a configuration are told beside it as well.
    let regex = json!([{"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/a(/.*)?$"]}}]);
    let mut input = with(&listener, json!({"Conditions": regex}));
    merge(&mut input, json!({"Priority": 2}));
    let told = bench.ok("CreateRule", input);
    let told = &told["Rules"][0]["Conditions"][0];
    assert_eq!(told["RegexValues"], json!(["^/a(/.*)?$"]));
    assert_eq!(told["PathPatternConfig"]["RegexValues"], json!(["^/a(/.*)?$"]));
    // What an answer says can be said again.
    let again = json!({"RuleArn": bench.rule(&listener, 3), "Conditions": [told]});
    bench.ok("ModifyRule", again);
}

/// `API_RuleTransform`, `API_ModifyRule`.
#[test]
fn transforms_are_kept_replaced_and_reset() {
    let (mut bench, listener) = bench();
    let url = |regex: &str| json!({"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": regex, "Replace": "/b$1"}]}});
    let host = json!({"Type": "host-header-rewrite", "HostHeaderRewriteConfig": {"Rewrites": [{"Regex": ".*", "Replace": "b.example"}]}});
    let made = bench.ok(
        "CreateRule",
        with(&listener, json!({"Transforms": [url("^/a(.*)$"), host]})),
    );
    let arn = text(&made["Rules"][0]["RuleArn"]);
    assert_eq!(made["Rules"][0]["Transforms"].as_array().unwrap().len(), 2);
    let told = bench.ok("ModifyRule", json!({"RuleArn": arn, "Conditions": [path("/c")]}));
    assert_eq!(
        told["Rules"][0]["Transforms"].as_array().unwrap().len(),
        2,
        "what is not specified is unchanged"
    );
    let both = json!({"RuleArn": arn, "Transforms": [url("a")], "ResetTransforms": true});
    assert_eq!(bench.code("ModifyRule", both), "ValidationError");
    let told = bench.ok("ModifyRule", json!({"RuleArn": arn, "ResetTransforms": true}));
    assert!(told["Rules"][0].get("Transforms").is_none());
    for (what, transforms) in [
        ("two of a type", json!([url("a"), url("b")])),
        (
            "another's configuration",
            json!([{"Type": "host-header-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "a", "Replace": "b"}]}}]),
        ),
        (
            "no rewrite",
            json!([{"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": []}}]),
        ),
        ("back-reference", json!([url("(a)\\1")])),
        ("too long", json!([url(&"a".repeat(1025))])),
    ] {
        assert_eq!(
            bench.code("ModifyRule", json!({"RuleArn": arn, "Transforms": transforms})),
            "ValidationError",
            "{what}"
        );
    }
}

/// `API_Action`, `API_ForwardActionConfig`.
#[test]
fn actions_are_checked() {
    let (mut bench, listener) = bench();
    let group = bench.group("pods");
    let weighted = |weight: i64| json!({"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": group, "Weight": weight}]}});
    let six: Vec<Value> = (0..6)
        .map(|number| json!({"TargetGroupArn": format!("{group}{number}")}))
        .collect();
    let sticky = |config: Value| json!({"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": group}], "TargetGroupStickinessConfig": config}});
    for (actions, code) in [
        (json!([]), "ValidationError"),
        (json!([weighted(1000)]), "ValidationError"),
        (json!([weighted(-1)]), "ValidationError"),
        (json!([{"Type": "forward"}]), "ValidationError"),
        (
            json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": six}}]),
            "InvalidLoadBalancerAction",
        ),
        (json!([sticky(json!({"Enabled": true}))]), "ValidationError"),
        (
            json!([sticky(json!({"Enabled": true, "DurationSeconds": 604_801}))]),
            "ValidationError",
        ),
        (
            json!([forward(&group), forward(&group)]),
            "InvalidLoadBalancerAction",
        ),
        (
            json!([forward(&group), fixed("200"), fixed("201")]),
            "TooManyActions",
        ),
        (json!([forward(&format!("{group}0"))]), "TargetGroupNotFound"),
        (json!([forward("pods")]), "ValidationError"),
        (json!([fixed("302")]), "ValidationError"),
        (
            json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "ContentType": "image/png"}}]),
            "ValidationError",
        ),
        (
            json!([{"Type": "forward", "TargetGroupArn": group, "RedirectConfig": {"StatusCode": "HTTP_301", "Port": "81"}}]),
            "ValidationError",
        ),
        (
            json!([{"Type": "jwt-validation", "Order": 1, "JwtValidationConfig": {"JwksEndpoint": "https://a/b", "Issuer": "a"}}, {"Type": "forward", "Order": 2, "TargetGroupArn": group}]),
            "InvalidLoadBalancerAction",
        ),
    ] {
        let input = with(&listener, json!({"Actions": actions}));
        assert_eq!(bench.code("CreateRule", input), code, "{actions}");
    }
    let told = bench.ok(
        "CreateRule",
        with(&listener, json!({"Actions": [forward(&group)]})),
    );
    let told = &told["Rules"][0]["Actions"][0];
    assert_eq!(told["TargetGroupArn"], json!(group));
    assert_eq!(
        told["ForwardConfig"],
        json!({"TargetGroups": [{"TargetGroupArn": group, "Weight": 1}], "TargetGroupStickinessConfig": {"Enabled": false}})
    );
}

/// `API_RedirectActionConfig`.
#[test]
fn redirects_must_change_something() {
    let (mut bench, listener) = bench();
    let redirect = |config: Value| {
        let mut full = json!({"StatusCode": "HTTP_301"});
        merge(&mut full, config);
        with(
            &listener,
            json!({"Actions": [{"Type": "redirect", "RedirectConfig": full}]}),
        )
    };
    for (config, code) in [
        (json!({}), "InvalidLoadBalancerAction"),
        (json!({"Query": "a=b"}), "InvalidLoadBalancerAction"),
        (
            json!({"Protocol": "HTTP", "Port": "80"}),
            "InvalidLoadBalancerAction",
        ),
        (json!({"Path": "/new/#{path}"}), "InvalidLoadBalancerAction"),
        (json!({"StatusCode": "HTTP_307", "Port": "81"}), "ValidationError"),
        (json!({"Port": "0"}), "ValidationError"),
        (json!({"Protocol": "FTP"}), "ValidationError"),
        (json!({"Path": "new"}), "ValidationError"),
        (json!({"Host": "#{path}.example"}), "ValidationError"),
    ] {
        assert_eq!(
            bench.code("CreateRule", redirect(config.clone())),
            code,
            "{config}"
        );
    }
    let told = bench.ok(
        "CreateRule",
        redirect(json!({"Protocol": "HTTPS", "Port": "443"})),
    );
    assert_eq!(
        told["Rules"][0]["Actions"][0]["RedirectConfig"],
        json!({"Protocol": "HTTPS", "Port": "443", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}", "StatusCode": "HTTP_301"})
    );
}
