//! What AWS has no API for, on a port of its own, JSON in and out:
//!
//! | call | what it does |
//! |---|---|
//! | `GET /ready` | 200 when calls are served |
//! | `POST /reset` | forgets everything: resources, faults, limits, calls |
//! | `GET /inventory` | everything that exists, without keys |
//! | `GET /config` | generation, addresses and names of load balancers; what cannot be served, and why |
//! | `GET`, `POST`, `DELETE /faults` | faults to come; adds one; forgets them |
//! | `GET`, `PUT /throttling` | limits of requests; `"documented"` for AWS's |
//! | `GET`, `PUT /settings` | how long states last |
//! | `POST /restart` | `{"away_ms": n}`: as a process that ends and starts again with its state kept; the rest of this table stays |
//! | `POST /clock` | `{"advance_ms": n}` lets time jump |
//! | `GET`, `PUT /quotas/{account}/{region}` | quotas of load balancing by their names in `DescribeAccountLimits` |
//! | `GET`, `DELETE /calls` | what was called, with counts |
//!
//! [`world`] has those that change what exists.

mod world;

use crate::dispatch::{Inner, Simulator};
use crate::faults::throttle::Throttling;
use crate::faults::{Fault, Faults};
use crate::server::plain;
use crate::service::Settings;
use crate::state::{World, place};
use crate::sts::Keys;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Reply = Result<Value, (StatusCode, String)>;

/// Answers a call.
pub fn answer(simulator: &Simulator, method: &Method, path: &str, body: &[u8]) -> Response<Full<Bytes>> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if method != Method::GET {
        // For the file of the state, which has what is told here as well.
        simulator.inner().changes += 1;
    }
    let reply = match (method.as_str(), parts.as_slice()) {
        ("GET", ["ready"]) => Ok(json!({"ready": true})),
        ("POST", ["reset"]) => reset(simulator),
        ("GET", ["inventory"]) => inventory(simulator),
        ("GET", ["config"]) => config(simulator),
        ("GET", ["faults"]) => Ok(json!(simulator.inner().faults.waiting())),
        ("POST", ["faults"]) => read(body).and_then(|fault| add_fault(simulator, fault)),
        ("DELETE", ["faults"]) => clear_faults(simulator),
        ("GET", ["throttling"]) => Ok(json!(simulator.inner().faults.buckets.throttling())),
        ("PUT", ["throttling"]) => read(body).map(|limits| throttle(simulator, limits)),
        ("GET", ["settings"]) => Ok(json!(simulator.inner().settings)),
        ("PUT", ["settings"]) => read(body).map(|settings| set(simulator, settings)),
        ("POST", ["clock"]) => read(body).map(|clock| advance(simulator, &clock)),
        ("POST", ["restart"]) => read(body).and_then(|restart| restarted(simulator, &restart)),
        ("GET", ["quotas", account, region]) => quotas(simulator, account, region),
        ("PUT", ["quotas", account, region]) => {
            read(body).and_then(|wanted| set_quotas(simulator, &place(account, region), &wanted))
        }
        ("GET", ["calls"]) => Ok(json!(simulator.inner().calls)),
        ("DELETE", ["calls"]) => {
            simulator.inner().calls = crate::calls::Calls::default();
            Ok(json!({}))
        }
        (_, parts) => world::answer(simulator, method, parts, body)
            .unwrap_or_else(|| Err((StatusCode::NOT_FOUND, format!("nothing answers {method} {path}")))),
    };
    match reply {
        Ok(value) => {
            let mut response = Response::new(Full::new(Bytes::from(format!("{value:#}\n"))));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err((status, message)) => plain(status, &message),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, (StatusCode, String)> {
    serde_json::from_slice(body).map_err(|error| {
        (
            StatusCode::BAD_REQUEST,
            format!("the body cannot be read: {error}"),
        )
    })
}

fn reset(simulator: &Simulator) -> Reply {
    let mut inner = simulator.inner();
    let Inner {
        world,
        settings,
        faults,
        calls,
        history,
        publisher,
        policy,
        keys,
        away_until,
        changes,
        problems: _,
    } = &mut *inner;
    *world = World::default();
    *settings = Settings::default();
    *faults = Faults::default();
    *calls = crate::calls::Calls::default();
    history.clear();
    publisher.forget();
    *policy = None;
    *keys = Keys::default();
    *away_until = None;
    *changes += 1;
    drop(inner);
    simulator.publish();
    Ok(json!({}))
}

fn inventory(simulator: &Simulator) -> Reply {
    let inner = simulator.inner();
    let mut value = serde_json::to_value(&inner.world.accounts)
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    hide_keys(&mut value);
    Ok(value)
}

/// Private keys are no part of an inventory.
fn hide_keys(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.as_str().is_some_and(|text| text.contains("PRIVATE KEY")));
            members.values_mut().for_each(hide_keys);
        }
        Value::Array(items) => {
            items.retain(|item| !item.as_str().is_some_and(|text| text.contains("PRIVATE KEY")));
            items.iter_mut().for_each(hide_keys);
        }
        _ => {}
    }
}

