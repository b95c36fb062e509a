//! The path table of one hostname.

use super::condition::{Lookup, Request};
use super::entry::Entry;
use super::segments::{EMPTY, Steps, path_key, text_hash};
use super::shards::{Keep, Keyed, ShardMap};
use crate::Str;
use crate::key::RouteKey;
use crate::path::canonical_value;
use crate::precedence::{PathClass, prefix_key};
use crate::route::{PathMatch, RouteHost};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Matches of one hostname by path.
#[derive(Clone, Debug)]
pub(crate) struct HostTable<P> {
    host: RouteHost,
    paths: ShardMap<PathNode<P>>,
    /// gRPC methods of any service; few tables have one.
    methods: Option<Box<ShardMap<MethodNode<P>>>>,
    /// Bit `n` tells that some path with `n` segments was ever inserted, bit 63 stands for more.
    depths: u64,
    /// Most segments of any path ever inserted.
    deepest: u32,
    regexes: u32,
    entries: u32,
}

/// Matches that share host and path, first tried first; nearly always one.
type Entries<P> = SmallVec<[Entry<P>; 1]>;

/// What is known about one path: exact matches of it, regular expressions that begin with it, and
/// prefix matches of it; sorted, which puts them in just this order.
#[derive(Clone, Debug)]
struct PathNode<P> {
    key: Str,
    entries: Entries<P>,
    /// Where the regular expressions begin.
    regexes: u32,
    /// Where the prefixes begin.
    prefixes: u32,
}

impl<P: Clone> Keyed for PathNode<P> {
    type Key = str;

    fn key(&self) -> &str {
        &self.key
    }

    fn hash(key: &str) -> u64 {
        path_key(key).1
    }
}

impl<P> PathNode<P> {
    fn exact(&self) -> &[Entry<P>] {
        self.entries.get(..self.regexes as usize).unwrap_or_default()
    }

    fn regex(&self) -> &[Entry<P>] {
        self.entries
            .get(self.regexes as usize..self.prefixes as usize)
            .unwrap_or_default()
    }

    fn prefix(&self) -> &[Entry<P>] {
        self.entries.get(self.prefixes as usize..).unwrap_or_default()
    }

    fn recount(&mut self) {
        let border = |class: PathClass| self.entries.partition_point(|e| e.path.class < class) as u32;
        let (regexes, prefixes) = (border(PathClass::Regex), border(PathClass::Prefix));
        self.regexes = regexes;
        self.prefixes = prefixes;
    }
}

#[derive(Clone, Debug)]
struct MethodNode<P> {
    key: Str,
    entries: Entries<P>,
}

impl<P: Clone> Keyed for MethodNode<P> {
    type Key = str;

    fn key(&self) -> &str {
        &self.key
    }

    fn hash(key: &str) -> u64 {
        text_hash(key)
    }
}

/// Where an entry stands in the table.
enum Place<'a> {
    Path(Cow<'a, str>),
    Method(&'a str),
}

/// A match found in a table.
pub(crate) struct Hit<'a, P> {
    pub entry: &'a Entry<P>,
    pub prefix: Option<&'a str>,
}

fn insert_sorted<P>(entries: &mut Entries<P>, entry: Entry<P>) {
    let at = entries.partition_point(|other| other.compare(&entry).is_lt());
    entries.insert(at, entry);
}

impl<P> HostTable<P> {
    /// A table without matches.
    pub fn new(host: RouteHost) -> Self {
        Self {
            host,
            paths: ShardMap::default(),
            methods: None,
            depths: 0,
            deepest: 0,
            regexes: 0,
            entries: 0,
        }
    }

    /// The hostname.
    pub fn host(&self) -> &RouteHost {
        &self.host
    }
}

impl<P: Clone> HostTable<P> {
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    pub fn deepest(&self) -> usize {
        self.deepest as usize
    }

