use super::*;
use gatewright_provider_api::contract::{Action, Applied, ErrorKind, ProviderError, Resource, Verdict};

/// The names of `pkg/internal/controller/metrics` and `pkg/metrics` of controller-runtime, and ours.
#[test]
fn names_are_those_that_dashboards_know() {
    let metrics = Metrics::new(None);
    metrics.reconciled("engine", "success", Duration::from_millis(3));
    metrics.reconciled("gateway", "error", Duration::from_millis(3));
    metrics.terminal("gateway", false);
    metrics.terminal("gateway", true);
    metrics.status_write(Kind::Gateway, "success", Duration::from_millis(3));
    let status = metrics.queue("status", 8);
    status.depth(2);
    status.added();
    let gateway = metrics.queue("gateway", 8);
    gateway.retried();
    let _running = gateway.taken(Duration::from_millis(3));
    drop(status.taken(Duration::from_millis(3)));
    metrics.called(Call {
        provider: Provider::AwsAlb,
        operation: "CreateRule",
        outcome: "throttled",
        took: Duration::from_millis(3),
    });
    let failed = Outcome {
        unread: Some(ProviderError {
            kind: ErrorKind::Timeout,
            resource: Resource {
                kind: "Service",
                id: "secret-of/a-user".into(),
            },
            message: "no answer".to_owned(),
        }),
        ..Outcome::default()
    };
    metrics.provided(Provider::Software, &failed);
    let made = Outcome {
        changes: vec![Applied {
            action: Action::Create,
            resource: failed.unread.as_ref().unwrap().resource.clone(),
            summary: String::new(),
            verdict: Verdict::Done,
        }],
        ..Outcome::default()
    };
    metrics.provided(Provider::Software, &made);
    let host = Arc::new("10.96.0.1:443".to_owned());
    metrics
        .requests
        .ended("GET", &host, Some(200), Duration::from_millis(3));
    let text = metrics.render();
    for line in [
        r#"controller_runtime_reconcile_total{controller="engine",result="success"} 1"#,
        r#"controller_runtime_reconcile_errors_total{controller="engine"} 0"#,
        r#"controller_runtime_reconcile_errors_total{controller="gateway"} 1"#,
        r#"controller_runtime_terminal_reconcile_errors_total{controller="gateway"} 1"#,
        r#"controller_runtime_reconcile_time_seconds_bucket{le="0.005",controller="engine"} 1"#,
        r#"controller_runtime_active_workers{controller="gateway"} 1"#,
        r#"controller_runtime_max_concurrent_reconciles{controller="gateway"} 8"#,
        r#"leader_election_master_status{name="gatewright-controller"} 0"#,
        r#"workqueue_depth{name="status",controller="status"} 2"#,
        r#"workqueue_adds_total{name="status",controller="status"} 1"#,
        r#"workqueue_adds_total{name="gateway",controller="gateway"} 1"#,
        r#"workqueue_retries_total{name="gateway",controller="gateway"} 1"#,
        r#"workqueue_queue_duration_seconds_bucket{le="0.01",name="status",controller="status"} 1"#,
        r#"workqueue_work_duration_seconds_count{name="status",controller="status"} 1"#,
        r#"workqueue_unfinished_work_seconds{name="gateway",controller="gateway"} "#,
        r#"workqueue_longest_running_processor_seconds{name="gateway",controller="gateway"} "#,
        r#"rest_client_requests_total{code="200",method="GET",host="10.96.0.1:443"} 1"#,
        r#"rest_client_request_duration_seconds_count{verb="GET",host="10.96.0.1:443"} 1"#,
        "process_resident_memory_bytes ",
        "process_cpu_seconds_total ",
        "process_open_fds ",
        "process_start_time_seconds ",
        r#"gatewright_status_writes_total{kind="Gateway",result="success"} 1"#,
        r#"gatewright_provider_call_duration_seconds_count{provider="aws-alb",operation="CreateRule",outcome="throttled"} 1"#,
        r#"gatewright_provider_errors_total{provider="software",kind="timeout"} 1"#,
        r#"gatewright_plan_changes_total{provider="software",action="create"} 1"#,
        "gatewright_build_info{",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("a-user"), "no name of an object is a label");
    assert!(text.ends_with("# EOF\n"));
    let mut types: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    let all = types.len();
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), all, "each name once");
}