fn config(simulator: &Simulator) -> Reply {
    let inner = simulator.inner();
    let told = inner.publisher.told();
    let balancers: BTreeMap<&String, Value> = told
        .balancers
        .iter()
        .map(|(arn, balancer)| {
            let ports: Vec<u16> = balancer.listeners.iter().map(|listener| listener.port).collect();
            (arn, json!({"address": balancer.address, "name": balancer.dns_name, "active": balancer.active, "ports": ports}))
        })
        .collect();
    let problems: BTreeMap<&String, &String> = inner.problems.iter().map(|(arn, why)| (arn, why)).collect();
    Ok(json!({"generation": told.generation, "balancers": balancers, "problems": problems}))
}

fn add_fault(simulator: &Simulator, fault: Fault) -> Reply {
    if simulator.inner().faults.add(fault) {
        return Ok(json!({}));
    }
    Err((
        StatusCode::TOO_MANY_REQUESTS,
        "there are too many faults already".to_owned(),
    ))
}

fn clear_faults(simulator: &Simulator) -> Reply {
    let mut inner = simulator.inner();
    inner.faults.clear();
    inner.history.clear();
    Ok(json!({}))
}

/// Limits of requests: AWS's or one's own.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Limits {
    Word(Word),
    Own(Throttling),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Documented,
    Off,
}

fn throttle(simulator: &Simulator, limits: Limits) -> Value {
    let limits = match limits {
        Limits::Word(Word::Documented) => Throttling::documented(),
        Limits::Word(Word::Off) => Throttling::default(),
        Limits::Own(own) => own,
    };
    let told = json!(limits);
    simulator.inner().faults.buckets.set(limits);
    told
}

fn set(simulator: &Simulator, settings: Settings) -> Value {
    let told = json!(settings);
    let mut inner = simulator.inner();
    inner.settings = settings;
    // Health checks are in the machine's time.
    inner.publisher.forget();
    drop(inner);
    simulator.publish();
    told
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

fn advance(simulator: &Simulator, clock: &Advance) -> Value {
    simulator.clock.advance(clock.advance_ms);
    simulator.publish();
    json!({"now": simulator.clock.now()})
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Restart {
    #[serde(default)]
    away_ms: u64,
}

fn restarted(simulator: &Simulator, restart: &Restart) -> Reply {
    let done = simulator.restart(restart.away_ms);
    done.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(json!({}))
}

fn quotas(simulator: &Simulator, account: &str, region: &str) -> Reply {
    let inner = simulator.inner();
    let limits = inner
        .world
        .accounts
        .get(&place(account, region))
        .map(|account| account.elb.limits.clone());
    Ok(json!(limits.unwrap_or_default().all()))
}

fn set_quotas(simulator: &Simulator, place: &str, wanted: &BTreeMap<String, u64>) -> Reply {
    let mut inner = simulator.inner();
    let account = inner.world.accounts.entry(place.to_owned()).or_default();
    for (name, max) in wanted {
        if !account.elb.limits.set(name, *max) {
            return Err((StatusCode::BAD_REQUEST, format!("there is no quota {name}")));
        }
    }
    let told = json!(account.elb.limits.all());
    inner.changes += 1;
    Ok(told)
}
