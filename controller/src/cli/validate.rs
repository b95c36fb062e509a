//! `gatewright validate`: every error and warning, as the API server would find them.

use super::ValidateArgs;
use super::exit::Exit;
use super::options::Output;
use crate::input::world::{Look, Problem, World};
use crate::output::{count, problems, yaml};
use anyhow::Result;
use gatewright_validation::Mode;
use serde_json::json;
use std::io::Write;

/// Runs the command.
pub fn run(args: &ValidateArgs, out: &mut dyn Write) -> Result<Exit> {
    let schema = &args.input.schema;
    let mut world = World::new(
        args.input.paths.clone(),
        schema.validator(Mode::Strict),
        schema.bounds(),
    );
    let look = world.look();
    let objects = world.objects();
    let (errors, warnings) = problems::count(&look.diagnostics);
    let document = || {
        json!({
            "bundle": schema.bundle.to_string(),
            "channel": schema.channel.to_string(),
            "valid": errors == 0,
            "objects": objects,
            "skipped": look.skipped,
            "errors": errors,
            "warnings": warnings,
            "problems": look.diagnostics.iter().map(Problem::to_json).collect::<Vec<_>>(),
        })
    };
    match args.output {
        Output::Json => writeln!(out, "{:#}", document())?,
        Output::Yaml => write!(out, "{}", yaml(&document())?)?,
        Output::Table => text(&look, objects, out)?,
    }
    Ok(problems::exit(&look.diagnostics))
}

fn text(look: &Look, objects: usize, out: &mut dyn Write) -> Result<()> {
    problems::print(&look.diagnostics, out)?;
    let (errors, warnings) = problems::count(&look.diagnostics);
    write!(
        out,
        "{}, {}, {}",
        count(objects, "valid object"),
        count(errors, "error"),
        count(warnings, "warning")
    )?;
    if !look.skipped.is_empty() {
        let kinds: Vec<String> = look
            .skipped
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        write!(out, "; skipped, not ours: {}", kinds.join(", "))?;
    }
    writeln!(out)?;
    Ok(())
}
