use super::{SessionKey, SessionPolicy, SessionToken, cookie_path};
use crate::http::{RequestHead, ResponseHead, Scheme};
use crate::policy::chain::tests::request;
use crate::runtime::EndpointRuntime;
use gatewright_model::backend::Endpoint;
use gatewright_model::route::{SessionCarrier, SessionPersistence};
use http::StatusCode;

fn endpoint(address: &str) -> EndpointRuntime {
    let address: std::net::SocketAddr = address.parse().unwrap();
    EndpointRuntime::new(Endpoint {
        address: address.ip(),
        port: address.port(),
        for_zones: vec![],
        for_nodes: vec![],
        zone: None,
        node: None,
    })
}

fn key() -> SessionKey {
    SessionKey::from_secret(&[7; 32]).unwrap()
}

fn cookie(permanent: bool, absolute: Option<u64>, idle: Option<u64>) -> SessionPolicy {
    let policy = SessionPersistence {
        name: Some("sid".into()),
        carrier: SessionCarrier::Cookie {
            permanent,
            path: "/app".into(),
        },
        absolute_timeout_s: absolute,
        idle_timeout_s: idle,
    };
    SessionPolicy::compile(&policy, "route/0", &key())
}

fn issued(
    policy: &SessionPolicy,
    to: &EndpointRuntime,
    had: Option<&SessionToken>,
    now: u64,
) -> Option<String> {
    let mut response = ResponseHead::new(StatusCode::OK);
    policy.respond_at(&mut response, Scheme::Http, to, (had, now));
    response.headers.get_str("set-cookie").map(str::to_owned)
}

fn returning(set_cookie: &str) -> RequestHead {
    let mut head = request("GET", "a.example", "/app");
    let pair = set_cookie.split(';').next().unwrap();
    head.headers
        .append_raw(b"cookie", format!("other=1; {pair}; sid2=x").as_bytes())
        .unwrap();
    head
}

#[test]
fn a_session_comes_back_to_its_endpoint() {
    for address in ["10.0.0.1:80", "[2001:db8::1]:8080", "[::ffff:10.0.0.1]:80"] {
        let policy = cookie(false, None, None);
        let to = endpoint(address);
        let set_cookie = issued(&policy, &to, None, 1000).unwrap();
        assert!(
            set_cookie.ends_with("; Path=/app; HttpOnly; SameSite=Lax"),
            "{set_cookie}"
        );
        let token = policy.token_at(&returning(&set_cookie), 1_000_000).unwrap();
        assert_eq!(token.endpoint, to.address);
        assert_eq!(
            issued(&policy, &to, Some(&token), 1_000_000),
            None,
            "nothing to tell"
        );
    }
}

/// `CookieConfig.lifetimeType`: Permanent sets Max-Age from absoluteTimeout.
#[test]
fn permanent_cookies_have_the_rest_of_the_absolute_timeout() {
    let policy = cookie(true, Some(3600), None);
    let set_cookie = issued(&policy, &endpoint("10.0.0.1:80"), None, 1000).unwrap();
    assert!(set_cookie.contains("; Max-Age=3600;"), "{set_cookie}");
    let token = policy.token_at(&returning(&set_cookie), 1600).unwrap();
    let moved = issued(&policy, &endpoint("10.0.0.2:80"), Some(&token), 1600).unwrap();
    assert!(moved.contains("; Max-Age=3000;"), "{moved}");
    let session = cookie(false, Some(3600), None);
    let set_cookie = issued(&session, &endpoint("10.0.0.1:80"), None, 1000).unwrap();
    assert!(!set_cookie.contains("Max-Age"), "{set_cookie}");
}

/// `SessionPersistence.absoluteTimeout`, and the idle timeout of v1.6.
#[test]
fn sessions_end() {
    let policy = cookie(false, Some(100), None);
    let to = endpoint("10.0.0.1:80");
    let head = returning(&issued(&policy, &to, None, 1000).unwrap());
    assert!(policy.token_at(&head, 1099).is_some());
    assert!(policy.token_at(&head, 1100).is_none());
    assert!(policy.token_at(&head, 900).is_some(), "another replica's clock");

    let policy = cookie(false, None, Some(80));
    let head = returning(&issued(&policy, &to, None, 1000).unwrap());
    let token = policy.token_at(&head, 1079).unwrap();
    assert!(policy.token_at(&head, 1080).is_none());
    let refreshed = returning(&issued(&policy, &to, Some(&token), 1079).unwrap());
    assert!(policy.token_at(&refreshed, 1150).is_some());
    let fresh = policy.token_at(&head, 1005).unwrap();
    assert_eq!(
        issued(&policy, &to, Some(&fresh), 1005),
        None,
        "too early to refresh"
    );
}

