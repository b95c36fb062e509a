//! Session persistence (GEP-1619).

use super::stage::{Origin, Response, Stage, edit_rule};
use crate::net::world::{World, options, prefix};
use gatewright_model::route::{SessionCarrier, SessionPersistence};
use gatewright_proxy::policy::SessionKey;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

fn cookie() -> SessionPersistence {
    SessionPersistence {
        name: Some("sid".into()),
        carrier: SessionCarrier::Cookie {
            permanent: true,
            path: "/".into(),
        },
        absolute_timeout_s: Some(3600),
        idle_timeout_s: None,
    }
}

fn pool(world: &mut World, endpoints: &[SocketAddr], session: SessionPersistence) {
    world.backend("pool", endpoints, None);
    world.route("route", "http", "", prefix("/"), &[("pool", 1)]);
    edit_rule(world, |rule| rule.session_persistence = Some(Arc::new(session)));
}

fn session_of(response: &Response) -> Option<String> {
    let cookie = response.field("set-cookie")?;
    // A session that began in the second before has one second less.
    let ages = ["; Max-Age=3600; HttpOnly", "; Max-Age=3599; HttpOnly"];
    assert!(
        cookie.starts_with("sid=") && ages.iter().any(|age| cookie.contains(age)),
        "{cookie}"
    );
    Some(cookie.split(';').next().unwrap().to_owned())
}

#[test]
fn a_cookie_brings_the_client_back_until_its_endpoint_goes() {
    let origins = [
        Origin::named("0"),
        Origin::named("1"),
        Origin::named("2"),
        Origin::named("3"),
    ];
    let addresses = origins.each_ref().map(|origin| origin.address);
    let mut stage = Stage::new(move |world| pool(world, &addresses, cookie()));
    let without: BTreeSet<String> = (0..60).map(|_| stage.get("/").body).collect();
    assert_eq!(without.len(), 4, "clients without a session are spread");

    let first = stage.get("/");
    let session = session_of(&first).unwrap();
    let with = |stage: &Stage, session: &str| stage.send("GET", "/", &[("cookie", session)], "");
    for _ in 0..30 {
        let again = with(&stage, &session);
        assert_eq!(again.body, first.body);
        assert_eq!(again.field("set-cookie"), None, "nothing new to tell");
    }

    let gone: usize = first.body.parse().unwrap();
    let left: Vec<SocketAddr> = addresses
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != gone)
        .map(|(_, address)| *address)
        .collect();
    stage.change(|world| {
        world.backend("pool", &left, None);
    });
    let moved = with(&stage, &session);
    assert_eq!(moved.status, 200);
    assert_ne!(moved.body, first.body);
    let next = session_of(&moved).expect("a new cookie");
    for _ in 0..30 {
        assert_eq!(with(&stage, &next).body, moved.body);
        // The old cookie leads to the same endpoint: parallel requests agree.
        assert_eq!(with(&stage, &session).body, moved.body);
    }
}

#[test]
fn forged_sessions_are_new_ones() {
    let origins = [Origin::named("0"), Origin::named("1")];
    let addresses = origins.each_ref().map(|origin| origin.address);
    let stage = Stage::new(move |world| pool(world, &addresses, cookie()));
    let forged = stage.send("GET", "/", &[("cookie", "sid=AAAA; sid=10.0.0.1:22")], "");
    assert_eq!(forged.status, 200);
    assert!(session_of(&forged).is_some());
}

#[test]
fn replicas_with_one_key_share_sessions_also_by_header() {
    let origins = [Origin::named("0"), Origin::named("1"), Origin::named("2")];
    let addresses = origins.each_ref().map(|origin| origin.address);
    let replica = move || {
        let mut options = options();
        options.session_key = SessionKey::from_secret(&[9; 32]).unwrap();
        Stage::with(options, move |world| {
            let session = SessionPersistence {
                name: Some("x-sid".into()),
                carrier: SessionCarrier::Header,
                ..cookie()
            };
            pool(world, &addresses, session);
        })
    };
    let (one, two) = (replica(), replica());
    let first = one.get("/");
    let session = first.field("x-sid").unwrap();
    for _ in 0..20 {
        let again = two.send("GET", "/", &[("x-sid", &session)], "");
        assert_eq!((again.field("x-sid"), again.body), (None, first.body.clone()));
    }
}
