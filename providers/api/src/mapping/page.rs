//! `docs/aws/mapping.md`.

use super::words::Words;
use super::{Becomes, Row};
use crate::provider::Provider;
use crate::support::Support;
use std::fmt::Write as _;

const HEAD: &str = "# Gateway API on AWS, field by field

Generated from the tables in `providers/api/src/mapping` and the capability tables; `cargo xtask docs` rewrites it.

**yes**: as the Gateway API says. **≈**: served, with the difference that is told. **no**: refused with a condition on the
object that has the field, or on its Gateway. **controller**: decided before AWS is asked for anything. A row stands for all
fields below its own that have no row. *Shown by* names goldens below `providers/aws/core/goldens`: manifests, and what they
become. Settings that the Gateway API has no field for are in the [parameters](../parameters.md#awsloadbalancerparameters).
";

/// The page of all providers of AWS that have a table.
pub fn aws() -> String {
    let mut text = String::from(HEAD);
    for provider in [Provider::AwsAlb, Provider::AwsNlb, Provider::AwsLattice] {
        if let Some(rows) = provider.mapping() {
            let _ = write!(
                text,
                "\n## {}\n\nClass: `{}`\n",
                provider.title(),
                provider.controller_name()
            );
            let mut kind = "";
            for row in rows {
                if row.kind != kind {
                    kind = row.kind;
                    let _ = write!(
                        text,
                        "\n### {kind} ({})\n\n| field | | what becomes of it | shown by |\n|---|---|---|---|\n",
                        provider.title()
                    );
                }
                text.push_str(&line(provider, row));
            }
        }
    }
    text
}

fn line(provider: Provider, row: &Row) -> String {
    let field = match row.field.split_once(" = ") {
        Some((path, value)) => format!("`{path}`: `{value}`"),
        None => format!("`{}`", row.field),
    };
    let (mark, what) = words(provider, row);
    let proofs: Vec<String> = row.proofs.iter().map(|proof| format!("`{proof}`")).collect();
    format!("| {field} | {mark} | {what} | {} |\n", proofs.join(", "))
}

/// The verdict, and what becomes of a field.
fn words(provider: Provider, row: &Row) -> (&'static str, String) {
    let refusal = |why: &str, instead: &str| match instead {
        "" => why.to_owned(),
        instead => format!("{why}; {instead}"),
    };
    let supports = row.features().iter().map(|feature| provider.support(*feature));
    match row.becomes {
        Becomes::Controller(how) => ("controller", how.to_owned()),
        Becomes::Refused(Words { why, instead }) => ("**no**", refusal(why, instead)),
        Becomes::Roughly { api, difference } => ("≈", format!("{api}. Difference: {difference}")),
        Becomes::Unsupported(_) => {
            let mut reasons: Vec<String> = Vec::new();
            for support in supports {
                if let Support::None { why, instead } = support {
                    let reason = refusal(why, instead);
                    if !reasons.contains(&reason) {
                        reasons.push(reason);
                    }
                }
            }
            ("**no**", reasons.join("; "))
        }
        Becomes::Field { api, .. } => {
            let mut differences: Vec<&str> = Vec::new();
            for support in supports {
                if let Support::Approximate { difference } = support
                    && !differences.contains(&difference)
                {
                    differences.push(difference);
                }
            }
            if differences.is_empty() {
                ("yes", api.to_owned())
            } else {
                ("≈", format!("{api}. Difference: {}", differences.join("; ")))
            }
        }
    }
}
