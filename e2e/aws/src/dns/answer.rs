//! From a question to its answer.
//!
//! The name of a load balancer resolves to its addresses, with a time to live of 60 seconds
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html>), from when it
//! is active until it is deleted; names ignore case (RFC 4343).

use crate::traffic::Config;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use std::net::IpAddr;

/// Seconds that an answer is valid.
const TTL: u32 = 60;

/// Names that are answered for: the suffixes of AWS's partitions, and that of services of VPC Lattice.
const ZONES: [&str; 3] = ["amazonaws.com.", "amazonaws.com.cn.", "on.aws."];

/// The largest answer by UDP without EDNS, in bytes (RFC 1035, section 2.3.4), and with it.
const UDP: (u16, u16) = (512, 1232);

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// By UDP: the answer may be cut short.
    Udp,
    /// By TCP.
    Tcp,
}

/// Answers a question. None for what is none, or cannot be read.
pub(super) fn answer(question: &[u8], config: &Config, transport: Transport) -> Option<Vec<u8>> {
    let asked = Message::from_vec(question).ok()?;
    if asked.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut told = Message::response(asked.metadata.id, asked.metadata.op_code);
    told.metadata.recursion_desired = asked.metadata.recursion_desired;
    told.metadata.response_code = match asked.queries.as_slice() {
        _ if asked.metadata.op_code != OpCode::Query => ResponseCode::NotImp,
        [query] => {
            told.add_query(query.clone());
            resolve(query, config, &mut told)
        }
        _ => ResponseCode::FormErr,
    };
    let limit = match (&asked.edns, transport) {
        (Some(edns), _) => {
            let mut own = Edns::new();
            own.set_max_payload(UDP.1).set_version(0);
            told.set_edns(own);
            edns.max_payload().clamp(UDP.0, UDP.1)
        }
        (None, _) => UDP.0,
    };
    let bytes = told.to_vec().ok()?;
    if transport == Transport::Tcp || bytes.len() <= usize::from(limit) {
        return Some(bytes);
    }
    told.truncate().to_vec().ok()
}

fn resolve(query: &Query, config: &Config, told: &mut Message) -> ResponseCode {
    let zone = ZONES
        .iter()
        .filter_map(|zone| Name::from_ascii(zone).ok())
        .find(|zone| zone.zone_of(query.name()));
    let Some(zone) = zone else {
        return ResponseCode::Refused;
    };
    if query.query_class() != DNSClass::IN {
        return ResponseCode::Refused;
    }
    told.metadata.authoritative = true;
    let wanted = query.name().to_ascii();
    let wanted = wanted.trim_end_matches('.');
    let mut known = false;
    for balancer in config.balancers.values().filter(|balancer| balancer.active) {
        if !balancer.dns_name.eq_ignore_ascii_case(wanted) {
            continue;
        }
        known = true;
        let data = match (balancer.address, query.query_type()) {
            (IpAddr::V4(address), RecordType::A | RecordType::ANY) => RData::A(A(address)),
            (IpAddr::V6(address), RecordType::AAAA | RecordType::ANY) => RData::AAAA(AAAA(address)),
            _ => continue,
        };
        told.add_answer(Record::from_rdata(query.name().clone(), TTL, data));
    }
    if told.answers.is_empty()
        && let Some(record) = authority(&zone)
    {
        told.add_authority(record);
    }
    if known {
        ResponseCode::NoError
    } else {
        ResponseCode::NXDomain
    }
}

/// What says how long a name's absence is known (RFC 2308).
fn authority(zone: &Name) -> Option<Record> {
    let server = Name::from_ascii("ns").ok()?.append_domain(zone).ok()?;
    let contact = Name::from_ascii("hostmaster").ok()?.append_domain(zone).ok()?;
    let soa = SOA::new(server, contact, 1, 7200, 900, 1_209_600, 1);
    Some(Record::from_rdata(zone.clone(), 1, RData::SOA(soa)))
}
