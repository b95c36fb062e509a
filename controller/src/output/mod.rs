//! What a person or a machine reads: problems, tables, Kubernetes YAML.

pub mod conditions;
pub mod problems;
pub mod style;
pub mod table;
