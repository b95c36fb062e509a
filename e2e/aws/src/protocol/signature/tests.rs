//! Requests, signatures and their secret: AWS's signing test suite,
//! <https://github.com/awslabs/aws-c-auth/tree/v0.9.0/tests/aws-signing-test-suite> (Apache-2.0).

use super::*;
use crate::protocol::scope;
use http::{HeaderName, HeaderValue};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

struct Case {
    method: Method,
    target: &'static str,
    headers: &'static [(&'static str, &'static str)],
    signed: &'static str,
    body: &'static str,
    signature: &'static str,
}

const HOST: (&str, &str) = ("host", "example.amazonaws.com");
const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");

fn cases() -> Vec<Case> {
    let get = |target, headers, signed, signature| Case {
        method: Method::GET,
        target,
        headers,
        signed,
        body: "",
        signature,
    };
    vec![
        get(
            "/",
            &[HOST, DATE],
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        get(
            "/?Param2=value2&Param1=value1",
            &[HOST, DATE],
            "host;x-amz-date",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        get(
            "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            &[HOST, DATE],
            "host;x-amz-date",
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        ),
        get(
            "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            &[HOST, DATE],
            "host;x-amz-date",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        get(
            "/",
            &[
                HOST,
                ("my-header1", " value1"),
                ("my-header2", " \"a   b   c\""),
                DATE,
            ],
            "host;my-header1;my-header2;x-amz-date",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        get(
            "/",
            &[
                HOST,
                ("my-header1", "value2"),
                ("my-header1", "value2"),
                ("my-header1", "value1"),
                DATE,
            ],
            "host;my-header1;x-amz-date",
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
        get(
            "/",
            &[
                HOST,
                (
                    "x-amz-security-token",
                    "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
                ),
                DATE,
            ],
            "host;x-amz-date;x-amz-security-token",
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
        ),
        Case {
            method: Method::POST,
            target: "/",
            headers: &[
                ("content-type", "application/x-www-form-urlencoded"),
                HOST,
                ("content-length", "13"),
                DATE,
                (
                    "x-amz-content-sha256",
                    "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
                ),
            ],
            signed: "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
            body: "Param1=value1",
            signature: "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        },
    ]
}

/// The case's request, with a body in place of its own if one is given.
fn check(case: &Case, body: &str, secret: &str) -> Result<(), Fault> {
    let mut headers = HeaderMap::new();
    for (name, value) in case.headers {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={}, \
         Signature={}",
        case.signed, case.signature
    );
    headers.insert("authorization", HeaderValue::from_str(&authorization).unwrap());
    let (path, query) = case.target.split_once('?').unwrap_or((case.target, ""));
    let scope = scope::read(&headers).unwrap().unwrap();
    let signed = Signed {
        method: &case.method,
        path,
        query,
        headers: &headers,
        body: body.as_bytes(),
    };
    verify(&signed, &scope, secret)
}

#[test]
fn requests_of_awss_suite_are_signed_as_it_says() {
    for case in cases() {
        assert_eq!(
            check(&case, case.body, SECRET),
            Ok(()),
            "{} {}",
            case.target,
            case.signed
        );
    }
}

#[test]
fn another_secret_or_another_body_is_noticed() {
    for case in cases() {
        assert_eq!(check(&case, case.body, "another"), Err(Fault::Mismatch));
        assert_eq!(check(&case, "more", SECRET), Err(Fault::Mismatch));
    }
}

/// A path that came encoded is encoded once more, but for S3.
#[test]
fn paths_are_encoded_twice_except_for_s3() {
    assert_eq!(path("/test/JBDvj%3D", "vpc-lattice"), "/test/JBDvj%253D");
    assert_eq!(path("/test/JBDvj%3D", "s3"), "/test/JBDvj%3D");
    assert_eq!(path("/test/a:b", "s3"), "/test/a%3Ab");
    assert_eq!(path("", "ec2"), "/");
}

#[test]
fn dates_may_be_five_minutes_off() {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-date", HeaderValue::from_static("20150830T123600Z"));
    let at = |now| {
        let signed = Signed {
            method: &Method::POST,
            path: "/",
            query: "",
            headers: &headers,
            body: b"",
        };
        in_time(&signed, now)
    };
    let signed_at = 1_440_938_160;
    assert_eq!(at(signed_at), Ok(()));
    assert_eq!(at(signed_at + 300), Ok(()));
    assert_eq!(at(signed_at - 300), Ok(()));
    assert_eq!(
        at(signed_at + 301),
        Err(Fault::Skewed(
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"
                .to_owned()
        ))
    );
    assert!(
        matches!(at(signed_at - 301), Err(Fault::Skewed(told)) if told.starts_with("Signature not yet current"))
    );
}
