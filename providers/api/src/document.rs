//! The feature tables of the documentation, generated from the code.

use crate::feature::Feature;
use crate::provider::Provider;
use crate::support::Support;
use std::fmt::Write as _;

/// `docs/features.md`: what each provider serves, with every difference in words below the table.
pub fn features() -> String {
    let mut text = String::from(
        "# Features by provider\n\n\
         Generated from the capability tables in `providers/api`; `cargo xtask docs` rewrites it.\n\n\
         **yes**: as the Gateway API says. **≈**: served, with the difference named below. **no**: refused with a\n\
         condition that says why. This version serves the classes of the bundled proxy and of AWS (ALB, NLB, VPC Lattice); for the other\n\
         classes the tables say what their load balancers can express, and the standalone mode uses them for its notices.\n",
    );
    let mut group = "";
    for feature in Feature::ALL {
        if feature.group() != group {
            group = feature.group();
            let _ = write!(text, "\n## {group}\n\n| feature |");
            for provider in Provider::ALL {
                let _ = write!(text, " {} |", provider.title());
            }
            let _ = write!(text, "\n|---|{}\n", "---|".repeat(Provider::ALL.len()));
        }
        let _ = write!(text, "| {} |", feature.title());
        for provider in Provider::ALL {
            let mark = match provider.support(feature) {
                Support::Full => "yes",
                Support::Approximate { .. } => "≈",
                Support::None { .. } => "no",
            };
            let _ = write!(text, " {mark} |");
        }
        text.push('\n');
    }
    for provider in Provider::ALL
        .into_iter()
        .filter(|provider| *provider != Provider::Software)
    {
        let _ = write!(
            text,
            "\n## {}\n\nClass: `{}`\n\n",
            provider.title(),
            provider.controller_name()
        );
        for feature in Feature::ALL {
            match provider.support(feature) {
                Support::Full => {}
                Support::Approximate { difference } => {
                    let _ = writeln!(text, "- ≈ {}: {difference}", feature.title());
                }
                Support::None { why, .. } => {
                    let _ = writeln!(text, "- no {}: {why}", feature.title());
                }
            }
        }
    }
    text
}
