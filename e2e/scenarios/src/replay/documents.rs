//! Files cut into documents, as `kubectl` cuts them.

use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt;
use std::path::Path;

/// One document of a file.
#[derive(Clone, Debug)]
pub struct Document {
    /// Name of the file, below the folder it was read from.
    pub file: String,
    /// Which document of the file, from 1.
    pub number: usize,
    /// Its text, YAML or JSON.
    pub text: String,
    /// Whether it is the status of the object that is to be judged (`# subresource: status`).
    pub status: bool,
    /// What it says, if that much can be read.
    pub value: Option<Value>,
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, document {}", self.file, self.number)
    }
}

/// All documents of the YAML and JSON files below a folder, in the order of their names.
///
/// # Errors
/// When a file cannot be read.
pub fn read_folder(folder: &Path) -> Result<Vec<Document>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
            {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut documents = Vec::new();
    for path in files {
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.strip_prefix(folder).unwrap_or(&path);
        documents.extend(cut(&name.display().to_string(), &text));
    }
    Ok(documents)
}

/// The documents of one file; those without content are left out.
fn cut(file: &str, text: &str) -> Vec<Document> {
    let mut pieces = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if line.starts_with("---") && line.trim_end() == "---" {
            pieces.push(String::new());
        } else if let Some(piece) = pieces.last_mut() {
            piece.push_str(line);
        }
    }
    let has_content = |piece: &String| {
        let mut lines = piece.lines().map(str::trim);
        lines.any(|line| !line.is_empty() && !line.starts_with('#'))
    };
    pieces
        .into_iter()
        .filter(has_content)
        .enumerate()
        .map(|(index, text)| Document {
            file: file.to_owned(),
            number: index + 1,
            status: text.lines().any(|line| line == "# subresource: status"),
            value: serde_yaml_ng::from_str(&text).ok(),
            text,
        })
        .collect()
}

/// What a request needs to know of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) namespace: String,
}

impl Head {
    pub(super) fn of(object: &Value) -> Self {
        let text = |pointer: &str| {
            let found = object.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        Self {
            api_version: text("/apiVersion"),
            kind: text("/kind"),
            namespace: text("/metadata/namespace"),
        }
    }

    /// From the lines of a text that cannot be read as a whole.
    pub(super) fn scan(text: &str) -> Self {
        let of = |key: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(key));
            found.unwrap_or_default().trim().to_owned()
        };
        Self {
            api_version: of("apiVersion:"),
            kind: of("kind:"),
            namespace: of("  namespace:"),
        }
    }
}

impl Document {
    /// The objects in it: itself, or the items of a `List`.
    pub(super) fn heads(&self) -> Vec<Head> {
        match (&self.value, self.items()) {
            (_, Some(items)) => items.iter().map(Head::of).collect(),
            (Some(value), None) => vec![Head::of(value)],
            (None, None) => vec![Head::scan(&self.text)],
        }
    }

    /// The items, if it is a `List`.
    pub(super) fn items(&self) -> Option<&Vec<Value>> {
        let value = self.value.as_ref()?;
        let list = value.get("kind").and_then(Value::as_str) == Some("List");
        value.get("items").and_then(Value::as_array).filter(|_| list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_cut_at_markers_alone() {
        let text = "# nothing\n---\nkind: A\nx: |\n  ---\n---  \nkind: B\n--- \n\n---x\n";
        let documents = cut("f", text);
        let kinds: Vec<String> = documents
            .iter()
            .map(|found| found.heads()[0].kind.clone())
            .collect();
        assert_eq!(kinds, ["A", "B", ""]);
        assert_eq!(documents[1].to_string(), "f, document 2");
    }

    #[test]
    fn items_of_a_list_are_objects_of_their_own() {
        let text = "kind: List\napiVersion: v1\nitems: [{kind: A, metadata: {namespace: n}}, {kind: B}]\n";
        let heads = cut("f", text)[0].heads();
        assert_eq!(heads[0].namespace, "n");
        assert_eq!(heads[1].kind, "B");
    }

    #[test]
    fn what_cannot_be_read_is_scanned() {
        let text = "apiVersion: v1\nkind: A\nmetadata:\n  namespace: n\n  name: x\n  name: y\n";
        let heads = cut("f", text)[0].heads();
        assert_eq!((heads[0].kind.as_str(), heads[0].namespace.as_str()), ("A", "n"));
    }
}
