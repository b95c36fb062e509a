//! Manifests with something wrong in them: valid ones, changed at random in ways that reach past the parser.

// Every index comes from a range over what it indexes.
#![allow(clippy::indexing_slicing)]

use std::path::Path;

use fastrand::Rng;

/// What is put in place of a value.
const VALUES: [&str; 44] = [
    "",
    "~",
    "null",
    "true",
    "yes",
    "0",
    "-1",
    "1",
    "65535",
    "65536",
    "2147483648",
    "9223372036854775807",
    "18446744073709551616",
    "1e400",
    "1.5",
    "80.0",
    "0x1F",
    "010",
    ".inf",
    ".nan",
    "''",
    "\"\"",
    "[]",
    "{}",
    "[[]]",
    "{a: b}",
    "- a",
    "*x",
    "&x y",
    "!!int x",
    "!tag x",
    "|",
    ">-",
    "\"\\ud800\"",
    "'\u{1F600}'",
    "a.b/c",
    "*",
    "Prefix",
    "Exact",
    "RegularExpression",
    "/a/../b",
    "%2F",
    "1h1m1s1ms",
    "default",
];

/// What is put somewhere in the text.
const PIECES: [&str; 24] = [
    "\n---\n",
    "\n...\n",
    "\n--- {",
    ": ",
    "- ",
    "#",
    "\t",
    "\r\n",
    "\0",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    "<<: ",
    "&a ",
    "*a",
    "%YAML 1.2\n",
    "? ",
    "|2-\n",
];

/// Makes mutants of a set of manifests.
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    rng: Rng,
}

impl Mutator {
    /// Reads every `.yaml` file below `roots`. The same seed gives the same mutants.
    pub fn new(roots: &[&Path], seed: u64) -> std::io::Result<Self> {
        let mut files = Vec::new();
        for root in roots {
            collect(root, &mut files)?;
        }
        files.sort();
        let seeds = files.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            seeds,
            rng: Rng::with_seed(seed),
        })
    }

    /// The manifests it starts from.
    pub fn seeds(&self) -> &[Vec<u8>] {
        &self.seeds
    }

    /// The next mutant: one manifest, or two joined, with one to eight changes.
    pub fn mutant(&mut self) -> Vec<u8> {
        let mut text = self.pick_seed();
        if self.rng.u8(..8) == 0 {
            text.extend_from_slice(b"\n---\n");
            text.extend(self.pick_seed());
        }
        let most = self.rng.usize(1..=6);
        for _ in 0..self.rng.usize(1..=most) {
            self.change(&mut text);
        }
        text.truncate(64 << 10);
        text
    }

    fn pick_seed(&mut self) -> Vec<u8> {
        let index = self.rng.usize(..self.seeds.len());
        self.seeds[index].clone()
    }

    fn change(&mut self, text: &mut Vec<u8>) {
        if text.is_empty() {
            text.extend_from_slice(b"a: b\n");
        }
        let at = self.rng.usize(..text.len());
        match self.rng.u8(..12) {
            0 => text[at] = self.rng.u8(..),
            1 => text[at] ^= 1 << self.rng.u8(..8),
            2 => {
                let end = (at + self.rng.usize(1..=16)).min(text.len());
                text.drain(at..end);
            }
            3 => insert(text, at, PIECES[self.rng.usize(..PIECES.len())].as_bytes()),
            4 | 5 => self.replace_value(text, at),
            6 => self.line(text, at, LineChange::Delete),
            7 => self.line(text, at, LineChange::Duplicate),
            8 => self.line(text, at, LineChange::Indent),
            9 => self.line(text, at, LineChange::Outdent),
            10 => {
                // A stretch of another manifest.
                let other = self.pick_seed();
                let from = self.rng.usize(..other.len());
                let to = (from + self.rng.usize(1..=200)).min(other.len());
                insert(text, at, &other[from..to]);
            }
            _ => {
                let unit = PIECES[self.rng.usize(..PIECES.len())];
                insert(text, at, unit.repeat(self.rng.usize(1..=300)).as_bytes());
            }
        }
    }

    /// Replaces what follows the next colon on the line.
    fn replace_value(&mut self, text: &mut Vec<u8>, at: usize) {
        let Some(colon) = text[at..]
            .iter()
            .position(|byte| *byte == b':')
            .map(|found| at + found + 1)
        else {
            return;
        };
        let end = text[colon..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(text.len(), |found| colon + found);
        let value = VALUES[self.rng.usize(..VALUES.len())];
        text.splice(colon..end, format!(" {value}").into_bytes());
    }

    fn line(&mut self, text: &mut Vec<u8>, at: usize, change: LineChange) {
        let start = text[..at]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |found| found + 1);
        let end = text[at..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(text.len(), |found| at + found + 1);
        match change {
            LineChange::Delete => {
                text.drain(start..end);
            }
            LineChange::Duplicate => {
                let line = text[start..end].to_vec();
                insert(text, start, &line);
            }
            LineChange::Indent => insert(text, start, &b"    "[..self.rng.usize(1..=4)]),
            LineChange::Outdent => {
                let spaces = text[start..end].iter().take_while(|byte| **byte == b' ').count();
                text.drain(start..start + spaces.min(2));
            }
        }
    }
}

