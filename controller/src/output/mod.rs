//! What a person or a machine reads: problems, tables, Kubernetes YAML.

pub mod conditions;
pub mod problems;
pub mod style;
pub mod table;

/// `1 object`, `2 objects`.
pub fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// YAML without tags, which readers of plain data refuse: variants of enums become keys, as in JSON.
///
/// # Errors
/// The value cannot be written.
pub fn yaml(value: &impl serde::Serialize) -> anyhow::Result<String> {
    let plain = serde_json::to_value(value)?;
    Ok(serde_yaml_ng::to_string(&plain)?)
}

#[cfg(test)]
mod tests {
    use super::{count, yaml};
    use gatewright_model::route::PathMatch;

    #[test]
    fn variants_are_keys_and_not_tags() {
        assert_eq!(yaml(&PathMatch::Prefix("/a".into())).unwrap(), "Prefix: /a\n");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(
            [count(0, "error"), count(1, "error"), count(2, "error")],
            ["0 errors", "1 error", "2 errors"]
        );
    }
}
