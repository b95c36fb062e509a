//! Field paths: a list on the stack while walking, owned only once something is found.

use std::fmt::{self, Write as _};

/// One step from a value to a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A property of an object, `.name`.
    Field(Box<str>),
    /// A key of a map, `[key]`.
    Key(Box<str>),
    /// An item of a list, `[0]`.
    Index(usize),
}

/// An owned path, printed as the API server prints field paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathBuf(pub(crate) Vec<Step>);

impl PathBuf {
    /// Reads a path of properties and indexes, such as `spec.rules[0].name`. What is in brackets and no number is
    /// a key.
    pub(crate) fn parse(text: &str) -> Self {
        let mut steps = Vec::new();
        for part in text.split('.').filter(|part| !part.is_empty()) {
            let mut brackets = part.split('[');
            steps.extend(
                brackets
                    .next()
                    .filter(|name| !name.is_empty())
                    .map(|name| Step::Field(name.into())),
            );
            for bracket in brackets {
                let inside = bracket.trim_end_matches(']');
                steps.push(
                    inside
                        .parse()
                        .map_or_else(|_| Step::Key(inside.into()), Step::Index),
                );
            }
        }
        Self(steps)
    }
}

impl fmt::Display for PathBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) => {
                    if i > 0 {
                        f.write_char('.')?;
                    }
                    f.write_str(name)?;
                }
                Step::Key(key) => write!(f, "[{key}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A path under construction: each level of a recursive walk links to the one above it.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    /// The object itself.
    Root,
    /// A property.
    Field(&'a Path<'a>, &'a str),
    /// A map entry.
    Key(&'a Path<'a>, &'a str),
    /// A list item.
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    /// The property `name` below this path.
    pub(crate) fn field(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }

    /// The map entry `key` below this path.
    pub(crate) fn key(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }

    /// The list item `index` below this path.
    pub(crate) fn index(&'a self, index: usize) -> Path<'a> {
        Path::Index(self, index)
    }

    /// The owned form.
    pub(crate) fn owned(&self) -> PathBuf {
        let mut steps = Vec::new();
        let mut at = self;
        loop {
            match at {
                Path::Root => break,
                Path::Field(parent, name) => {
                    steps.push(Step::Field((*name).into()));
                    at = parent;
                }
                Path::Key(parent, key) => {
                    steps.push(Step::Key((*key).into()));
                    at = parent;
                }
                Path::Index(parent, index) => {
                    steps.push(Step::Index(*index));
                    at = parent;
                }
            }
        }
        steps.reverse();
        PathBuf(steps)
    }
}
