//! `gatewright translate`: every object with its computed status, or the model.

use super::TranslateArgs;
use super::exit::Exit;
use super::options::TranslateOutput;
use crate::offline::Offline;
use crate::output::{conditions, problems, table, yaml};
use anyhow::{Context, Result};
use gatewright_model::LoadBalancer;
use serde_json::{Value, json};
use std::io::Write;

/// Runs the command. Problems with the input go to standard error, so that the output can be piped.
pub fn run(args: &TranslateArgs, out: &mut dyn Write) -> Result<Exit> {
    let now = args.now.unwrap_or_else(jiff::Timestamp::now);
    let offline = Offline::load(&args.input, super::external_names(args.allow_external_name), now)?;
    problems::print(&offline.problems, &mut anstream::stderr().lock())?;
    match args.output {
        TranslateOutput::Yaml => {
            for (index, object) in offline.objects().enumerate() {
                if index > 0 {
                    writeln!(out, "---")?;
                }
                write!(out, "{}", yaml(&object).context("writing YAML")?)?;
            }
        }
        TranslateOutput::Json => {
            let items: Vec<Value> = offline.objects().collect();
            writeln!(
                out,
                "{:#}",
                json!({"apiVersion": "v1", "kind": "List", "items": items})
            )?;
        }
        TranslateOutput::Table => {
            let rows: Vec<_> = offline
                .objects()
                .flat_map(|object| conditions::rows(&object))
                .collect();
            writeln!(out, "{}", table::text(&table::conditions(&rows)))?;
        }
        TranslateOutput::Model => {
            let balancers: Vec<&LoadBalancer> = offline.balancers().map(|balancer| &**balancer).collect();
            write!(out, "{}", yaml(&balancers)?)?;
        }
    }
    Ok(problems::exit(&offline.problems))
}
