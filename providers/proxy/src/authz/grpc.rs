//! The gRPC protocol: Envoy's `envoy.service.auth.v3.Authorization/Check`.

use super::envoy::{
    ADD_IF_ABSENT, Address, AttributeContext, CheckRequest, CheckResponse, DeniedHttpResponse,
    HeaderValueOption, HttpRequest, OVERWRITE_IF_EXISTS, OkHttpResponse, Peer, Request, SocketAddress,
    Timestamp, TlsSession,
};
use super::{Changes, Decision, may_change};
use crate::http::upstream::Fetched;
use crate::http::{Headers, LocalResponse, RequestHead, ResponseHead, Version};
use crate::runtime::{ConnInfo, TlsInfo};
use bytes::{BufMut, Bytes, BytesMut};
use gatewright_model::Str;
use http::{Method, StatusCode};
use prost::Message;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Path of the method.
const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";
/// A frame's compression flag and length (gRPC over HTTP/2, "Length-Prefixed-Message").
const FRAME_HEAD: usize = 5;

/// The call to the server, with its message.
pub(super) fn request(
    allowed: &[Str],
    head: &RequestHead,
    front: &[u8],
    conn: &ConnInfo,
    limit: Duration,
) -> (RequestHead, Bytes) {
    let message = CheckRequest {
        attributes: Some(attributes(allowed, head, front, conn)),
    };
    let mut body = BytesMut::with_capacity(FRAME_HEAD + message.encoded_len());
    body.put_u8(0);
    body.put_u32(message.encoded_len() as u32);
    // The buffer grows as needed, so there is room for everything.
    let _ = message.encode(&mut body);
    let mut headers = Headers::new();
    let timeout = grpc_timeout(limit);
    for (name, value) in [
        ("content-type", "application/grpc"),
        ("grpc-timeout", timeout.as_str()),
        ("user-agent", "gatewright"),
    ] {
        let _ = headers.append_raw(name.as_bytes(), value.as_bytes());
    }
    let call = RequestHead {
        method: Method::POST,
        version: Version::H2,
        target: PATH.to_owned(),
        headers,
        upgrade: None,
        ..head.clone()
    };
    (call, body.freeze())
}

/// `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Requests").
fn grpc_timeout(limit: Duration) -> String {
    const MOST: u128 = 99_999_999;
    match limit.as_millis() {
        millis @ ..=MOST => format!("{millis}m"),
        millis => format!("{}S", (millis / 1000).min(MOST)),
    }
}

fn attributes(allowed: &[Str], head: &RequestHead, front: &[u8], conn: &ConnInfo) -> AttributeContext {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (body, raw_body) = match std::str::from_utf8(front) {
        Ok(text) => (text.to_owned(), Vec::new()),
        Err(_) => (String::new(), front.to_vec()),
    };
    AttributeContext {
        source: Some(Peer {
            address: Some(address(conn.client)),
            principal: conn.tls.as_deref().map(principal).unwrap_or_default(),
        }),
        destination: Some(Peer {
            address: Some(address(conn.local)),
            principal: String::new(),
        }),
        request: Some(Request {
            time: Some(Timestamp {
                seconds: now.as_secs().cast_signed(),
                nanos: now.subsec_nanos().cast_signed(),
            }),
            http: Some(HttpRequest {
                id: head
                    .headers
                    .get_str("x-request-id")
                    .unwrap_or_default()
                    .to_owned(),
                method: head.method.as_str().to_owned(),
                headers: fields(allowed, head),
                path: head.target.clone(),
                host: head.authority.clone(),
                scheme: head.scheme.as_str().to_owned(),
                size: i64::try_from(front.len()).unwrap_or(i64::MAX),
                protocol: format!("HTTP/{}", head.version.as_str().trim_end_matches(".0")),
                body,
                raw_body,
            }),
        }),
        tls_session: conn.tls.as_deref().and_then(|tls| {
            Some(TlsSession {
                sni: tls.sni.as_deref()?.to_owned(),
            })
        }),
    }
}

