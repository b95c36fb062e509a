//! Everything that is known of an account and region.

mod others;

use super::drops::{Drops, Ticket};
use super::roll::Roll;
use super::shelf::{Holds, Shelf};
use super::texts::Texts;
use super::{Ages, On, makes_doubtful};
use crate::alb::forwards_to;
use crate::cloud::{
    Action, Arn, Attributes, Balancer, Capacity, CertificateDetails, CloudError, Freshness, Group, Health,
    Kind, Listener, Protection, Rule, Tagged, TargetGroup,
};
use crate::owner::{GATEWAY, Tags};
use gatewright_aws_core::Str;
use gatewright_aws_core::limits::{AlbLimits, NlbLimits};
use gatewright_aws_core::network::BalancerKind;
use gatewright_aws_core::target_group::Target;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// What a search by tags found.
#[derive(Debug)]
struct Search {
    at: Instant,
    /// By the value of the tag that names the Gateway.
    found: BTreeMap<Str, BTreeMap<Arn, Tags>>,
}

/// Whether there is a call for the tags of one resource that a search may not show yet. EC2 shows its own at once, and
/// listeners and rules are not searched for.
const fn is_asked(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Balancer | Kind::TargetGroup | Kind::TrustStore | Kind::Certificate
    )
}

#[derive(Debug)]
pub struct Known {
    ages: Ages,
    texts: Texts,
    pub balancers: Shelf<Option<Balancer>>,
    pub balancer_attributes: Shelf<Attributes>,
    pub web_acls: Shelf<Option<Str>>,
    pub protections: Shelf<Option<Protection>>,
    pub capacities: Shelf<Option<Capacity>>,
    pub listeners: Shelf<Vec<Listener>>,
    pub listener_attributes: Shelf<Attributes>,
    pub listener_certificates: Shelf<BTreeSet<Arn>>,
    pub rules: Shelf<Vec<Rule>>,
    pub target_groups: Shelf<Option<TargetGroup>>,
    pub target_group_attributes: Shelf<Attributes>,
    pub targets: Shelf<BTreeMap<Target, Health>>,
    pub security_groups: Shelf<Option<Group>>,
    pub tags: Shelf<Option<Tags>>,
    searches: BTreeMap<Kind, Search>,
    /// Whose each resource is that a search found.
    owners: BTreeMap<Arn, (Kind, Str)>,
    /// What we made or marked, and when: a search may not show it yet.
    made: BTreeMap<Arn, (Kind, Tags, Instant)>,
    /// What AWS answered to a creation, until its tags are read: it may be somebody else's. And what was ours, with what was
    /// known of it: another call failed since.
    unproven: BTreeMap<Arn, (Kind, Option<(Tags, Instant)>)>,
    /// What we deleted, and when: a search may still show it.
    gone: BTreeMap<Arn, Instant>,
    /// Load balancers of listeners, listeners of rules.
    parents: BTreeMap<Arn, Arn>,
    children: BTreeMap<Arn, BTreeSet<Arn>>,
    drops: Drops,
    limits: Option<(AlbLimits, Instant)>,
    network_limits: Option<(NlbLimits, Instant)>,
    certificates: Option<(Vec<CertificateDetails>, Instant)>,
    /// Load balancers of the region.
    pub balancer_roll: Roll<BalancerKind>,
    /// Target groups of the region.
    pub group_roll: Roll<()>,
    /// Groups that others gave over for rules, by cluster.
    node_groups: BTreeMap<Str, (Vec<Group>, Instant)>,
}

