use super::{Feed, pack};
use crate::client::{Assembler, ClientLimits};
use crate::part::{Content, Digests};
use crate::settings::GatewaySettings;
use crate::wire;
use gatewright_model::LoadBalancer;
use gatewright_model::key::{ObjectName, RouteKey, RouteKind};
use gatewright_model::route::HttpRoute;
use std::collections::BTreeMap;
use std::sync::Arc;

fn balancer(gateway: &str) -> LoadBalancer {
    LoadBalancer::bare(ObjectName::new("a", gateway), "c", "gatewright.dev/software")
}

fn route(number: u64, created: i64) -> Arc<HttpRoute> {
    Arc::new(HttpRoute {
        key: RouteKey {
            kind: RouteKind::Http,
            object: ObjectName::new("a", &format!("route-{number}")),
        },
        created,
        attachments: Vec::new(),
        rules: Vec::new(),
    })
}

fn with(gateway: &str, routes: &[(u64, i64)]) -> Arc<LoadBalancer> {
    let mut balancer = balancer(gateway);
    for (number, created) in routes {
        let route = route(*number, *created);
        balancer.http_routes.insert(route.key.clone(), route);
    }
    Arc::new(balancer)
}

fn settings(bound: u16) -> Arc<GatewaySettings> {
    Arc::new(GatewaySettings {
        parameters: Some(bound.to_string().as_str().into()),
        ..GatewaySettings::default()
    })
}

/// A proxy as the server sees it.
struct Reader {
    assembler: Assembler,
    cursor: u64,
    begun: u64,
    restarts: usize,
}

impl Reader {
    fn new(feed: &Feed) -> Self {
        let mut reader = Self {
            assembler: Assembler::new(ClientLimits::default()),
            cursor: 0,
            begun: 0,
            restarts: 0,
        };
        reader.restart(feed);
        reader
    }

    fn restart(&mut self, feed: &Feed) {
        self.cursor = 0;
        self.begun = feed.newest();
        self.restarts += 1;
        self.assembler.welcome(&wire::Welcome {
            session: "s".to_owned(),
            base: 0,
        });
    }

    /// Takes one message; tells the revision that is complete with it.
    fn step(&mut self, feed: &Feed) -> Option<u64> {
        if feed.lost(self.cursor, self.begun) {
            self.restart(feed);
        }
        let batch = feed.after(self.cursor, 3);
        let packed = pack(&batch, 150, self.begun);
        self.cursor = self.cursor.max(packed.position);
        let commit = batch.complete.filter(|_| packed.all);
        self.cursor = self.cursor.max(commit.unwrap_or_default());
        let changes = wire::Changes {
            gateways: packed.gateways,
            commit,
        };
        self.assembler.take(changes).unwrap()
    }
}

