//! From events to values: anchors, merge keys, duplicate keys, and every bound of a document.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::positions::{Parts, PositionTree};
use super::{Limits, TextFinding};
use crate::diagnostic::{Code, Position};

/// A place in the part that is being read: line from 1, column from 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    line: usize,
    column: usize,
}

impl At {
    pub(super) fn new(line: usize, column: usize) -> Self {
        Self { line, column }
    }

    pub(super) fn of(marker: &saphyr_parser::Marker) -> Self {
        Self {
            line: marker.line(),
            column: marker.col(),
        }
    }
}

/// A mapping key.
pub(super) enum Key {
    /// A name.
    Name(String),
    /// `<<`: the value is merged into the mapping (yaml.org/type/merge.html).
    Merge,
}

/// A document that was read to its end.
pub(super) struct Built {
    pub(super) value: Value,
    pub(super) start: Position,
    pub(super) positions: Option<PositionTree>,
    /// Keys that stand twice in one mapping; the last one counts.
    pub(super) duplicates: Vec<(Position, String)>,
}

/// A value with what it costs to copy it.
#[derive(Clone)]
struct Node {
    value: Value,
    positions: Option<PositionTree>,
    nodes: usize,
    bytes: usize,
}

struct Frame {
    start: Position,
    anchor: usize,
    nodes: usize,
    bytes: usize,
    kind: FrameKind,
}

enum FrameKind {
    Sequence {
        items: Vec<Value>,
        positions: Vec<PositionTree>,
    },
    Mapping {
        entries: Map<String, Value>,
        merged: BTreeSet<String>,
        key: Option<(Key, Position)>,
        positions: Entries,
    },
}

type Entries = HashMap<String, (Position, PositionTree)>;

/// Builds the documents of one part.
pub(super) struct Builder<'a> {
    limits: &'a Limits,
    line_offset: u32,
    track: Track,
    stack: Vec<Frame>,
    root: Option<(Node, Position)>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    bytes: usize,
    failed: bool,
    duplicates: Vec<(Position, String)>,
    pub(super) documents: Vec<Built>,
    pub(super) findings: Vec<TextFinding>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Track {
    Values,
    Positions,
}

