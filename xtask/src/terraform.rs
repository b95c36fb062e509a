//! The modules of `terraform/`: read, formatted and documented always; validated and tested where Terraform or OpenTofu
//! and the provider's plugin are on this machine. Nothing is fetched from a registry of plugins.

use crate::run::{command, output, root, run};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folder with plugins, in place of those that are looked through.
const PLUGINS: &str = "GATEWRIGHT_TERRAFORM_PLUGINS";

/// Programs, and the registry that each takes a provider without a host from.
const PROGRAMS: &[(&str, &str)] = &[
    ("terraform", "registry.terraform.io"),
    ("tofu", "registry.opentofu.org"),
];

/// Oldest release with mocked providers: 1.7 of Terraform, which OpenTofu followed with 1.8.
const MOCKS: (u64, u64) = (1, 7);

/// Checks everything that can be checked here.
pub fn check() -> Result<()> {
    let mut read = command("go", &["test", "-count=1", "./..."]);
    run(read
        .current_dir(root().join("e2e/terraform"))
        .env("GOWORK", "off"))?;
    let Some((program, mirror)) = installed() else {
        eprintln!(
            "    NOT RUN: terraform validate, terraform test: neither terraform nor tofu is here with a folder of plugins \
             that has hashicorp/aws (looked for in {PLUGINS}, the usual folders of Terraform, and below /opt)"
        );
        return Ok(());
    };
    eprintln!("    plugins of {}", mirror.display());
    let work = tempfile::tempdir().context("cannot make a folder")?;
    let copy = work.path().join("terraform");
    copy_tree(&root().join("terraform"), &copy)?;
    let settings = work.path().join("terraform.rc");
    let text = format!(
        "disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n    path = {:?}\n  }}\n}}\n",
        mirror.to_string_lossy()
    );
    fs::write(&settings, text).context("cannot write settings")?;
    let terraform = |folder: &Path, arguments: &[&str]| {
        let mut call = command(&program, arguments);
        call.current_dir(folder).env("TF_CLI_CONFIG_FILE", &settings);
        call.env("TF_IN_AUTOMATION", "1");
        call
    };
    run(&mut terraform(
        &copy,
        &["fmt", "-check", "-recursive", "-diff", "-no-color"],
    ))?;
    let mocks = has_mocks(&mut terraform(&copy, &["version", "-json"]))?;
    if !mocks {
        eprintln!(
            "    NOT RUN: terraform test: its mocked providers need {}.{}",
            MOCKS.0, MOCKS.1
        );
    }
    let modules = modules(&copy)?;
    if modules.is_empty() {
        bail!("no modules in terraform/");
    }
    for module in modules {
        eprintln!(
            "    module {}",
            module.strip_prefix(&copy).unwrap_or(&module).display()
        );
        run(&mut terraform(
            &module,
            &["init", "-backend=false", "-input=false", "-no-color"],
        ))?;
        run(&mut terraform(&module, &["validate", "-no-color"]))?;
        if mocks {
            run(&mut terraform(&module, &["test", "-no-color"]))?;
        }
    }
    Ok(())
}

/// A program and a folder with the plugin that it would take.
pub fn installed() -> Option<(PathBuf, PathBuf)> {
    let path = std::env::var_os("PATH")?;
    PROGRAMS.iter().find_map(|(name, registry)| {
        let program = std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|program| program.is_file())?;
        let has_plugin = |mirror: &PathBuf| mirror.join(registry).join("hashicorp/aws").is_dir();
        Some((program, mirrors().into_iter().find(has_plugin)?))
    })
}

/// Folders in which plugins are looked for
/// (<https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories>), and those that
/// images for machines without a network have.
fn mirrors() -> Vec<PathBuf> {
    if let Some(folder) = std::env::var_os(PLUGINS) {
        return vec![folder.into()];
    }
    let mut found = Vec::new();
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
        found.push(home.join(".terraform.d/plugins"));
        found.push(home.join(".local/share/terraform/plugins"));
    }
    found.push("/usr/local/share/terraform/plugins".into());
    found.push("/usr/share/terraform/plugins".into());
    let below = fs::read_dir("/opt").into_iter().flatten().flatten();
    found.extend(below.map(|entry| entry.path()));
    found
}

fn has_mocks(version: &mut Command) -> Result<bool> {
    let told: serde_json::Value =
        serde_json::from_str(&output(version)?).context("its version is not JSON")?;
    let version = told
        .get("terraform_version")
        .and_then(|version| version.as_str())
        .context("it tells no version")?;
    let mut parts = version.split('.').map(|part| part.parse::<u64>().unwrap_or(0));
    Ok((parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= MOCKS)
}

/// Folders with a `versions.tf`, sorted.
fn modules(below: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![below.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if folder.join("versions.tf").is_file() {
            found.push(folder.clone());
        }
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Copies a tree, without what Terraform left in it.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(".terraform") {
            continue;
        }
        let (path, copy) = (entry.path(), to.join(&name));
        if path.is_dir() {
            copy_tree(&path, &copy)?;
        } else {
            fs::copy(&path, &copy).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}
