//! What Helm renders, as it is committed: without marks of Helm, in the order in which it is applied.

use anyhow::{Context, Result};
use serde::Deserialize as _;
use serde_json::Value;

/// Kinds in the order in which they are applied; others come last.
const ORDER: [&str; 8] = [
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "Service",
    "PodDisruptionBudget",
    "Deployment",
];

/// Lines that are true only of what Helm installs.
const MARKS: [&str; 3] = [
    "helm.sh/chart: ",
    "app.kubernetes.io/managed-by: Helm",
    "# Source: ",
];

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Kind, and name with namespace.
    pub key: String,
    /// YAML.
    pub text: String,
}

/// Takes Helm's output apart.
///
/// # Errors
/// When a part is no object.
pub fn split(rendered: &str) -> Result<Vec<Document>> {
    let mut found = Vec::new();
    for part in rendered.split("---\n") {
        let lines = part
            .lines()
            .filter(|line| !MARKS.iter().any(|mark| line.trim_start().starts_with(mark)));
        let text: String = lines.flat_map(|line| [line.trim_end(), "\n"]).collect();
        if text.lines().all(|line| line.is_empty() || line.starts_with('#')) {
            continue;
        }
        found.push(document(text)?);
    }
    found.sort_by_cached_key(|(kind, _)| {
        ORDER
            .iter()
            .position(|known| known == kind)
            .unwrap_or(ORDER.len())
    });
    Ok(found.into_iter().map(|(_, document)| document).collect())
}

fn document(text: String) -> Result<(String, Document)> {
    let object = Value::deserialize(serde_yaml_ng::Deserializer::from_str(&text))
        .with_context(|| format!("no YAML:\n{text}"))?;
    let field = |path: &str| object.pointer(path).and_then(Value::as_str);
    let kind = field("/kind").with_context(|| format!("no kind:\n{text}"))?;
    let name = field("/metadata/name").with_context(|| format!("no name:\n{text}"))?;
    let key = match field("/metadata/namespace") {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    };
    Ok((kind.to_owned(), Document { key, text }))
}

/// All objects as one file.
pub fn whole(documents: &[Document]) -> String {
    let texts: Vec<&str> = documents.iter().map(|document| document.text.as_str()).collect();
    texts.join("---\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_lose_the_marks_of_helm_and_are_sorted() {
        let rendered = "---\n# Source: a/b.yaml\nkind: Deployment\nmetadata:\n  name: b\n  namespace: n\n  labels:\n    \
                        helm.sh/chart: a-1\n    app.kubernetes.io/managed-by: Helm\n    x: y\n---\n# Source: a/c.yaml\n\
                        ---\nkind: ServiceAccount\nmetadata: {name: a}\n";
        let found = split(rendered).unwrap();
        assert_eq!(
            found
                .iter()
                .map(|document| document.key.as_str())
                .collect::<Vec<_>>(),
            ["ServiceAccount a", "Deployment n/b"]
        );
        assert_eq!(
            found[1].text,
            "kind: Deployment\nmetadata:\n  name: b\n  namespace: n\n  labels:\n    x: y\n"
        );
        assert!(split("---\nname: a\n").is_err());
    }
}
