//! Options that several commands share.

use crate::input::read::Bounds;
use clap::{Args, ValueEnum};
use gatewright_validation::{Limits, Mode, Validator};
use std::path::PathBuf;

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal only.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which CRDs the verdict follows.
#[derive(Args, Clone)]
pub struct SchemaOptions {
    /// Gateway API bundle whose CRDs decide: v1.6.3 or v1.7.0.
    #[arg(long, value_name = "VERSION", default_value = "v1.7.0")]
    pub bundle: gatewright_crds::bundle::Bundle,
    /// Channel of the bundle: standard or experimental.
    #[arg(long, value_name = "CHANNEL", default_value = "experimental")]
    pub channel: gatewright_crds::bundle::Channel,
    /// Largest manifest file that is read, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 32)]
    pub max_file_size: u64,
    /// Largest size of all manifest files together, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub max_total_size: u64,
}

impl SchemaOptions {
    /// A validator with the chosen verdicts and bounds.
    pub fn validator(&self, mode: Mode) -> Validator {
        let file = usize::try_from(self.bounds().file).unwrap_or(usize::MAX);
        Validator::new(self.bundle, self.channel, mode).with_limits(Limits {
            file_bytes: file,
            document_bytes: file,
            ..Limits::default()
        })
    }

    /// How much is read.
    pub const fn bounds(&self) -> Bounds {
        Bounds::mib(self.max_file_size, self.max_total_size)
    }
}

/// Input of the offline commands.
#[derive(Args, Clone)]
pub struct InputOptions {
    /// Folder, file, or `-` for standard input; repeatable.
    #[arg(long = "filename", short = 'f', required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Schema.
    #[command(flatten)]
    pub schema: SchemaOptions,
}

/// Formats of structured output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[value(alias = "text")]
    Table,
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// Formats of `translate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TranslateOutput {
    /// Kubernetes YAML with status.
    Yaml,
    /// A Kubernetes List in JSON, with status.
    Json,
    /// Conditions as a table.
    Table,
    /// The provider-neutral load balancers, as YAML.
    Model,
}

/// Formats of the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AccessLog {
    /// None.
    Off,
    /// One JSON object per line.
    Json,
    /// One readable line.
    Text,
}
