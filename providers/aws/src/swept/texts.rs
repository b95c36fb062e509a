//! Texts that many answers have in common, each kept once.

use crate::cloud::{Action, Arn};
use gatewright_aws_core::Str;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::mem::take;

/// Texts of what is known. ARNs, ids, and keys and values of tags and attributes come again in answer after answer, each
/// time in memory of their own: with a thousand load balancers that is most of what is kept. An answer that is kept
/// refers to the texts here instead.
#[derive(Debug, Default)]
pub struct Texts(HashSet<Str>);

impl Texts {
    /// One text.
    pub fn share(&mut self, text: &mut Str) {
        if let Some(known) = self.0.get(&**text) {
            *text = known.clone();
        } else {
            self.0.insert(text.clone());
        }
    }

    /// Keys and values.
    pub fn share_map(&mut self, map: &mut BTreeMap<Str, Str>) {
        let shared = take(map).into_iter().map(|(mut key, mut value)| {
            self.share(&mut key);
            self.share(&mut value);
            (key, value)
        });
        *map = shared.collect();
    }

    /// ARNs.
    pub fn share_arns(&mut self, arns: &mut BTreeSet<Arn>) {
        let shared = take(arns).into_iter().map(|mut arn| {
            self.share(&mut arn.0);
            arn
        });
        *arns = shared.collect();
    }

    /// Target groups of an action.
    pub fn share_action(&mut self, action: &mut Action) {
        if let Action::Forward(forward) = action {
            let shared = take(&mut forward.groups).into_iter().map(|(mut group, weight)| {
                self.share(&mut group.0);
                (group, weight)
            });
            forward.groups = shared.collect();
        }
    }

    /// Forgets those that nothing refers to any more.
    pub fn prune(&mut self) {
        self.0.retain(|text| Str::strong_count(text) > 1);
        self.0.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_as_long_as_something_has_it() {
        let mut texts = Texts::default();
        let attributes = || BTreeMap::from([(Str::from("stickiness.enabled"), Str::from("false"))]);
        let (mut first, mut second) = (attributes(), attributes());
        texts.share_map(&mut first);
        texts.share_map(&mut second);
        assert_eq!(second, attributes(), "they say what they said");
        let texts_of = |map: &BTreeMap<Str, Str>| {
            let mut texts = map.iter().flat_map(|(key, value)| [key.as_ptr(), value.as_ptr()]);
            [texts.next(), texts.next()]
        };
        assert_eq!(texts_of(&first), texts_of(&second));

        drop(first);
        texts.prune();
        assert_eq!(texts.0.len(), 2, "the second has them");
        drop(second);
        texts.prune();
        assert_eq!(texts.0.len(), 0);
    }
}
