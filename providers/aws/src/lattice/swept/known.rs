//! Everything that is known of VPC Lattice of an account and region.

use super::On;
use crate::cloud::{Arn, CloudError, Tagged};
use crate::lattice::cloud::{
    Kind, Listener, Network, Rule, Service, ServiceAssociation, TargetGroup, TargetStatus, VpcAssociation,
};
use crate::owner::{GATEWAY, Tags};
use crate::swept::drops::{Drops, Ticket};
use crate::swept::shelf::{Holds, Shelf};
use crate::swept::{Ages, makes_doubtful};
use gatewright_aws_core::Str;
use gatewright_aws_core::target_group::Target;
use gatewright_provider_api::contract::ErrorKind;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// What a search by tags found.
#[derive(Debug)]
struct Search {
    at: Instant,
    found: BTreeMap<Arn, Tags>,
}

/// Whether a call that failed so may have been carried out.
const fn leaves_open(error: &CloudError) -> bool {
    matches!(
        error.kind,
        ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Superseded | ErrorKind::Unexpected
    )
}

#[derive(Debug)]
pub struct Known {
    ages: Ages,
    pub networks: Shelf<Option<Network>>,
    pub vpc_associations: Shelf<Vec<VpcAssociation>>,
    pub services: Shelf<Option<Service>>,
    pub service_associations: Shelf<Vec<ServiceAssociation>>,
    /// Of networks and services.
    pub policies: Shelf<Option<Str>>,
    /// Of networks and services.
    pub logs: Shelf<BTreeMap<Arn, Str>>,
    /// By service.
    pub listeners: Shelf<Vec<Listener>>,
    /// By listener.
    pub rules: Shelf<Vec<Rule>>,
    pub groups: Shelf<Option<TargetGroup>>,
    pub targets: Shelf<BTreeMap<Target, TargetStatus>>,
    /// Associations of VPCs with any network, and when they were read: who else associates one tells nobody.
    of_vpcs: BTreeMap<Str, (Vec<VpcAssociation>, Instant)>,
    searches: BTreeMap<Kind, Search>,
    /// What we made or marked, and when: a search may not show it yet.
    made: BTreeMap<Arn, (Kind, Tags, Instant)>,
    /// What we deleted, and when: a search may still show it.
    gone: BTreeMap<Arn, Instant>,
    /// Since when something may be there that a search does not show yet, and nobody knows of.
    unsure: BTreeMap<Kind, Instant>,
    /// Services of listeners, listeners of rules, networks and services of associations and logs.
    parents: BTreeMap<Arn, Arn>,
    drops: Drops,
}

impl Known {
    pub fn new(ages: Ages) -> Self {
        Self {
            ages,
            networks: Shelf::default(),
            vpc_associations: Shelf::default(),
            services: Shelf::default(),
            service_associations: Shelf::default(),
            policies: Shelf::default(),
            logs: Shelf::default(),
            listeners: Shelf::default(),
            rules: Shelf::default(),
            groups: Shelf::default(),
            targets: Shelf::default(),
            of_vpcs: BTreeMap::new(),
            searches: BTreeMap::new(),
            made: BTreeMap::new(),
            gone: BTreeMap::new(),
            unsure: BTreeMap::new(),
            parents: BTreeMap::new(),
            drops: Drops::default(),
        }
    }

    /// Forgets everything, also what is being read.
    pub fn forget_all(&mut self) {
        let (ages, mut drops) = (self.ages, std::mem::take(&mut self.drops));
        drops.mark_all();
        *self = Self {
            drops,
            ..Self::new(ages)
        };
    }

    /// How long settled answers are used again.
    pub fn set_settled(&mut self, age: Duration) {
        self.ages.settled = age;
    }

    /// A read begins.
    pub fn ticket(&self) -> Ticket {
        self.drops.ticket()
    }

    /// What is known of a resource, else the ticket of a read.
    pub fn look<T: Holds + Clone>(&mut self, on: On<T>, arn: &Arn) -> Result<T, Ticket> {
        let ages = self.ages;
        let found = on(self).get(arn).and_then(|(value, at)| {
            let fresh = at.elapsed() < ages.of(value.lasts());
            fresh.then(|| value.clone())
        });
        found.ok_or_else(|| self.ticket())
    }

    /// Notes what was read, unless it was dropped since the read began.
    pub fn put<T: Holds>(&mut self, on: On<T>, arn: &Arn, value: T, ticket: Ticket) {
        if self.drops.is_current(arn, ticket) {
            on(self).put(arn.clone(), value, ticket.at());
        }
    }

    /// Drops what is known of a resource on one shelf.
    pub fn drop<T: Holds>(&mut self, on: On<T>, arn: &Arn) {
        on(self).drop(arn);
        self.drops.mark(arn);
    }