impl Known {
    pub fn new(ages: Ages) -> Self {
        Self {
            ages,
            texts: Texts::default(),
            balancers: Shelf::default(),
            balancer_attributes: Shelf::default(),
            web_acls: Shelf::default(),
            protections: Shelf::default(),
            capacities: Shelf::default(),
            listeners: Shelf::default(),
            listener_attributes: Shelf::default(),
            listener_certificates: Shelf::default(),
            rules: Shelf::default(),
            target_groups: Shelf::default(),
            target_group_attributes: Shelf::default(),
            targets: Shelf::default(),
            security_groups: Shelf::default(),
            tags: Shelf::default(),
            searches: BTreeMap::new(),
            owners: BTreeMap::new(),
            made: BTreeMap::new(),
            unproven: BTreeMap::new(),
            gone: BTreeMap::new(),
            parents: BTreeMap::new(),
            children: BTreeMap::new(),
            drops: Drops::default(),
            limits: None,
            network_limits: None,
            certificates: None,
            balancer_roll: Roll::default(),
            group_roll: Roll::default(),
            node_groups: BTreeMap::new(),
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

    /// How old a count of what is in the region may be.
    pub const fn age_of_counts(&self, freshness: Freshness) -> Duration {
        match freshness {
            Freshness::Known => self.ages.settled,
            Freshness::Recent => self.ages.others,
        }
    }

    /// How long a search by tags may not show what is new.
    pub const fn lag(&self) -> Duration {
        self.ages.lag
    }

    /// A read begins.
    pub fn ticket(&self) -> Ticket {
        self.drops.ticket()
    }

    /// What is known of a resource, else the ticket of a read.
    pub fn look<T: Holds + Clone>(&mut self, on: On<T>, arn: &Arn) -> Result<T, Ticket> {
        let fresh = self.fresh(on, arn);
        match on(self).get(arn) {
            Some((value, _)) if fresh => Ok(value.clone()),
            _ => Err(self.ticket()),
        }
    }

    /// Whether what is known of a resource can be used.
    pub fn fresh<T: Holds>(&mut self, on: On<T>, arn: &Arn) -> bool {
        let Some((lasts, at)) = on(self).get(arn).map(|(value, at)| (value.lasts(), at)) else {
            return false;
        };
        at.elapsed() < self.ages.of(lasts)
    }

    /// Notes what was read, unless it was dropped since the read began.
    pub fn put<T: Holds>(&mut self, on: On<T>, arn: &Arn, mut value: T, ticket: Ticket) {
        if self.drops.is_current(arn, ticket) {
            value.share(&mut self.texts);
            let arn = self.shared(arn);
            on(self).put(arn, value, ticket.at());
        }
    }

    fn shared(&mut self, arn: &Arn) -> Arn {
        let mut arn = arn.clone();
        self.texts.share(&mut arn.0);
        arn
    }

    /// Drops what is known of a resource on one shelf.
    pub fn drop<T: Holds>(&mut self, on: On<T>, arn: &Arn) {
        on(self).drop(arn);
        self.drops.mark(arn);
    }

    /// Drops everything that is known of a resource and of what belongs to it.
    pub fn drop_whole(&mut self, arn: &Arn) {
        for child in self.children.remove(arn).unwrap_or_default() {
            self.parents.remove(&child);
            self.drop_whole(&child);
        }
        self.balancers.drop(arn);
        self.balancer_attributes.drop(arn);
        self.web_acls.drop(arn);
        self.protections.drop(arn);
        self.capacities.drop(arn);
        self.listeners.drop(arn);
        self.listener_attributes.drop(arn);
        self.listener_certificates.drop(arn);
        self.rules.drop(arn);
        self.target_groups.drop(arn);
        self.target_group_attributes.drop(arn);
        self.targets.drop(arn);
        self.security_groups.drop(arn);
        self.tags.drop(arn);
        self.drops.mark(arn);
    }

    /// These and no others belong to a resource.
    pub fn set_children(&mut self, parent: &Arn, mut children: BTreeSet<Arn>) {
        self.texts.share_arns(&mut children);
        let before = self.children.remove(parent).unwrap_or_default();
        for gone in before.difference(&children) {
            self.parents.remove(gone);
            self.drop_whole(gone);
        }
        for child in &children {
            let parent = self.shared(parent);
            self.parents.insert(child.clone(), parent);
        }
        let parent = self.shared(parent);
        self.children.insert(parent, children);
    }

    /// An action of a load balancer's listener or rule changes: what is told of the users of target groups is out of
    /// date of those that are in one of them alone.
    pub fn reassociate(&mut self, before: Option<&Action>, after: Option<&Action>) {
        let groups = |action: Option<&Action>| -> BTreeSet<Arn> {
            let groups = action.into_iter().flat_map(forwards_to);
            groups.cloned().collect()
        };
        let (before, after) = (groups(before), groups(after));
        for group in before.symmetric_difference(&after) {
            self.drop(|known| &mut known.target_groups, group);
        }
    }

    /// A load balancer or all of a listener goes: its target groups are used by fewer.
    pub fn dissociate(&mut self, balancer: &Arn) {
        let used = self.target_groups.all().filter(|(_, group)| {
            let group = group.as_ref();
            group.is_some_and(|group| group.balancers.contains(balancer))
        });
        let used: Vec<Arn> = used.map(|(arn, _)| arn.clone()).collect();
        for arn in used {
            self.drop(|known| &mut known.target_groups, &arn);
        }
    }

    /// What a resource belongs to.
    pub fn parent(&self, arn: &Arn) -> Option<Arn> {
        self.parents.get(arn).cloned()
    }

    /// A call about these resources failed.
    pub fn failed<'a>(&mut self, error: &CloudError, arns: impl IntoIterator<Item = &'a Arn>) {
        if !makes_doubtful(error) {
            return;
        }
        for arn in arns {
            let mut root = arn;
            while let Some(parent) = self.parents.get(root) {
                root = parent;
            }
            let root = root.clone();
            match self.owners.get(&root).map(|(_, gateway)| gateway.clone()) {
                Some(gateway) => self.doubt(&gateway),
                None => self.drop_whole(&root),
            }
        }
    }

    /// All that is known of the Gateway that these tags name is doubtful.
    pub fn doubt_owner(&mut self, tags: &Tags) {
        if let Some(gateway) = tags.get(GATEWAY).cloned() {
            self.doubt(&gateway);
        }
    }

    fn doubt(&mut self, gateway: &Str) {
        let found = self
            .searches
            .values()
            .filter_map(|search| search.found.get(gateway));
        let roots: BTreeSet<Arn> = found.flat_map(BTreeMap::keys).cloned().collect();
        for root in roots {
            self.drop_whole(&root);
            // Tags may be others now than we believe. They can be asked for; a search may not show it yet.
            if let Some((kind, tags, at)) = self.made.remove(&root)
                && is_asked(kind)
            {
                self.unproven.insert(root, (kind, Some((tags, at))));
            }
        }
        // Searches that are old enough are made again: something may be there, or gone, that they do not know.
        let busy = self.ages.busy;
        self.searches.retain(|_, search| search.at.elapsed() < busy);
    }

    /// Whether the last search can be used.
    pub fn is_searched(&self, kind: Kind) -> bool {
        let search = self.searches.get(&kind);
        search.is_some_and(|search| search.at.elapsed() < self.ages.settled)
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
        self.owners.retain(|_, (of, _)| *of != kind);
        let search = Search {
            at: ticket.at(),
            found: BTreeMap::new(),
        };
        self.searches.insert(kind, search);
        for Tagged { arn, tags } in found {
            if !self.gone.contains_key(&arn) {
                self.note_found(kind, arn, tags);
            }
        }
        let made = self.made.iter().filter(|(_, (of, ..))| *of == kind);
        let made: Vec<(Arn, Tags)> = made
            .map(|(arn, (_, tags, _))| (arn.clone(), tags.clone()))
            .collect();
        for (arn, tags) in made {
            self.note_found(kind, arn, tags);
        }
    }

    fn note_found(&mut self, kind: Kind, arn: Arn, mut tags: Tags) {
        let arn = self.shared(&arn);
        self.texts.share_map(&mut tags);
        let Some(search) = self.searches.get_mut(&kind) else {
            return;
        };
        let gateway = tags.get(GATEWAY).cloned().unwrap_or_else(|| "".into());
        if let Some((_, before)) = self.owners.insert(arn.clone(), (kind, gateway.clone()))
            && before != gateway
            && let Some(found) = search.found.get_mut(&before)
        {
            found.remove(&arn);
        }
        search.found.entry(gateway).or_default().insert(arn, tags);
    }

    /// What the last search found that has these tags.
    pub fn found(&self, kind: Kind, marks: &Tags) -> Vec<Tagged> {
        let Some(search) = self.searches.get(&kind) else {
            return Vec::new();
        };
        let has = |tags: &Tags| marks.iter().all(|(key, value)| tags.get(key) == Some(value));
        let tagged = |(arn, tags): (&Arn, &Tags)| Tagged {
            arn: arn.clone(),
            tags: tags.clone(),
        };
        let one = marks.get(GATEWAY).map(|gateway| search.found.get(gateway));
        match one {
            Some(found) => found
                .into_iter()
                .flatten()
                .filter(|(_, tags)| has(tags))
                .map(tagged)
                .collect(),
            None => {
                let all = search.found.values().flatten();
                all.filter(|(_, tags)| has(tags)).map(tagged).collect()
            }
        }
    }

    /// ARNs of everything of a kind that the last search found.
    pub fn ours(&self, kind: Kind) -> Vec<Arn> {
        let found = self.searches.get(&kind).into_iter();
        found
            .flat_map(|search| search.found.values().flat_map(BTreeMap::keys))
            .cloned()
            .collect()
    }

    /// Whether it is known of a resource that it is ours, or that we deleted it.
    pub fn is_judged(&self, arn: &Arn) -> bool {
        self.owners.contains_key(arn) || self.gone.contains_key(arn)
    }

    /// AWS answered a creation with this.
    pub fn created(&mut self, kind: Kind, arn: &Arn) {
        self.drop_whole(arn);
        self.gone.remove(arn);
        self.unproven.insert(arn.clone(), (kind, None));
    }

    /// What is to be asked for its tags, before it is told what there is of a kind.
    pub fn unproven(&self, kind: Kind) -> Vec<Arn> {
        let found = self.unproven.iter().filter(|(_, (of, _))| *of == kind);
        found.map(|(arn, _)| arn.clone()).collect()
    }

    /// There is no such resource.
    pub fn disproved(&mut self, arn: &Arn) {
        self.unproven.remove(arn);
    }

    /// A resource has exactly these tags.
    pub fn tagged(&mut self, arn: &Arn, tags: &Tags) {
        if let Some((kind, _)) = self.unproven.remove(arn) {
            self.made(kind, arn, tags);
        }
    }

    /// Nobody may ask for the tags of a resource: it has those that we gave it, for as long as a search may not show it.
    pub fn believed(&mut self, arn: &Arn) {
        if let Some((kind, Some((tags, at)))) = self.unproven.remove(arn)
            && at.elapsed() < self.ages.lag
        {
            self.made.insert(arn.clone(), (kind, tags.clone(), at));
            self.note_found(kind, arn.clone(), tags);
        }
    }

    /// We made something that is nobody else's.
    pub fn made(&mut self, kind: Kind, arn: &Arn, tags: &Tags) {
        self.gone.remove(arn);
        let (arn, mut tags) = (self.shared(arn), tags.clone());
        self.texts.share_map(&mut tags);
        self.made
            .insert(arn.clone(), (kind, tags.clone(), Instant::now()));
        self.note_found(kind, arn, tags);
    }

    /// Tags of a resource are being changed: whoever may not live to hear the answer must not believe what was known.
    pub fn retagging(&mut self, kind: Kind, arn: &Arn) {
        self.drop(|known| &mut known.tags, arn);
        // Tags of others are told with them.
        if is_asked(kind) {
            self.unproven.entry(arn.clone()).or_insert((kind, None));
        }
    }

    /// Tags of a resource changed.
    pub fn retagged(&mut self, kind: Kind, arn: &Arn, change: impl Fn(&mut Tags)) {
        self.drop(|known| &mut known.tags, arn);
        self.security_groups.drop(arn);
        let Some((_, gateway)) = self.owners.get(arn) else {
            return;
        };
        let found = self
            .searches
            .get(&kind)
            .and_then(|search| search.found.get(gateway)?.get(arn));
        if let Some(mut tags) = found.cloned() {
            change(&mut tags);
            self.unproven.remove(arn);
            self.made(kind, arn, &tags);
        }
    }

    /// We deleted something.
    pub fn deleted(&mut self, arn: &Arn) {
        if let Some(parent) = self.parents.remove(arn)
            && let Some(children) = self.children.get_mut(&parent)
        {
            children.remove(arn);
        }
        self.drop_whole(arn);
        self.balancer_roll.remove(arn);
        self.group_roll.remove(arn);
        self.made.remove(arn);
        self.unproven.remove(arn);
        self.gone.insert(arn.clone(), Instant::now());
        if let Some((kind, gateway)) = self.owners.remove(arn)
            && let Some(found) = self
                .searches
                .get_mut(&kind)
                .and_then(|search| search.found.get_mut(&gateway))
        {
            found.remove(arn);
        }
    }

    /// Forgets what belongs to nothing that was found.
    pub fn prune(&mut self) {
        let mut reached: BTreeSet<Arn> = self.owners.keys().cloned().collect();
        reached.extend(self.unproven.keys().cloned());
        let mut next: Vec<Arn> = reached.iter().cloned().collect();
        while let Some(arn) = next.pop() {
            for child in self.children.get(&arn).into_iter().flatten() {
                if reached.insert(child.clone()) {
                    next.push(child.clone());
                }
            }
        }
        let keep = |arn: &Arn| reached.contains(arn);
        self.balancers.retain(keep);
        self.balancer_attributes.retain(keep);
        self.web_acls.retain(keep);
        self.protections.retain(keep);
        self.capacities.retain(keep);
        self.listeners.retain(keep);
        self.listener_attributes.retain(keep);
        self.listener_certificates.retain(keep);
        self.rules.retain(keep);
        self.target_groups.retain(keep);
        self.target_group_attributes.retain(keep);
        self.targets.retain(keep);
        self.security_groups.retain(keep);
        self.tags.retain(keep);
        self.children.retain(|arn, _| keep(arn));
        self.parents.retain(|arn, _| keep(arn));
        self.texts.prune();
    }
}