enum LineChange {
    Delete,
    Duplicate,
    Indent,
    Outdent,
}

fn insert(text: &mut Vec<u8>, at: usize, piece: &[u8]) {
    text.splice(at..at, piece.iter().copied());
}

fn collect(root: &Path, files: &mut Vec<std::path::PathBuf>) -> std::io::Result<()> {
    if root.is_file() {
        files.push(root.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(root)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    Ok(())
}

/// What must hold for every input, whatever it is. The error says what did not.
pub fn check(validator: &gatewright_validation::Validator, input: &[u8]) -> Result<Counts, String> {
    use gatewright_validation::{Bundle, Channel, Code, Diagnostic};
    let loaded = validator.load("mutant.yaml", input);
    let lines = input.split(|byte| *byte == b'\n').count() + 1;
    for diagnostic in &loaded.diagnostics {
        let text = diagnostic.to_string();
        if text.len() > 8 << 10 {
            return Err(format!("a diagnostic of {} bytes", text.len()));
        }
        if diagnostic
            .position
            .is_some_and(|position| position.line as usize > lines || position.line == 0)
        {
            return Err(format!("a place outside the file of {lines} lines: {text}"));
        }
    }
    // What was accepted is accepted again, and unchanged: defaults and conversion have nothing left to do. What was valid
    // in the release before alone may break a rule that came since, and no more than that.
    let older = loaded
        .diagnostics
        .iter()
        .any(|diagnostic| diagnostic.code == Code::OlderRelease);
    let newest = validator.bundle() == Bundle::V1_7_0 && validator.channel() == Channel::Experimental;
    for object in loaded
        .objects
        .iter()
        .filter(|object| newest && object.written_version == object.gvk.version)
    {
        let again = validator.load("again.json", object.value.to_string().as_bytes());
        match again.objects.as_slice() {
            [same] if same.value == object.value => {}
            [other] => return Err(format!("not stable: {} became {}", object.value, other.value)),
            [] if older
                && again
                    .diagnostics
                    .iter()
                    .all(|found| found.code == Code::RuleFailed) => {}
            _ => {
                let found: Vec<String> = again.diagnostics.iter().map(Diagnostic::to_string).collect();
                return Err(format!("accepted, then refused: {}: {found:?}", object.value));
            }
        }
    }
    Ok(Counts {
        objects: loaded.objects.len(),
        skipped: loaded.skipped.values().sum(),
        codes: loaded
            .diagnostics
            .iter()
            .map(|diagnostic| diagnostic.code)
            .collect(),
    })
}

/// What one input gave.
pub struct Counts {
    /// Objects accepted.
    pub objects: usize,
    /// Objects of other kinds.
    pub skipped: usize,
    /// The code of every diagnostic.
    pub codes: Vec<gatewright_validation::Code>,
}