    /// Drops everything that is known of a resource and of what belongs to it.
    pub fn drop_whole(&mut self, arn: &Arn) {
        let below = self.listeners.get(arn).map(|(listeners, _)| listeners);
        let below: Vec<Arn> = below.into_iter().flatten().map(|of| of.arn.clone()).collect();
        for listener in &below {
            self.drop(|known| &mut known.rules, listener);
        }
        self.networks.drop(arn);
        self.vpc_associations.drop(arn);
        self.services.drop(arn);
        self.service_associations.drop(arn);
        self.policies.drop(arn);
        self.logs.drop(arn);
        self.listeners.drop(arn);
        self.rules.drop(arn);
        self.groups.drop(arn);
        self.targets.drop(arn);
        self.drops.mark(arn);
    }

    /// These belong to a resource.
    pub fn belong<'a>(&mut self, parent: &Arn, children: impl IntoIterator<Item = &'a Arn>) {
        for child in children {
            self.parents.insert(child.clone(), parent.clone());
        }
    }

    /// What a resource belongs to. That a listener's ARN begins with its service's, and a rule's with its listener's, is
    /// documented (`API_GetRule`).
    pub fn parent(&self, arn: &Arn) -> Option<Arn> {
        let known = self.parents.get(arn).cloned();
        known.or_else(|| {
            let parted = arn
                .0
                .rsplit_once("/rule/")
                .or_else(|| arn.0.rsplit_once("/listener/"));
            parted.map(|(parent, _)| Arn(parent.into()))
        })
    }

    /// What is to be dropped with something that belongs to another resource; everything, where that is not known.
    pub fn touch_parent<T: Holds>(&mut self, on: On<T>, child: &Arn) {
        match self.parent(child) {
            Some(parent) => self.drop(on, &parent),
            None => self.forget_all(),
        }
    }

    fn root(&self, arn: &Arn) -> Arn {
        let mut root = arn.clone();
        // A rule is of a listener of a service.
        for _ in 0..3 {
            match self.parent(&root) {
                Some(parent) => root = parent,
                None => break,
            }
        }
        root
    }

    /// A call about a resource failed.
    pub fn failed(&mut self, error: &CloudError, arn: &Arn) {
        if !makes_doubtful(error) {
            return;
        }
        let root = self.root(arn);
        let of_root = |search: &Search| search.found.get(&root)?.get(GATEWAY).cloned();
        match self.searches.values().find_map(of_root) {
            Some(gateway) => self.doubt(&gateway, error),
            None => self.drop_whole(&root),
        }
    }

    /// All that is known of the Gateway that these tags name is doubtful.
    pub fn doubt_owner(&mut self, tags: &Tags, error: &CloudError) {
        if !makes_doubtful(error) {
            return;
        }
        if let Some(gateway) = tags.get(GATEWAY).cloned() {
            self.doubt(&gateway, error);
        }
    }

    fn doubt(&mut self, gateway: &Str, error: &CloudError) {
        let found = self.searches.values().flat_map(|search| &search.found);
        let roots: Vec<Arn> = found
            .filter(|(_, tags)| tags.get(GATEWAY) == Some(gateway))
            .map(|(arn, _)| arn.clone())
            .collect();
        for root in &roots {
            self.drop_whole(root);
            // Its tags may be others now than we believe.
            self.made.remove(root);
        }
        self.of_vpcs.clear();
        if leaves_open(error) {
            for kind in Kind::ALL {
                self.doubt_search(kind);
            }
        } else {
            // Searches that are old enough are made again: something may be there, or gone, that they do not know.
            let busy = self.ages.busy;
            self.searches.retain(|_, search| search.at.elapsed() < busy);
        }
    }

    /// Something may be there, or gone, that the last search does not know: searches are made again, as often as that makes
    /// sense, for as long as they may not show it.
    pub fn doubt_search(&mut self, kind: Kind) {
        self.unsure.insert(kind, Instant::now());
    }

    /// Whether the last search can be used.
    pub fn is_searched(&self, kind: Kind) -> bool {
        let Some(search) = self.searches.get(&kind) else {
            return false;
        };
        let showed_all = self
            .unsure
            .get(&kind)
            .and_then(|since| since.checked_add(self.ages.lag))
            .is_none_or(|due| search.at >= due);
        let age = if showed_all {
            self.ages.settled
        } else {
            self.ages.busy
        };
        search.at.elapsed() < age
    }

    /// Searches are to be made again when they were made before.
    pub fn drop_search(&mut self, kind: Kind, older: Instant) {
        if self.searches.get(&kind).is_some_and(|search| search.at < older) {
            self.searches.remove(&kind);
        }
    }

    /// Takes what a search found, but for what we know better.
    pub fn searched(&mut self, kind: Kind, found: Vec<Tagged>, ticket: Ticket) {
        let lag = self.ages.lag;
        self.made.retain(|_, (_, _, at)| at.elapsed() < lag);
        self.gone.retain(|_, at| at.elapsed() < lag);
        self.drops.prune();
        let mut all: BTreeMap<Arn, Tags> = found.into_iter().map(|found| (found.arn, found.tags)).collect();
        all.retain(|arn, _| !self.gone.contains_key(arn));
        let made = self.made.iter().filter(|(_, (of, ..))| *of == kind);
        all.extend(made.map(|(arn, (_, tags, _))| (arn.clone(), tags.clone())));
        let search = Search {
            at: ticket.at(),
            found: all,
        };
        self.searches.insert(kind, search);
    }

    /// What the last search found that has these tags.
    pub fn found(&self, kind: Kind, marks: &Tags) -> Vec<Tagged> {
        let has = |tags: &Tags| marks.iter().all(|(key, value)| tags.get(key) == Some(value));
        let all = self
            .searches
            .get(&kind)
            .into_iter()
            .flat_map(|search| &search.found);
        all.filter(|(_, tags)| has(tags))
            .map(|(arn, tags)| Tagged {
                arn: arn.clone(),
                tags: tags.clone(),
            })
            .collect()
    }

    /// ARNs of everything of a kind that the last search found.
    pub fn ours(&self, kind: Kind) -> Vec<Arn> {
        let search = self.searches.get(&kind);
        search
            .map(|search| search.found.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Whether it is known of a certificate that it is ours, or that we deleted it.
    pub fn is_judged(&self, arn: &Arn) -> bool {
        let search = self.searches.get(&Kind::Certificate);
        self.gone.contains_key(arn) || search.is_some_and(|search| search.found.contains_key(arn))
    }

    /// How long a search by tags may not show what is new.
    pub const fn lag(&self) -> Duration {
        self.ages.lag
    }

    /// We made something with these tags, or found it by its name.
    pub fn made(&mut self, kind: Kind, arn: &Arn, tags: &Tags) {
        self.drop_whole(arn);
        self.gone.remove(arn);
        self.made
            .insert(arn.clone(), (kind, tags.clone(), Instant::now()));
        if let Some(search) = self.searches.get_mut(&kind) {
            search.found.insert(arn.clone(), tags.clone());
        }
    }

    /// Tags of a resource changed.
    pub fn retagged(&mut self, kind: Kind, arn: &Arn, change: impl FnOnce(&mut Tags)) {
        let found = self.searches.get(&kind).and_then(|search| search.found.get(arn));
        if let Some(mut tags) = found.cloned() {
            change(&mut tags);
            self.made(kind, arn, &tags);
        }
    }

    /// We deleted something that has no states on its way out.
    pub fn deleted(&mut self, arn: &Arn) {
        self.drop_whole(arn);
        self.made.remove(arn);
        self.gone.insert(arn.clone(), Instant::now());
        for search in self.searches.values_mut() {
            search.found.remove(arn);
        }
    }

    /// Associations of a VPC, if they were read a moment ago.
    pub fn of_vpc(&self, vpc: &str) -> Option<Vec<VpcAssociation>> {
        let (found, at) = self.of_vpcs.get(vpc)?;
        (at.elapsed() < self.ages.others).then(|| found.clone())
    }

    pub fn set_of_vpc(&mut self, vpc: &str, found: Vec<VpcAssociation>) {
        self.of_vpcs.insert(vpc.into(), (found, Instant::now()));
    }

    pub fn drop_of_vpcs(&mut self) {
        self.of_vpcs.clear();
    }

    /// Forgets what belongs to nothing that was found.
    pub fn prune(&mut self) {
        let ours = self.searches.values().flat_map(|search| search.found.keys());
        let ours: BTreeSet<Arn> = ours.cloned().collect();
        let below: BTreeSet<Arn> = self
            .parents
            .keys()
            .filter(|arn| ours.contains(&self.root(arn)))
            .cloned()
            .collect();
        let keep = |arn: &Arn| ours.contains(arn);
        self.networks.retain(keep);
        self.vpc_associations.retain(keep);
        self.services.retain(keep);
        self.service_associations.retain(keep);
        self.policies.retain(keep);
        self.logs.retain(keep);
        self.listeners.retain(keep);
        self.rules.retain(|arn| below.contains(arn));
        self.groups.retain(keep);
        self.targets.retain(keep);
        self.parents.retain(|arn, _| below.contains(arn));
    }
}
