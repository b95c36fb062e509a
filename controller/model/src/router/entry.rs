//! One match in the index.

use super::condition::{Conditions, Lookup, Request, value_holds};
use crate::precedence::{MatchRank, PathRank};
use crate::route::{HttpMatch, HttpRoute, HttpRule};
use std::cmp::Ordering;
use std::sync::Arc;

/// One match of one rule, with what it leads to.
#[derive(Clone, Debug)]
pub(crate) struct Entry<P> {
    pub route: Arc<HttpRoute>,
    pub rule: Arc<HttpRule>,
    pub compiled: Option<Arc<Conditions>>,
    pub payload: P,
    pub path: PathRank,
    /// Position in the rule's matches.
    pub index: u32,
    /// Whether there are conditions other than the path's. Most matches have none, and knowing it
    /// here saves them the way to the rule.
    pub beyond_path: bool,
}

impl<P> Entry<P> {
    pub fn conditions(&self) -> Option<&HttpMatch> {
        self.rule.matches.get(self.index as usize)
    }

    fn rank(&self) -> MatchRank<'_> {
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let conditions = self.conditions();
        MatchRank {
            path: self.path,
            method: conditions.is_some_and(|m| m.method.is_some()),
            headers: conditions.map_or(0, |m| count(m.headers.len())),
            query: conditions.map_or(0, |m| count(m.query.len())),
            created: self.route.created,
            route: &self.route.key,
            rule: self.rule.index,
            match_index: self.index,
        }
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        self.rank().compare(&other.rank())
    }

    /// Whether the path meets this entry's regular expression.
    pub fn path_pattern_holds(&self, path: &str) -> bool {
        let pattern = self
            .compiled
            .as_deref()
            .and_then(|compiled| compiled.path.as_ref());
        matches!(pattern, Some(Ok(pattern)) if pattern.is_match(path.as_bytes()))
    }

    /// Whether everything except the path matches.
    pub fn holds<R: Request>(&self, lookup: &Lookup<'_, R>) -> bool {
        if !self.beyond_path {
            return true;
        }
        let Some(conditions) = self.conditions() else {
            return false;
        };
        if let Some(method) = &conditions.method
            && **method != *lookup.request.method()
        {
            return false;
        }
        let compiled = self.compiled.as_deref();
        for (i, header) in conditions.headers.iter().enumerate() {
            let found = lookup.request.header(&header.name);
            let pattern = compiled.and_then(|compiled| compiled.headers.get(i));
            if !value_holds(&header.value, pattern, found.as_deref()) {
                return false;
            }
        }
        for (i, parameter) in conditions.query.iter().enumerate() {
            let found = lookup.query().value(&parameter.name);
            let pattern = compiled.and_then(|compiled| compiled.query.get(i));
            if !value_holds(&parameter.value, pattern, found.as_deref()) {
                return false;
            }
        }
        true
    }
}
