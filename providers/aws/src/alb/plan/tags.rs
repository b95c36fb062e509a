//! Tags of what exists.

use super::{Note, Phase, Planner, TAGS, fields, resource};
use crate::alb::step::Call;
use crate::cloud::{Arn, Kind};
use crate::owner::{CAPACITY, FINGERPRINT, GIVEN, SHIELD, Tags, WEB_ACL, asked_for};
use gatewright_aws_core::Str;
use gatewright_provider_api::contract::{FieldChange, Resource};
use std::collections::BTreeSet;

/// Most resources of one call
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html>; of the calls that
/// write no number is documented).
const CHUNK: usize = 20;

/// What is to be done about tags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    kind: Kind,
    add: Tags,
    remove: BTreeSet<Str>,
}

/// Something whose tags differ.
pub(super) struct Tagged {
    arn: Arn,
    of: Resource,
    /// Its tags as they are.
    found: Tags,
}

impl Planner<'_> {
    /// Compares the tags of something that exists.
    pub(super) fn compare_tags(
        &mut self,
        (kind, arn): (Kind, &Arn),
        of: &Resource,
        seen: &Tags,
        wanted: &Tags,
    ) {
        let differ = wanted
            .iter()
            .filter(|(key, value)| seen.get(*key) != Some(*value));
        let mut add: Tags = differ.map(|(key, value)| (key.clone(), value.clone())).collect();
        // Always together: another process may have taken the one away meanwhile.
        if let Some((key, given)) = wanted.get_key_value(GIVEN)
            && !add.is_empty()
        {
            add.insert(key.clone(), given.clone());
        }
        let marker = seen.contains_key(GIVEN).then_some(GIVEN);
        let former = [WEB_ACL, SHIELD, CAPACITY]
            .into_iter()
            .filter(|key| seen.contains_key(*key));
        let remove: BTreeSet<Str> = asked_for(seen)
            .chain(marker)
            .chain(former)
            .filter(|key| !wanted.contains_key(*key))
            .map(Str::from)
            .collect();
        if !add.is_empty() || !remove.is_empty() {
            let difference = Difference { kind, add, remove };
            self.tagging.entry(difference).or_default().push(Tagged {
                arn: arn.clone(),
                of: of.clone(),
                found: seen.clone(),
            });
        }
    }

    /// Changes of tags, alike ones together.
    pub(super) fn tags(&mut self) {
        for (difference, resources) in std::mem::take(&mut self.tagging) {
            let Difference { kind, add, remove } = difference;
            let most = match kind {
                Kind::Certificate | Kind::SecurityGroup => 1,
                Kind::TrustStore | Kind::TargetGroup | Kind::Balancer | Kind::Listener | Kind::Rule => CHUNK,
            };
            for chunk in resources.chunks(most) {
                let arns: Vec<Arn> = chunk.iter().map(|tagged| tagged.arn.clone()).collect();
                let of = resource(TAGS, words(chunk));
                // What goes is forgotten last: else nobody would know any more that it is to go.
                // What a secret was last changed to must not be forgotten before that is done.
                let mut needs: Vec<Resource> = if add.contains_key(FINGERPRINT) {
                    chunk.iter().map(|tagged| tagged.of.clone()).collect()
                } else {
                    Vec::new()
                };
                if add.contains_key(WEB_ACL) || remove.contains(WEB_ACL) {
                    needs.push(self.web_acl_resource());
                }
                if remove.contains(SHIELD) {
                    needs.push(self.protection_resource());
                }
                if remove.contains(CAPACITY) {
                    needs.push(self.capacity_resource());
                }
                if !remove.is_empty() {
                    let gone: Vec<FieldChange> = remove
                        .iter()
                        .map(|key| fields::change(key, found(chunk, key).as_ref(), None::<&Str>))
                        .collect();
                    let of = resource(TAGS, format!("{} that go", of.id));
                    let note = Note::update(of.clone(), gone, "the Gateway asks for other tags")
                        .needs(needs.clone());
                    needs.push(of);
                    let call = Call::RemoveTags(kind, arns.clone(), remove.clone());
                    self.push(Phase::LetGo, note, call);
                }
                if !add.is_empty() {
                    let set = add
                        .iter()
                        .map(|(key, value)| (key, found(chunk, key), value))
                        .filter(|(_, found, value)| found.as_ref() != Some(*value))
                        .map(|(key, found, value)| fields::change(key, found.as_ref(), Some(value)))
                        .collect();
                    let note = Note::update(of, set, "its tags differ").needs(needs);
                    self.push(Phase::LetGo, note, Call::AddTags(kind, arns, add.clone()));
                }
            }
        }
    }
}

fn words(chunk: &[Tagged]) -> String {
    match chunk {
        [] => String::new(),
        [only] => only.of.to_string(),
        [first, more @ ..] => format!("{} and {} more", first.of, more.len()),
    }
}

/// The value of a tag, in words where there are several.
fn found(chunk: &[Tagged], key: &str) -> Option<Str> {
    let values: BTreeSet<Option<&Str>> = chunk.iter().map(|tagged| tagged.found.get(key)).collect();
    if values.len() > 1 {
        return Some("various".into());
    }
    values.into_iter().next().flatten().cloned()
}
