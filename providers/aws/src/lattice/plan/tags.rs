//! Tags of what exists.

use super::{Note, Phase, Planner, TAGS, change, resource};
use crate::cloud::Arn;
use crate::lattice::cloud::Kind;
use crate::lattice::step::Call;
use crate::owner::{GIVEN, Tags, asked_for};
use gatewright_aws_core::Str;
use gatewright_provider_api::contract::Resource;
use std::collections::BTreeSet;

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
        let remove: BTreeSet<Str> = asked_for(seen)
            .chain(marker)
            .filter(|key| !wanted.contains_key(*key))
            .map(Str::from)
            .collect();
        // What goes is forgotten last: else nobody would know any more that it is to go.
        let mut needs = Vec::new();
        if !remove.is_empty() {
            let gone = remove
                .iter()
                .map(|key| change(key, seen.get(key), None::<&Str>))
                .collect();
            let going = resource(TAGS, format!("of {of} that go"));
            needs.push(going.clone());
            let note = Note::update(going, gone, "the Gateway asks for other tags");
            self.push(Phase::LetGo, note, Call::Untag(kind, arn.clone(), remove));
        }
        if !add.is_empty() {
            let set = add
                .iter()
                .filter(|(key, value)| seen.get(*key) != Some(*value))
                .map(|(key, value)| change(key, seen.get(key), Some(value)))
                .collect();
            let note = Note::update(resource(TAGS, format!("of {of}")), set, "its tags differ").needs(needs);
            self.push(Phase::LetGo, note, Call::Tag(kind, arn.clone(), add));
        }
    }
}
