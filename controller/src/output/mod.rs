//! What a person or a machine reads: problems, tables, Kubernetes YAML.

pub mod conditions;
pub mod problems;
pub mod style;
pub mod table;
mod yaml;

pub use yaml::yaml;

/// `1 object`, `2 objects`.
pub fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn one_is_singular() {
        assert_eq!(
            [count(0, "error"), count(1, "error"), count(2, "error")],
            ["0 errors", "1 error", "2 errors"]
        );
    }
}