impl<'a> Builder<'a> {
    pub(super) fn new(limits: &'a Limits, line_offset: u32) -> Self {
        Self {
            limits,
            line_offset,
            track: Track::Values,
            stack: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            nodes: 0,
            bytes: 0,
            failed: false,
            duplicates: Vec::new(),
            documents: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Keeps the position of every value, not only of the document.
    pub(super) fn tracking_positions(mut self) -> Self {
        self.track = Track::Positions;
        self
    }

    /// True once something ended the part; `findings` says what.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    pub(super) fn fail(&mut self, code: Code, at: Option<At>, message: impl Into<String>) {
        self.failed = true;
        let position = at.map(|at| self.position(at));
        self.findings.push(TextFinding::error(code, position, message));
    }

    fn position(&self, at: At) -> Position {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position {
            line: self.line_offset.saturating_add(number(at.line)),
            column: number(at.column).saturating_add(1),
        }
    }

    /// True when the next scalar is a mapping key.
    pub(super) fn expects_key(&self) -> bool {
        matches!(
            self.stack.last().map(|frame| &frame.kind),
            Some(FrameKind::Mapping { key: None, .. })
        )
    }

    pub(super) fn key(&mut self, key: Key, at: At) {
        let position = self.position(at);
        if let Some(Frame {
            kind:
                FrameKind::Mapping {
                    entries,
                    merged,
                    key: slot,
                    ..
                },
            ..
        }) = self.stack.last_mut()
        {
            // Only explicit keys can clash: a merged one is there to be overridden.
            if let Key::Name(name) = &key
                && entries.contains_key(name)
                && !merged.contains(name)
                && self.duplicates.len() < self.limits.diagnostics
            {
                self.duplicates.push((position, shorten(name)));
            }
            *slot = Some((key, position));
        }
    }

    pub(super) fn scalar(&mut self, value: Value, at: At, anchor: usize) {
        let bytes = value.as_str().map_or(0, str::len);
        let position = self.position(at);
        let positions = (self.track == Track::Positions).then_some(PositionTree {
            at: position,
            parts: Parts::None,
        });
        let node = Node {
            value,
            positions,
            nodes: 1,
            bytes,
        };
        if self.charge(1, bytes, position) {
            self.remember(anchor, &node, position);
            self.place(node, position);
        }
    }

    pub(super) fn open_sequence(&mut self, at: At, anchor: usize) {
        self.open(
            at,
            anchor,
            FrameKind::Sequence {
                items: Vec::new(),
                positions: Vec::new(),
            },
        );
    }

    pub(super) fn open_mapping(&mut self, at: At, anchor: usize) {
        let kind = FrameKind::Mapping {
            entries: Map::new(),
            merged: BTreeSet::new(),
            key: None,
            positions: Entries::new(),
        };
        self.open(at, anchor, kind);
    }

    fn open(&mut self, at: At, anchor: usize, kind: FrameKind) {
        let start = self.position(at);
        if self.stack.len() >= self.limits.depth {
            let depth = self.limits.depth;
            self.fail(
                Code::TooDeep,
                Some(at),
                format!("nested deeper than {depth} levels"),
            );
            return;
        }
        if self.charge(1, 0, start) {
            self.stack.push(Frame {
                start,
                anchor,
                nodes: 1,
                bytes: 0,
                kind,
            });
        }
    }

    pub(super) fn close(&mut self) {
        let Some(frame) = self.stack.pop() else { return };
        let (value, parts) = match frame.kind {
            FrameKind::Sequence { items, positions } => (Value::Array(items), Parts::Items(positions)),
            FrameKind::Mapping {
                entries, positions, ..
            } => (Value::Object(entries), Parts::Entries(positions)),
        };
        let positions = (self.track == Track::Positions).then_some(PositionTree {
            at: frame.start,
            parts,
        });
        let node = Node {
            value,
            positions,
            nodes: frame.nodes,
            bytes: frame.bytes,
        };
        self.remember(frame.anchor, &node, frame.start);
        self.place(node, frame.start);
    }

    pub(super) fn alias(&mut self, anchor: usize, at: At) {
        let position = self.position(at);
        let Some((nodes, bytes)) = self.anchors.get(&anchor).map(|node| (node.nodes, node.bytes)) else {
            self.fail(
                Code::MalformedYaml,
                Some(at),
                "an alias that stands inside the value it refers to",
            );
            return;
        };
        // Paid for before it is copied: a few lines of aliases of aliases can stand for billions of values.
        if self.charge(nodes, bytes, position)
            && let Some(node) = self.anchors.get(&anchor).cloned()
        {
            self.place(node, position);
        }
    }

    pub(super) fn alias_key(&mut self, anchor: usize, at: At) {
        let key = self
            .anchors
            .get(&anchor)
            .and_then(|node| super::scalar::key(&node.value));
        match key {
            Some(key) => self.key(Key::Name(key), at),
            None => self.fail(Code::MalformedYaml, Some(at), "a mapping key must be a scalar"),
        }
    }

    pub(super) fn end_document(&mut self) {
        self.stack.clear();
        self.anchors.clear();
        self.nodes = 0;
        self.bytes = 0;
        let duplicates = std::mem::take(&mut self.duplicates);
        if let Some((node, start)) = self.root.take()
            && !node.value.is_null()
        {
            self.documents.push(Built {
                value: node.value,
                start,
                positions: node.positions,
                duplicates,
            });
        }
    }

    /// Counts what a document holds. False, and the part fails, when it is too much.
    fn charge(&mut self, nodes: usize, bytes: usize, position: Position) -> bool {
        self.nodes = self.nodes.saturating_add(nodes);
        self.bytes = self.bytes.saturating_add(bytes);
        let message = if self.nodes > self.limits.nodes {
            format!(
                "the document holds more than {} values, aliases expanded",
                self.limits.nodes
            )
        } else if self.bytes > self.limits.expanded_bytes {
            format!(
                "the document holds more than {} bytes, aliases expanded",
                self.limits.expanded_bytes
            )
        } else {
            return true;
        };
        if !self.failed {
            self.failed = true;
            self.findings
                .push(TextFinding::error(Code::TooManyNodes, Some(position), message));
        }
        false
    }

    fn remember(&mut self, anchor: usize, node: &Node, position: Position) {
        if anchor > 0 && self.charge(node.nodes, node.bytes, position) {
            self.anchors.insert(anchor, node.clone());
        }
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, node: Node, position: Position) {
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some((node, position));
            return;
        };
        frame.nodes = frame.nodes.saturating_add(node.nodes);
        frame.bytes = frame.bytes.saturating_add(node.bytes);
        let mut bad_merge = false;
        match &mut frame.kind {
            FrameKind::Sequence { items, positions } => {
                items.push(node.value);
                positions.extend(node.positions);
            }
            FrameKind::Mapping {
                entries,
                merged,
                key,
                positions,
            } => match key.take() {
                Some((Key::Name(name), at)) => {
                    if let Some(tree) = node.positions {
                        positions.insert(name.clone(), (at, tree));
                    }
                    frame.bytes = frame.bytes.saturating_add(name.len());
                    self.bytes = self.bytes.saturating_add(name.len());
                    if !merged.is_empty() {
                        merged.remove(&name);
                    }
                    entries.insert(name, node.value);
                }
                Some((Key::Merge, _)) => bad_merge = !merge(entries, merged, positions, node),
                None => {}
            },
        }
        if bad_merge {
            self.failed = true;
            self.findings.push(TextFinding::error(
                Code::MalformedYaml,
                Some(position),
                "map merge requires a mapping or a sequence of mappings as the value",
            ));
        }
    }
}

/// Merges a mapping, or a sequence of them with the first one winning, as kubectl does: what is merged replaces what
/// stands before the merge key and yields to what stands after it.
fn merge(
    entries: &mut Map<String, Value>,
    merged: &mut BTreeSet<String>,
    positions: &mut Entries,
    node: Node,
) -> bool {
    let mut add = |value: Value, tree: Option<PositionTree>| {
        let Value::Object(map) = value else { return false };
        for (key, value) in map {
            merged.insert(key.clone());
            entries.insert(key, value);
        }
        if let Some(PositionTree {
            parts: Parts::Entries(parts),
            ..
        }) = tree
        {
            positions.extend(parts);
        }
        true
    };
    match node.value {
        value @ Value::Object(_) => add(value, node.positions),
        Value::Array(items) => {
            let mut trees: Vec<Option<PositionTree>> = match node.positions {
                Some(PositionTree {
                    parts: Parts::Items(trees),
                    ..
                }) => trees.into_iter().map(Some).collect(),
                _ => Vec::new(),
            };
            trees.resize(items.len(), None);
            items
                .into_iter()
                .zip(trees)
                .rev()
                .all(|(value, tree)| add(value, tree))
        }
        _ => false,
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}