#[test]
fn nobody_can_make_change_or_move_a_token() {
    let policy = cookie(false, None, None);
    let token = SessionToken::new("10.0.0.1:80".parse().unwrap(), 5);
    let sealed = key().seal(&token, &[1; 32]);
    assert_eq!(key().open(sealed.as_bytes(), &[1; 32]), Some(token.clone()));
    assert_eq!(key().open(sealed.as_bytes(), &[2; 32]), None, "another scope");
    let other = SessionKey::random();
    assert_eq!(other.open(sealed.as_bytes(), &[1; 32]), None, "another key");
    for index in 0..sealed.len() {
        let mut changed = sealed.clone().into_bytes();
        changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
        // The last character holds padding bits that a strict decoder refuses as well.
        assert_eq!(key().open(&changed, &[1; 32]), None, "{index}");
    }
    for garbage in ["", "x", "////", &"A".repeat(10_000)] {
        assert_eq!(key().open(garbage.as_bytes(), &[1; 32]), None);
    }
    assert_ne!(sealed, key().seal(&token, &[1; 32]), "tokens do not repeat");
    assert!(!sealed.contains("10.0.0.1"));
    let mut head = request("GET", "a", "/");
    head.headers.append_raw(b"cookie", b"sid=forged; sid").unwrap();
    assert!(policy.token_at(&head, 5).is_none());
}

#[test]
fn replicas_with_one_key_agree() {
    let (one, two) = (cookie(false, None, None), cookie(false, None, None));
    let to = endpoint("10.0.0.1:80");
    let head = returning(&issued(&one, &to, None, 1).unwrap());
    assert_eq!(two.token_at(&head, 1).unwrap().endpoint, to.address);
}

#[test]
fn header_sessions() {
    let policy = SessionPersistence {
        name: Some("X-My-Session".into()),
        carrier: SessionCarrier::Header,
        absolute_timeout_s: None,
        idle_timeout_s: None,
    };
    let policy = SessionPolicy::compile(&policy, "route/0", &key());
    let to = endpoint("10.0.0.1:80");
    let mut response = ResponseHead::new(StatusCode::OK);
    policy.respond_at(&mut response, Scheme::Https, &to, (None, 1));
    let value = response.headers.get("x-my-session").unwrap().to_vec();
    assert!(!response.headers.contains("set-cookie"));
    let mut head = request("GET", "a", "/");
    head.headers.append_raw(b"x-my-session", &value).unwrap();
    assert_eq!(policy.token_at(&head, 1).unwrap().endpoint, to.address);
}

#[test]
fn cookies_over_tls_are_secure_and_unnamed_ones_unique() {
    let unnamed = |scope: &str| {
        let policy = SessionPersistence {
            name: None,
            carrier: SessionCarrier::Cookie {
                permanent: false,
                path: "/".into(),
            },
            absolute_timeout_s: None,
            idle_timeout_s: None,
        };
        let policy = SessionPolicy::compile(&policy, scope, &key());
        let mut response = ResponseHead::new(StatusCode::OK);
        policy.respond_at(&mut response, Scheme::Https, &endpoint("10.0.0.1:80"), (None, 1));
        response.headers.get_str("set-cookie").unwrap().to_owned()
    };
    let (one, two) = (unnamed("route-a/0"), unnamed("route-b/0"));
    assert!(one.ends_with("; Secure"), "{one}");
    assert_ne!(one.split('=').next(), two.split('=').next());
}

#[test]
fn paths_that_would_break_the_cookie_are_replaced() {
    assert_eq!(cookie_path("/a b"), "/a b");
    for bad in ["", "a", "/a;b", "/a\r\n"] {
        assert_eq!(cookie_path(bad), "/");
    }
}
