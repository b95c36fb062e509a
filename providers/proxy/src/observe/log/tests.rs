use super::format::{self, Timestamp};
use super::{AccessLog, FIELDS, LogError, Selection};
use crate::http::RequestHead;
use crate::observe::{RequestRecord, ResponseFlag};
use crate::policy::chain::tests::{connection, request};
use crate::runtime::{AccessLogFormat, AccessLogOptions, ConnInfo, ForwardingOptions};
use std::time::{Duration, UNIX_EPOCH};

fn selection(fields: &[&str]) -> Selection {
    Selection::new(&fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn record<'a>(conn: &'a ConnInfo, head: &'a RequestHead) -> RequestRecord<'a> {
    RequestRecord {
        conn,
        listener: None,
        rule: None,
        backend: None,
        endpoint: Some("10.0.0.1:80".parse().unwrap()),
        request: Some(head),
        status: 503,
        bytes_in: 1,
        bytes_out: 2,
        duration: Duration::from_micros(1234),
        upstream_duration: None,
        attempts: 2,
        flag: Some(ResponseFlag::ConnectFailure),
        span: None,
    }
}

fn line(format: AccessLogFormat, fields: &[&str], head: &RequestHead) -> String {
    let selection = selection(fields);
    let conn = connection("192.0.2.1:99");
    let entry = selection.capture(&record(&conn, head), &ForwardingOptions::default());
    let mut out = Vec::new();
    match format {
        AccessLogFormat::Json => format::json(&selection, &entry, &mut out),
        AccessLogFormat::Text => format::text(&selection, &entry, &mut out),
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn json_lines_hold_the_selected_fields_in_order() {
    let head = request("GET", "a.example:80", "/p?q=secret");
    let fields = [
        "client",
        "method",
        "host",
        "path",
        "status",
        "duration_ms",
        "upstream_ms",
        "endpoint",
        "reason",
        "route",
    ];
    assert_eq!(
        line(AccessLogFormat::Json, &fields, &head),
        "{\"client\":\"192.0.2.1\",\"method\":\"GET\",\"host\":\"a.example:80\",\"path\":\"/p\",\
         \"status\":503,\"duration_ms\":1.234,\"upstream_ms\":null,\"endpoint\":\"10.0.0.1:80\",\
         \"reason\":\"connect_failure\",\"route\":null}\n"
    );
}

#[test]
fn nobody_can_forge_a_line() {
    let mut head = request("GET", "a", "/");
    head.headers
        .append_raw(b"user-agent", b"x\" status=200 \xff\\ \tend")
        .unwrap();
    let text = line(
        AccessLogFormat::Text,
        &["user_agent", "status", "header:X-None"],
        &head,
    );
    assert_eq!(
        text,
        "user_agent=\"x\\\" status=200 \u{fffd}\\\\ \\tend\" status=503 header_X-None=-\n"
    );
    let json = line(AccessLogFormat::Json, &["user_agent", "status"], &head);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["user_agent"], "x\" status=200 \u{fffd}\\ \tend");
    assert_eq!(value["status"], 503);
}

#[test]
fn every_field_is_valid_json_and_long_texts_are_cut() {
    let mut head = request("GET", "a", &format!("/{}", "x".repeat(10_000)));
    head.headers.append_raw(b"x-long", &[b'y'; 10_000]).unwrap();
    let mut fields = FIELDS.to_vec();
    fields.push("header:x-long");
    let json = line(AccessLogFormat::Json, &fields, &head);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value.as_object().unwrap().len(), FIELDS.len() + 1);
    assert_eq!(value["path"].as_str().unwrap().len(), 2048);
    assert_eq!(value["header_x-long"].as_str().unwrap().len(), 2048);
    assert!(value["sni"].is_null());
}

#[test]
fn unknown_fields_are_refused_with_the_accepted_ones() {
    for field in ["nope", "header:", "header:a b"] {
        let error = Selection::new(&[field.to_owned()]).unwrap_err();
        assert!(matches!(error, LogError::Field { .. }));
        assert!(error.to_string().contains("duration_ms"), "{error}");
    }
}

#[test]
fn timestamps_are_rfc_3339() {
    for (seconds, millis, text) in [
        (0, 0, "1970-01-01T00:00:00.000Z"),
        (951_782_400, 7, "2000-02-29T00:00:00.007Z"),
        (1_735_689_599, 999, "2024-12-31T23:59:59.999Z"),
        (4_107_542_400, 0, "2100-03-01T00:00:00.000Z"),
    ] {
        let time = UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(millis);
        assert_eq!(Timestamp(time).to_string(), text);
    }
}

#[test]
fn the_log_is_written_reopened_and_finished() {
    let folder = std::env::temp_dir().join(format!("access-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (path, moved) = (folder.join("log"), folder.join("moved"));
    let log = AccessLog::start(&AccessLogOptions {
        format: AccessLogFormat::Text,
        path: Some(path.clone()),
        fields: vec!["path".to_owned()],
    })
    .unwrap();
    let handle = log.handle();
    let conn = connection("192.0.2.1:99");
    let write = |target: &str| {
        let head = request("GET", "a", target);
        assert!(handle.log(&record(&conn, &head), &ForwardingOptions::default()));
    };
    write("/one");
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while std::fs::read_to_string(&path).unwrap() != "path=/one\n" {
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(2));
    }
    std::fs::rename(&path, &moved).unwrap();
    log.reopen();
    for number in 0..1000 {
        write(&format!("/{number}"));
    }
    drop(log);
    let lines = std::fs::read_to_string(&path).unwrap();
    assert_eq!(lines.lines().count(), 1000);
    assert_eq!(lines.lines().last(), Some("path=/999"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error() {
    let options = AccessLogOptions {
        format: AccessLogFormat::Json,
        path: Some("/nonexistent/folder/log".into()),
        fields: vec![],
    };
    let error = AccessLog::start(&options).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/folder/log"), "{error}");
}
