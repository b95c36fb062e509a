//! Where something of each Gateway may be.

use super::places::locked;
use gatewright_aws_sdk::Settings as Place;
use gatewright_model::key::ObjectName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How sure it is that something of a Gateway is in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// Nobody looked there yet. A place that nobody can look into is none of the Gateway's business.
    Perhaps,
    /// Its class wants it there, or something was made or found there.
    Certain,
}

/// Gateways of one service, each with its places. What another process did before is found by looking into all of them
/// once.
#[derive(Default)]
pub struct Homes(Mutex<BTreeMap<ObjectName, Home>>);

struct Home {
    /// Where its class wants it.
    at: Place,
    /// Since when it is served there, as far as this process knows.
    served: Option<Instant>,
    traces: BTreeMap<Place, Trace>,
}

impl Homes {
    /// A Gateway is to be there; of one that is not known yet something may be `everywhere`. Answers its other places.
    pub fn settle(
        &self,
        gateway: &ObjectName,
        place: &Place,
        everywhere: impl FnOnce() -> BTreeSet<Place>,
    ) -> Vec<(Place, Trace)> {
        let mut homes = locked(&self.0);
        let home = homes.entry(gateway.clone()).or_insert_with(|| Home {
            at: place.clone(),
            served: None,
            traces: everywhere()
                .into_iter()
                .map(|place| (place, Trace::Perhaps))
                .collect(),
        });
        if home.at != *place {
            home.at = place.clone();
            home.served = None;
        }
        // A place that turns out to be a mistake, and was never reached, has nothing of it.
        home.traces.entry(place.clone()).or_insert(Trace::Perhaps);
        let others = home.traces.iter().filter(|(other, _)| *other != place);
        others.map(|(other, trace)| (other.clone(), *trace)).collect()
    }

    /// A Gateway is served where its class wants it; answers for how long that is so.
    pub fn serves(&self, gateway: &ObjectName, now: Instant) -> Duration {
        let mut homes = locked(&self.0);
        let since = homes.get_mut(gateway).map(|home| *home.served.get_or_insert(now));
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Where a Gateway's class wants it, if that is known.
    pub fn at(&self, gateway: &ObjectName) -> Option<Place> {
        locked(&self.0).get(gateway).map(|home| home.at.clone())
    }

    /// Where something of a Gateway may be; `None`: nothing is known of it.
    pub fn of(&self, gateway: &ObjectName) -> Option<Vec<(Place, Trace)>> {
        let homes = locked(&self.0);
        let Home { at, traces, .. } = homes.get(gateway)?;
        let sure = |(place, trace): (&Place, &Trace)| {
            let trace = if place == at { Trace::Certain } else { *trace };
            (place.clone(), trace)
        };
        Some(traces.iter().map(sure).collect())
    }

    /// Something of a Gateway was made or found in a place.
    pub fn found(&self, gateway: &ObjectName, place: &Place) {
        if let Some(home) = locked(&self.0).get_mut(gateway) {
            home.traces.insert(place.clone(), Trace::Certain);
        }
    }

    /// Nothing of a Gateway is in a place any more.
    pub fn left(&self, gateway: &ObjectName, place: &Place) {
        let mut homes = locked(&self.0);
        if let Some(home) = homes.get_mut(gateway) {
            home.traces.remove(place);
            if home.traces.is_empty() {
                homes.remove(gateway);
            }
        }
    }

    /// Another process did the work meanwhile.
    pub fn doubt(&self, everywhere: &BTreeSet<Place>) {
        for home in locked(&self.0).values_mut() {
            for place in everywhere {
                home.traces.entry(place.clone()).or_insert(Trace::Perhaps);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(region: &str) -> Place {
        Place {
            region: Some(region.to_owned()),
            ..Place::default()
        }
    }

    /// What is known of a Gateway from its first sight to its end, with another process in between.
    #[test]
    fn a_gateway_is_looked_for_everywhere_once() {
        let homes = Homes::default();
        let gateway = ObjectName::new("shop", "edge");
        let (here, there) = (place("eu-central-1"), place("us-east-1"));
        let both = BTreeSet::from([here.clone(), there.clone()]);
        assert_eq!(homes.of(&gateway), None);

        let others = homes.settle(&gateway, &here, || both.clone());
        assert_eq!(others, [(there.clone(), Trace::Perhaps)]);
        homes.left(&gateway, &there);
        assert_eq!(homes.settle(&gateway, &here, || unreachable!()), []);

        // A class that never led anywhere has left nothing.
        let mistake = place("eu-central-9");
        let others = homes.settle(&gateway, &mistake, || unreachable!());
        assert_eq!(others, [(here.clone(), Trace::Perhaps)]);
        assert_eq!(
            homes.of(&gateway).unwrap(),
            [(here.clone(), Trace::Perhaps), (mistake.clone(), Trace::Certain)]
        );
        homes.settle(&gateway, &here, || unreachable!());
        homes.found(&gateway, &here);
        homes.left(&gateway, &mistake);

        let others = homes.settle(&gateway, &there, || unreachable!());
        assert_eq!(others, [(here.clone(), Trace::Certain)]);
        assert_eq!(homes.at(&gateway), Some(there.clone()));

        // How long it is served is counted anew in each place.
        let begun = Instant::now();
        let later = begun + Duration::from_secs(7);
        assert_eq!(homes.serves(&gateway, begun), Duration::ZERO);
        assert_eq!(homes.serves(&gateway, later), Duration::from_secs(7));
        homes.settle(&gateway, &here, || unreachable!());
        homes.settle(&gateway, &there, || unreachable!());
        assert_eq!(homes.serves(&gateway, later), Duration::ZERO);
        homes.found(&gateway, &there);
        homes.left(&gateway, &here);

        homes.doubt(&both);
        let others = homes.settle(&gateway, &there, || unreachable!());
        assert_eq!(others, [(here.clone(), Trace::Perhaps)]);
        homes.found(&gateway, &here);
        assert_eq!(
            homes.of(&gateway).unwrap(),
            [(here.clone(), Trace::Certain), (there.clone(), Trace::Certain)]
        );

        homes.left(&gateway, &here);
        homes.left(&gateway, &there);
        assert_eq!((homes.of(&gateway), homes.at(&gateway)), (None, None));
    }
}
