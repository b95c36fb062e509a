//! Questions by real sockets, read by hickory's own message type.

use super::{Server, start};
use crate::traffic::Config;
use crate::traffic::config::{Balancer, Kind};
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::time::timeout;

const NAME: &str = "shop-1234.eu-west-1.elb.amazonaws.com";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 64, 0, 7);

fn config(active: bool) -> Arc<Config> {
    let balancer = Balancer {
        kind: Kind::Application,
        lattice: None,
        address: IpAddr::V4(ADDRESS),
        further: Vec::new(),
        blocks: false,
        dns_name: NAME.to_owned(),
        active,
        attributes: BTreeMap::new(),
        listeners: Vec::new(),
    };
    let balancers = BTreeMap::from([("arn".to_owned(), Arc::new(balancer))]);
    Arc::new(Config {
        generation: 1,
        balancers,
        target_groups: BTreeMap::new(),
    })
}

async fn server(active: bool) -> (Server, watch::Sender<Arc<Config>>) {
    let (sender, receiver) = watch::channel(config(active));
    (
        start(receiver, "127.0.0.1:0".parse().unwrap()).await.unwrap(),
        sender,
    )
}

fn question(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.to_vec().unwrap()
}

async fn by_udp(server: &Server, name: &str, kind: RecordType) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket
        .send_to(&question(name, kind), server.address())
        .await
        .unwrap();
    let mut answer = [0; 1500];
    let length = timeout(Duration::from_secs(10), socket.recv(&mut answer))
        .await
        .unwrap()
        .unwrap();
    Message::from_vec(&answer[..length]).unwrap()
}

fn addresses(message: &Message) -> Vec<Ipv4Addr> {
    let address = |data: &RData| if let RData::A(a) = data { Some(a.0) } else { None };
    message
        .answers
        .iter()
        .filter_map(|record| address(&record.data))
        .collect()
}

#[tokio::test]
async fn a_name_resolves_whatever_its_case() {
    let (server, _sender) = server(true).await;
    let answer = by_udp(&server, &NAME.to_uppercase(), RecordType::A).await;
    assert_eq!(addresses(&answer), [ADDRESS]);
    assert!(answer.metadata.authoritative);
    // Another type of a name that exists: no error, no answer (RFC 2308, "NODATA").
    let answer = by_udp(&server, NAME, RecordType::AAAA).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
    assert!(
        answer.answers.is_empty() && answer.authorities.len() == 1,
        "{answer:?}"
    );
}

#[tokio::test]
async fn names_that_are_not_here() {
    let (server, _sender) = server(true).await;
    let missing = by_udp(&server, "other-1.eu-west-1.elb.amazonaws.com", RecordType::A).await;
    assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
    let foreign = by_udp(&server, "example.com", RecordType::A).await;
    assert_eq!(foreign.metadata.response_code, ResponseCode::Refused);
}

#[tokio::test]
async fn a_name_comes_with_its_activity_and_goes_with_its_load_balancer() {
    let (server, sender) = server(false).await;
    let before = by_udp(&server, NAME, RecordType::A).await;
    assert_eq!(before.metadata.response_code, ResponseCode::NXDomain);
    sender.send_replace(config(true));
    assert_eq!(addresses(&by_udp(&server, NAME, RecordType::A).await), [ADDRESS]);
    sender.send_replace(Arc::default());
    let after = by_udp(&server, NAME, RecordType::A).await;
    assert_eq!(after.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn by_tcp_too_several_on_one_connection() {
    let (server, _sender) = server(true).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    for _ in 0..2 {
        let asked = question(NAME, RecordType::A);
        stream
            .write_u16(u16::try_from(asked.len()).unwrap())
            .await
            .unwrap();
        stream.write_all(&asked).await.unwrap();
        let length = timeout(Duration::from_secs(10), stream.read_u16())
            .await
            .unwrap()
            .unwrap();
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(addresses(&Message::from_vec(&answer).unwrap()), [ADDRESS]);
    }
}

#[tokio::test]
async fn what_is_no_question_gets_no_answer_and_does_no_harm() {
    let (server, _sender) = server(true).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut response = Message::query().into_response().to_vec().unwrap();
    for bad in [
        b"".to_vec(),
        b"\0".to_vec(),
        vec![0xff; 3000],
        std::mem::take(&mut response),
    ] {
        socket.send_to(&bad, server.address()).await.unwrap();
    }
    assert_eq!(addresses(&by_udp(&server, NAME, RecordType::A).await), [ADDRESS]);
}