/// Request fields: all, or the allowed ones; lines of one name joined. Pseudo fields are among
/// them as Envoy sends them, since servers written for it look there.
fn fields(allowed: &[Str], head: &RequestHead) -> HashMap<String, String> {
    let sent = |name: &str| allowed.is_empty() || allowed.iter().any(|allowed| **allowed == *name);
    let pseudo = [
        (":authority", head.authority.as_str()),
        (":method", head.method.as_str()),
        (":path", head.target.as_str()),
        (":scheme", head.scheme.as_str()),
        ("host", head.authority.as_str()),
    ];
    let mut fields: HashMap<String, String> = pseudo
        .into_iter()
        .filter(|(name, _)| sent(name) && (*name != "host" || !allowed.is_empty()))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for (name, value) in head.headers.iter().filter(|(name, _)| sent(name)) {
        let value = String::from_utf8_lossy(value);
        fields
            .entry(name.to_owned())
            .and_modify(|known| {
                known.push_str(if name == "cookie" { "; " } else { "," });
                known.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    fields
}

fn address(of: SocketAddr) -> Address {
    Address {
        socket_address: Some(SocketAddress {
            address: of.ip().to_canonical().to_string(),
            port_value: Some(u32::from(of.port())),
        }),
    }
}

/// The client's identity by its verified certificate: a URI or DNS name, else the subject.
fn principal(tls: &TlsInfo) -> String {
    tls.client_certificate
        .as_ref()
        .filter(|certificate| certificate.verified)
        .map(|certificate| certificate.names.first().unwrap_or(&certificate.subject).clone())
        .unwrap_or_default()
}

/// What an answer means.
pub(super) fn decision(answer: &Fetched) -> Decision {
    if answer.head.status != StatusCode::OK {
        return Decision::Unclear("the status is not 200");
    }
    let status = answer
        .trailers
        .get("grpc-status")
        .or(answer.head.headers.get("grpc-status"));
    if status != Some(b"0") {
        return Decision::Unclear("the call failed");
    }
    let message = match answer.body.split_first_chunk::<FRAME_HEAD>() {
        Some(([0, length @ ..], message)) if u32::from_be_bytes(*length) as usize == message.len() => message,
        _ => return Decision::Unclear("the body is not one uncompressed message"),
    };
    let Ok(response) = CheckResponse::decode(message) else {
        return Decision::Unclear("the message is not a CheckResponse");
    };
    // A response without a status is one with the status OK (an absent message has its defaults);
    // Envoy reads it so. A denial that comes with it wins all the same.
    let code = response.status.as_ref().map_or(0, |status| status.code);
    match (code, response.denied) {
        (0, None) => Decision::Allow(Box::new(changes(response.ok.unwrap_or_default()))),
        (_, denied) => Decision::Deny(Box::new(denial(denied.unwrap_or_default()))),
    }
}

fn changes(ok: OkHttpResponse) -> Changes {
    let mut changes = Changes {
        remove: ok
            .headers_to_remove
            .into_iter()
            .map(|name| name.to_ascii_lowercase())
            .collect(),
        query_set: ok
            .query_parameters_to_set
            .into_iter()
            .map(|parameter| (parameter.key, parameter.value))
            .collect(),
        query_remove: ok.query_parameters_to_remove,
        ..Changes::default()
    };
    for option in &ok.headers {
        // `append` defaults to false in this message: overwrite.
        let appends =
            option.append.is_some_and(|append| append.value) || option.append_action == ADD_IF_ABSENT;
        put(
            if appends {
                &mut changes.append
            } else {
                &mut changes.set
            },
            option,
        );
    }
    for option in &ok.response_headers_to_add {
        if option.append_action != OVERWRITE_IF_EXISTS {
            put(&mut changes.response, option);
        }
    }
    changes
}

fn denial(denied: DeniedHttpResponse) -> LocalResponse {
    let status = denied
        .status
        .and_then(|status| u16::try_from(status.code).ok())
        .and_then(|code| StatusCode::from_u16(code).ok())
        .filter(|status| !status.is_informational() && !status.is_success())
        .unwrap_or(StatusCode::FORBIDDEN);
    let mut head = ResponseHead::new(status);
    for option in &denied.headers {
        put(&mut head.headers, option);
    }
    LocalResponse {
        head,
        body: denied.body.into(),
    }
}

/// Adds a field; what is no field, or may not be changed, is left out.
fn put(headers: &mut Headers, option: &HeaderValueOption) {
    if let Some(header) = &option.header {
        let value = if header.raw_value.is_empty() {
            header.value.as_bytes()
        } else {
            &header.raw_value
        };
        if may_change(&header.key.to_ascii_lowercase()) {
            let _ = headers.append_raw(header.key.as_bytes(), value);
        }
    }
}