/// Whatever is published, in whatever order, and however slowly a reader follows: when a revision is
/// complete the reader holds exactly what is published, also after removals were forgotten.
#[test]
fn readers_converge_on_what_is_published() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut restarts = 0;
    for round in 0..150 {
        let mut feed = Feed::new(1);
        feed.remembered = [2, 8, 1000][round % 3];
        let mut position = 1;
        let mut world: BTreeMap<ObjectName, (Arc<LoadBalancer>, Arc<GatewaySettings>)> = BTreeMap::new();
        let mut readers: Vec<Reader> = (0..3).map(|_| Reader::new(&feed)).collect();
        for _ in 0..120 {
            let gateway = ["x", "y", "z"][random.usize(..3)];
            let name = ObjectName::new("a", gateway);
            if random.u8(..) < 40 {
                assert_eq!(feed.retract(&mut position, &name), world.remove(&name).is_some());
            } else {
                let known = world.get(&name);
                let mut next = known.map_or_else(|| balancer(gateway), |known| (*known.0).clone());
                for _ in 0..random.usize(..4) {
                    let route = route(random.u64(..12), random.i64(..1000));
                    if random.bool() {
                        next.http_routes.insert(route.key.clone(), route);
                    } else {
                        next.http_routes.remove(&route.key);
                    }
                }
                if random.u8(..) < 30 {
                    next.class = random.u8(..4).to_string().as_str().into();
                }
                let settings = settings(random.u16(..2));
                let next = Arc::new(next);
                let before = feed.revision(&name);
                let same = known.is_some_and(|known| *known.0 == *next && known.1 == settings);
                let revision = feed.publish(&mut position, &next, &settings);
                assert_eq!(
                    before == Some(revision),
                    same,
                    "a revision for each change and for nothing else"
                );
                world.insert(name, (next, settings));
            }
            for reader in &mut readers {
                for _ in 0..random.usize(..4) {
                    if reader.step(&feed).is_some() {
                        compare(reader, &world);
                    }
                }
            }
        }
        for reader in &mut readers {
            let steps = (0..1000).take_while(|_| reader.step(&feed).is_none()).count();
            assert!(steps < 1000, "reading comes to an end");
            compare(reader, &world);
            assert_eq!(reader.assembler.digest(), super::digest(&feed.parts()));
            restarts += reader.restarts - 1;
        }
        let live: usize = feed.parts().len();
        assert!(feed.log.len() <= live + feed.remembered, "removals are bounded");
        assert_eq!(feed.by_revision.len(), feed.gateways.len());
    }
    assert!(
        restarts > 20,
        "the forgetful rounds made readers start over: {restarts}"
    );
}

fn compare(reader: &Reader, world: &BTreeMap<ObjectName, (Arc<LoadBalancer>, Arc<GatewaySettings>)>) {
    let held = reader.assembler.configuration();
    let held: Vec<_> = held
        .iter()
        .map(|assigned| (&assigned.balancer, &assigned.settings))
        .collect();
    let wanted: Vec<_> = world
        .values()
        .map(|(balancer, settings)| (balancer, settings))
        .collect();
    assert_eq!(held, wanted);
}

/// Only what differs gets a new position.
#[test]
fn equal_parts_stay_where_they_are() {
    let (mut feed, mut position) = (Feed::new(1), 1);
    let first = with("x", &[(1, 1), (2, 1), (3, 1)]);
    feed.publish(&mut position, &first, &settings(1));
    let before = position;
    feed.publish(&mut position, &with("x", &[(1, 1), (2, 2), (3, 1)]), &settings(1));
    assert_eq!(position, before + 1);
    let batch = feed.after(before, 10);
    assert_eq!((batch.entries.len(), batch.complete), (1, Some(position)));
    feed.publish(&mut position, &with("x", &[(1, 1), (2, 2), (3, 1)]), &settings(1));
    assert_eq!(position, before + 1, "equal in other allocations is equal");
}

/// A part is encoded once, whoever asks.
#[test]
fn the_encoding_is_shared() {
    let (mut feed, mut position) = (Feed::new(1), 1);
    feed.publish(&mut position, &with("x", &[(1, 1)]), &settings(1));
    let payloads = || -> Vec<*const u8> {
        let parts = feed.parts();
        parts
            .iter()
            .map(|(_, part)| part.payload().unwrap().as_ptr())
            .collect()
    };
    assert_eq!(payloads(), payloads());
}

/// The digest tells every difference, and no order.
#[test]
fn digests_differ_when_contents_do() {
    let name = ObjectName::new("a", "x");
    let put = |digests: &mut Digests, content: &Content| {
        digests.put(&name, &content.key(), &content.encode().unwrap());
    };
    let [one, two, changed] = [route(1, 1), route(2, 1), route(1, 2)].map(Content::HttpRoute);
    let (mut a, mut b) = (Digests::default(), Digests::default());
    put(&mut a, &one);
    put(&mut a, &two);
    put(&mut b, &two);
    assert_ne!(a.total(), b.total());
    put(&mut b, &changed);
    assert_ne!(a.total(), b.total());
    put(&mut b, &one);
    assert_eq!((a.total(), a.bytes()), (b.total(), b.bytes()));
}
