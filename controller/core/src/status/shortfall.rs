//! What a provider cannot express of a load balancer, as conditions tell it.
//!
//! Of a route the rest is served: rules that are not are named in `PartiallyInvalid`, and a route of which none is
//! left is not accepted (`UnsupportedValue`). What is served roughly is told in a condition of our own.

use crate::graph::route::Rules;
use crate::translate::{Refusal, join};
use gatewright_crds::constants::route::reason;
use gatewright_model::key::{ListenerKey, RouteKey};
use gatewright_model::unsupported::{Place, Unsupported};
use std::collections::{BTreeMap, BTreeSet};

/// Our own condition of routes and Gateways: something is served, but not quite as written. Only present when true.
pub const APPROXIMATED: &str = "gatewright.dev/Approximated";

/// Our own condition of Gateways: something of the Gateway itself, its policies or its backends is not served. Only
/// present when true.
pub const UNSUPPORTED: &str = "gatewright.dev/Unsupported";

/// Reason of both.
pub const BY_PROVIDER: &str = "LimitOfProvider";

/// What a provider cannot express of one load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shortfall {
    routes: BTreeMap<RouteKey, Vec<Unsupported>>,
    listeners: BTreeMap<ListenerKey, Vec<Unsupported>>,
    others: Vec<Unsupported>,
}

/// What it means for one route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteShortfall {
    /// `Accepted=False`: nothing is left of it.
    pub refused: Option<Refusal>,
    /// Rules that are not served while others are, each with the reason.
    pub dropped: Vec<String>,
    /// What is served roughly.
    pub approximated: Vec<String>,
}

impl Shortfall {
    /// Sorts items by what they are about.
    pub fn of(items: impl IntoIterator<Item = Unsupported>) -> Self {
        let mut found = Self::default();
        for item in items {
            match item.place() {
                Place::Match(route, ..) | Place::Rule(route, _) | Place::Route(route) => {
                    found.routes.entry(route).or_default().push(item);
                }
                Place::Listener(listener) => found.listeners.entry(listener).or_default().push(item),
                Place::Elsewhere => found.others.push(item),
            }
        }
        found
    }

    /// All items.
    pub fn items(&self) -> impl Iterator<Item = &Unsupported> {
        let routes = self.routes.values().flatten();
        routes
            .chain(self.listeners.values().flatten())
            .chain(&self.others)
    }

    /// Routes with items that differ from those of `other`.
    pub fn routes_that_differ<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a RouteKey> {
        let all: BTreeSet<&RouteKey> = self.routes.keys().chain(other.routes.keys()).collect();
        all.into_iter()
            .filter(|route| self.routes.get(*route) != other.routes.get(*route))
    }

    /// Routes with items.
    pub fn routes(&self) -> impl Iterator<Item = &RouteKey> {
        self.routes.keys()
    }

    /// Why a listener is not served, in words.
    pub fn listener(&self, listener: &ListenerKey) -> Option<String> {
        let items = self.listeners.get(listener)?;
        let refused: Vec<String> = items.iter().filter(|item| !item.approximated).map(text).collect();
        let total = refused.len();
        (total > 0).then(|| join(refused.into_iter(), total))
    }

    /// What of the Gateway itself, its listeners, policies and backends is not served, or only roughly, in words.
    pub fn gateway(&self, approximated: Approximated) -> Option<String> {
        let listeners = self.listeners.values().flatten();
        let items: Vec<String> = self
            .others
            .iter()
            .chain(listeners)
            .filter(|item| item.approximated == (approximated == Approximated::Yes))
            .map(text)
            .collect();
        let total = items.len();
        (total > 0).then(|| join(items.into_iter(), total))
    }

