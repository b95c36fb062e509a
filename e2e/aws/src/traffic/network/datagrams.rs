//! UDP and QUIC.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/introduction.html>: "For UDP traffic, the load balancer
//! selects a target using a flow hash algorithm based on the protocol, source IP address, source port, destination IP
//! address, and destination port. A UDP flow has the same source and destination, so it is consistently routed to a single
//! target throughout its lifetime." A flow is idle after 120 s (network/update-idle-timeout).

use super::groups::Target;
use super::proxy::{self, Carries};
use super::{Serving, Slot, source};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Idle time of a flow.
const IDLE: Duration = Duration::from_secs(120);

/// How often flows are looked through.
const SWEEP: Duration = Duration::from_secs(5);

/// Flows of one port.
const FLOWS: usize = 4096;

/// Largest datagram.
const LARGEST: usize = 65_535;

struct Flow {
    target: Arc<Target>,
    socket: Arc<UdpSocket>,
    last: Instant,
    answers: AbortHandle,
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.answers.abort();
    }
}

/// Serves datagrams until the slot closes.
pub(super) async fn serve(socket: UdpSocket, slot: Arc<Slot>) {
    let socket = Arc::new(socket);
    let mut flows: HashMap<SocketAddr, Flow> = HashMap::new();
    let mut buffer = vec![0; LARGEST];
    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let received = tokio::select! {
            () = slot.closing.cancelled() => return,
            () = slot.stop.cancelled() => return,
            _ = sweep.tick() => {
                flows.retain(|_, flow| flow.last.elapsed() < IDLE);
                continue;
            }
            received = socket.recv_from(&mut buffer) => received,
        };
        // An error is about a datagram sent before, to a client that is gone.
        let Ok((length, client)) = received else { continue };
        let Some(datagram) = buffer.get(..length) else {
            continue;
        };
        let serving = slot.serving.load_full();
        let named = if serving.quic { server(datagram) } else { None };
        let stale = |flow: &Flow| {
            flow.target.gone.is_cancelled() || named.is_some_and(|named| flow.target.server != Some(named))
        };
        if flows.get(&client).is_some_and(stale) {
            // Another server's, or its target is no more.
            let known = named.and_then(|named| target_with(&serving, named));
            let gone = flows
                .get(&client)
                .is_some_and(|flow| flow.target.gone.is_cancelled());
            if known.is_some() || gone {
                flows.remove(&client);
            }
        }
        if !flows.contains_key(&client) {
            if flows.len() >= FLOWS {
                continue;
            }
            let Some(flow) = open(&socket, &slot, &serving, (client, named)).await else {
                continue;
            };
            flows.insert(client, flow);
        }
        if let Some(flow) = flows.get_mut(&client) {
            flow.last = Instant::now();
            let _ = flow.socket.send(datagram).await;
        }
    }
}

fn target_with(serving: &Serving, named: [u8; 8]) -> Option<Arc<Target>> {
    serving.groups().find_map(|group| group.with_server(named))
}

async fn open(
    socket: &Arc<UdpSocket>,
    slot: &Slot,
    serving: &Serving,
    (client, named): (SocketAddr, Option<[u8; 8]>),
) -> Option<Flow> {
    let by_server = named.and_then(|named| {
        let mut groups = serving.groups();
        groups.find_map(|group| Some((group.clone(), group.with_server(named)?)))
    });
    let (group, target) = match by_server {
        Some(found) => found,
        None => {
            let group = serving.draw(client.ip(), fastrand::u64(..))?.clone();
            let target = group.pick(client.ip(), fastrand::u64(..))?;
            (group, target)
        }
    };
    let upstream = source::socket(&group, (client.ip(), slot.at.ip()), target.at)
        .await
        .ok()?;
    let upstream = Arc::new(upstream);
    if group.proxy {
        // Before the first datagram of a flow (assumed: AWS documents no place for it).
        let header = proxy::header(client, slot.at, Carries::Datagram);
        let _ = upstream.send(&header).await;
    }
    let answers = tokio::spawn(answer(upstream.clone(), socket.clone(), client)).abort_handle();
    Some(Flow {
        target,
        socket: upstream,
        last: Instant::now(),
        answers,
    })
}

/// Sends what a target answers back to the client.
async fn answer(upstream: Arc<UdpSocket>, socket: Arc<UdpSocket>, client: SocketAddr) {
    let mut buffer = vec![0; LARGEST];
    loop {
        match upstream.recv(&mut buffer).await {
            Ok(length) => {
                if let Some(datagram) = buffer.get(..length) {
                    let _ = socket.send_to(datagram, client).await;
                }
            }
            // Nobody listens at the target: the next datagram may find somebody.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// The server's id in a datagram of QUIC: RFC 9000, section 17, for the place of the destination connection id, and
/// draft-ietf-quic-load-balancers for the id in it, in plain text after the first byte
/// (network/quic-listeners: "The Network Load Balancer uses the server ID that is in the connection ID").
fn server(datagram: &[u8]) -> Option<[u8; 8]> {
    let first = *datagram.first()?;
    let id = if first & 0x80 == 0 {
        datagram.get(1..)?
    } else {
        let length = usize::from(*datagram.get(5)?);
        datagram.get(6..6 + length)?
    };
    id.get(1..9)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::server;

    /// RFC 9000, sections 17.2 and 17.3.
    #[test]
    fn the_servers_id_is_found_in_both_forms_of_header() {
        let id = [7_u8, 1, 2, 3, 4, 5, 6, 7, 8, 99];
        let short: Vec<u8> = [&[0x40][..], &id].concat();
        assert_eq!(server(&short), Some([1, 2, 3, 4, 5, 6, 7, 8]));
        let long: Vec<u8> = [&[0xc0, 0, 0, 0, 1, 10][..], &id, &[0]].concat();
        assert_eq!(server(&long), Some([1, 2, 3, 4, 5, 6, 7, 8]));
        // A client's first datagrams have an id of its own choice, at least eight bytes.
        let chosen: Vec<u8> = [&[0xc0, 0, 0, 0, 1, 8][..], &id[..8]].concat();
        assert_eq!(server(&chosen), None);
        for broken in [&[][..], &[0x40], &[0xc0, 0, 0, 0, 1, 200, 1]] {
            assert_eq!(server(broken), None);
        }
    }
}
