use super::{REQUEST_ID, read};
use aws_smithy_runtime_api::http::Headers;

fn parts(headers: &[(&'static str, &'static str)], body: &str) -> (String, String, String) {
    let mut map = Headers::new();
    for (name, value) in headers {
        map.insert(*name, *value);
    }
    let meta = read(&map, body.as_bytes());
    let text = |part: Option<&str>| part.unwrap_or("-").to_owned();
    (
        text(meta.code()),
        text(meta.message()),
        text(meta.extra(REQUEST_ID)),
    )
}

fn three(code: &str, message: &str, id: &str) -> (String, String, String) {
    (code.into(), message.into(), id.into())
}

/// The example of the query protocol's page.
#[test]
fn query() {
    let body = "<ErrorResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><Error>\
        <Type>Sender</Type><Code>PriorityInUse</Code><Message>Priority &apos;1&apos; is in use</Message></Error>\
        <RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ErrorResponse>";
    let id = "c6104cbe-af31-11e0-8154-cbc7ccf896c7";
    assert_eq!(
        parts(&[], body),
        three("PriorityInUse", "Priority '1' is in use", id)
    );
}

/// The example of the EC2 API reference, "Error codes for the Amazon EC2 API".
#[test]
fn ec2() {
    let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>\
        <Code>InvalidInstanceID.NotFound</Code><Message>The instance ID 'i-1a2b3c4d' does not exist</Message>\
        </Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>";
    let wanted = three(
        "InvalidInstanceID.NotFound",
        "The instance ID 'i-1a2b3c4d' does not exist",
        "ea966190-f9aa-478e-9ede-example",
    );
    assert_eq!(parts(&[], body), wanted);
}

#[test]
fn rest_xml() {
    let body =
        "<Error><Code>NoSuchKey</Code><Message>gone</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>";
    assert_eq!(parts(&[], body), three("NoSuchKey", "gone", "4442587FB7D0A2F9"));
}

/// "Operation error serialization": the code may have a namespace, and a URI behind a colon.
#[test]
fn json() {
    let id = [("x-amzn-requestid", "b25f48e8")];
    let body = r#"{"__type":"com.amazonaws.acm#LimitExceededException","message":"no more"}"#;
    assert_eq!(
        parts(&id, body),
        three("LimitExceededException", "no more", "b25f48e8")
    );
    let body = r#"{"__type":"ResourceNotFoundException","Message":"none"}"#;
    assert_eq!(parts(&[], body), three("ResourceNotFoundException", "none", "-"));
    let header = [(
        "x-amzn-errortype",
        "FooError:http://internal.amazon.com/coral/com.amazon.coral.validate/",
    )];
    assert_eq!(parts(&header, "{}"), three("FooError", "-", "-"));
}

#[test]
fn what_is_no_error_document_gives_nothing() {
    for body in [
        "",
        "<html><body>Bad Gateway</body></html>",
        "<Error",
        "{",
        "[]",
        "null",
        "\u{0}",
    ] {
        assert_eq!(parts(&[], body), three("-", "-", "-"), "{body}");
    }
}