    /// What the items of a route mean for it. `rules` are those that could be served.
    pub fn route(&self, route: &RouteKey, rules: Option<&Rules>) -> RouteShortfall {
        let Some(items) = self.routes.get(route) else {
            return RouteShortfall::default();
        };
        let mut found = RouteShortfall::default();
        let mut whole = false;
        let mut rules_gone: BTreeSet<u32> = BTreeSet::new();
        let mut matches_gone: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for item in items {
            let what = format!("{}: {}", item.field, why(item));
            if item.approximated {
                found.approximated.push(what);
                continue;
            }
            match item.place() {
                Place::Match(_, rule, at) => {
                    matches_gone.entry(rule).or_default().insert(at);
                    found.dropped.push(format!("{rule}, match {at}: {what}"));
                }
                Place::Rule(_, rule) => {
                    rules_gone.insert(rule);
                    found.dropped.push(format!("{rule}: {what}"));
                }
                _ => {
                    whole = true;
                    found.dropped.push(what);
                }
            }
        }
        let gone = |index: u32, matches: usize| {
            let lost = matches_gone.get(&index).map_or(0, BTreeSet::len);
            rules_gone.contains(&index) || (lost > 0 && lost >= matches)
        };
        let nothing_left = match rules {
            // A stream route is one rule.
            None | Some(Rules::Stream(_)) => !found.dropped.is_empty(),
            Some(Rules::Http(rules)) => rules.iter().all(|rule| gone(rule.index, rule.matches.len())),
        };
        if !found.dropped.is_empty() && (whole || nothing_left) {
            let total = found.dropped.len();
            let parts = std::mem::take(&mut found.dropped).into_iter();
            found.refused = Some(Refusal {
                reason: reason::UNSUPPORTED_VALUE,
                message: join(parts, total),
            });
            found.approximated = Vec::new();
        }
        found
    }
}

/// Which items are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approximated {
    /// What is served roughly.
    Yes,
    /// What is not served.
    No,
}

fn text(item: &Unsupported) -> String {
    format!("{}: {}: {}", item.object, item.field, why(item))
}

fn why(item: &Unsupported) -> String {
    if item.alternative.is_empty() {
        item.why.to_string()
    } else {
        format!("{}; {}", item.why, item.alternative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_model::key::{ObjectName, RouteKind};
    use gatewright_model::route::{HttpMatch, HttpRule, PathMatch, Timeouts};
    use std::sync::Arc;

    fn key() -> RouteKey {
        RouteKey {
            kind: RouteKind::Http,
            object: ObjectName::new("n", "r"),
        }
    }

    fn rules(matches: &[usize]) -> Rules {
        let each = matches.iter().enumerate().map(|(index, count)| {
            let one = HttpMatch {
                path: PathMatch::Prefix("/".into()),
                method: None,
                headers: Vec::new(),
                query: Vec::new(),
            };
            Arc::new(HttpRule {
                index: index as u32,
                name: None,
                matches: vec![one; *count],
                filters: Vec::new(),
                backends: Vec::new(),
                timeouts: Timeouts::default(),
                retry: None,
                session_persistence: None,
                fault: None,
            })
        });
        Rules::Http(each.collect())
    }

    fn found(fields: &[(&str, bool)], matches: &[usize]) -> RouteShortfall {
        let items = fields.iter().map(|(field, approximated)| Unsupported {
            object: "HTTPRoute n/r".into(),
            field: (*field).into(),
            why: "no".into(),
            alternative: "".into(),
            approximated: *approximated,
        });
        Shortfall::of(items).route(&key(), Some(&rules(matches)))
    }

    #[test]
    fn a_rule_that_is_not_served_is_named_while_others_are() {
        let found = found(&[("spec.rules[1].filters[0]", false)], &[1, 1]);
        assert_eq!(found.refused, None);
        assert_eq!(found.dropped, ["1: spec.rules[1].filters[0]: no"]);
    }

    #[test]
    fn a_rule_is_gone_when_all_of_its_matches_are() {
        let one = [("spec.rules[0].matches[0].query", false)];
        assert_eq!(found(&one, &[2]).refused, None, "the other match is served");
        let both = [
            ("spec.rules[0].matches[0].query", false),
            ("spec.rules[0].matches[1].query", false),
        ];
        let found = found(&both, &[2]);
        assert_eq!(found.refused.unwrap().reason, "UnsupportedValue");
        assert!(found.dropped.is_empty());
    }

    #[test]
    fn a_route_item_refuses_all_of_it_and_an_approximation_nothing() {
        assert!(found(&[("spec", false)], &[1, 1]).refused.is_some());
        let rough = found(&[("spec.rules[0].matches[0].headers[k]", true)], &[1]);
        assert_eq!(rough.refused, None);
        assert_eq!(rough.approximated, ["spec.rules[0].matches[0].headers[k]: no"]);
        assert!(rough.dropped.is_empty());
    }
}