    fn place(path: &PathMatch) -> Place<'_> {
        match path {
            PathMatch::Exact(value) => Place::Path(canonical_value(value)),
            PathMatch::Prefix(value) => Place::Path(match canonical_value(value) {
                Cow::Borrowed(text) => Cow::Borrowed(prefix_key(text)),
                Cow::Owned(text) => Cow::Owned(prefix_key(&text).to_owned()),
            }),
            PathMatch::Regex(source) => Place::Path(Cow::Owned(anchor(source))),
            PathMatch::GrpcMethod(method) => Place::Method(method),
        }
    }

    pub fn insert(&mut self, entry: Entry<P>) {
        let Some(conditions) = entry.conditions() else {
            return;
        };
        let path = conditions.path.clone();
        self.entries += 1;
        if entry.path.class == PathClass::Regex {
            self.regexes += 1;
        }
        match Self::place(&path) {
            Place::Path(key) => {
                let (depth, _) = path_key(&key);
                self.depths |= 1 << depth.min(63);
                self.deepest = self.deepest.max(u32::try_from(depth).unwrap_or(u32::MAX));
                let make = || PathNode {
                    key: shared(&key, &path),
                    entries: Entries::new(),
                    regexes: 0,
                    prefixes: 0,
                };
                self.paths.change(&key, make, |node| {
                    insert_sorted(&mut node.entries, entry);
                    node.recount();
                });
            }
            Place::Method(method) => {
                let make = || MethodNode {
                    key: method.into(),
                    entries: Entries::new(),
                };
                self.methods
                    .get_or_insert_default()
                    .change(method, make, |node| insert_sorted(&mut node.entries, entry));
            }
        }
    }

    /// Removes the entries of a route that stand where `path` puts them.
    pub fn remove(&mut self, path: &PathMatch, route: &RouteKey) {
        let (mut entries, mut regexes) = (0, 0);
        let mut purge = |list: &mut Entries<P>| {
            list.retain(|entry| {
                let gone = entry.route.key == *route;
                entries += u32::from(gone);
                regexes += u32::from(gone && entry.path.class == PathClass::Regex);
                !gone
            });
            if list.is_empty() { Keep::No } else { Keep::Yes }
        };
        match Self::place(path) {
            Place::Path(key) => self.paths.change_existing(&key, |node| {
                let keep = purge(&mut node.entries);
                node.recount();
                keep
            }),
            Place::Method(method) => {
                if let Some(methods) = &mut self.methods {
                    methods.change_existing(method, |node| purge(&mut node.entries));
                    if methods.is_empty() {
                        self.methods = None;
                    }
                }
            }
        }
        self.entries -= entries;
        self.regexes -= regexes;
    }

    fn node(&self, depth: usize, hash: u64, key: &str) -> Option<&PathNode<P>> {
        if self.depths >> depth.min(63) & 1 == 0 {
            return None;
        }
        self.paths.get_hashed(hash, key)
    }

    fn root(&self) -> Option<&PathNode<P>> {
        self.node(0, EMPTY, "/")
    }

    /// The first match in the order of precedence whose conditions all hold.
    pub fn find<R: Request>(&self, lookup: &Lookup<'_, R>, steps: &Steps) -> Option<Hit<'_, P>> {
        let path = lookup.request.path();
        let part = |at: usize| path.get(..at).unwrap_or(path);

        if steps.complete {
            let node = match steps.steps.last() {
                Some(step) => self.node(steps.steps.len(), step.hash, part(step.at)),
                None => self.root(),
            };
            let exact = node.map(PathNode::exact).unwrap_or_default();
            if let Some(entry) = exact.iter().find(|entry| entry.holds(lookup)) {
                return Some(Hit { entry, prefix: None });
            }
        }
        if self.regexes > 0
            && let Some(entry) = self.find_regex(lookup, steps)
        {
            return Some(Hit { entry, prefix: None });
        }
        for (i, step) in steps.steps.iter().enumerate().rev() {
            let Some(node) = self.node(i + 1, step.hash, part(step.at)) else {
                continue;
            };
            if let Some(entry) = node.prefix().iter().find(|entry| entry.holds(lookup)) {
                let prefix = Some(&*node.key);
                return Some(Hit { entry, prefix });
            }
        }
        if let Some(methods) = &self.methods
            && let Some(node) = grpc_method(path).and_then(|method| methods.get(method))
            && let Some(entry) = node.entries.iter().find(|entry| entry.holds(lookup))
        {
            return Some(Hit { entry, prefix: None });
        }
        let entry = self.root()?.prefix().iter().find(|entry| entry.holds(lookup))?;
        let prefix = Some("/");
        Some(Hit { entry, prefix })
    }

    /// Walks the regular expressions whose literal beginning fits the path, in their order.
    fn find_regex<R: Request>(&self, lookup: &Lookup<'_, R>, steps: &Steps) -> Option<&Entry<P>> {
        let path = lookup.request.path();
        let mut lists: SmallVec<[&[Entry<P>]; 4]> = SmallVec::new();
        let part = |at: usize| path.get(..at).unwrap_or(path);
        let deeper = steps.steps.iter().enumerate();
        let nodes = deeper.filter_map(|(i, step)| self.node(i + 1, step.hash, part(step.at)));
        for node in self.root().into_iter().chain(nodes) {
            if !node.regex().is_empty() {
                lists.push(node.regex());
            }
        }
        loop {
            let heads = lists.iter_mut().filter(|list| !list.is_empty());
            let best = heads.min_by(|a, b| match (a.first(), b.first()) {
                (Some(a), Some(b)) => a.compare(b),
                _ => std::cmp::Ordering::Equal,
            })?;
            let (entry, rest) = best.split_first()?;
            *best = rest;
            if entry.path_pattern_holds(path) && entry.holds(lookup) {
                return Some(entry);
            }
        }
    }
}

/// Text of a key, shared with the route when it is the same.
fn shared(key: &str, path: &PathMatch) -> Str {
    match path {
        PathMatch::Exact(value) | PathMatch::Prefix(value) if **value == *key => value.clone(),
        _ => key.into(),
    }
}

/// The whole segments that every path matched by a pattern begins with; `/` when there are none or
/// the pattern does not compile.
fn anchor(source: &str) -> String {
    let literal = crate::pattern::literal_prefix(source);
    match literal.rfind('/') {
        Some(at) if at > 0 && literal.starts_with('/') => literal.get(..at).unwrap_or("/").to_owned(),
        _ => "/".to_owned(),
    }
}

/// Method of a gRPC path, `/{service}/{method}`.
pub(crate) fn grpc_method(path: &str) -> Option<&str> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    (!service.is_empty() && !method.is_empty() && !method.contains('/')).then_some(method)
}
