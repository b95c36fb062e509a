//! Files that nobody should have put there: each gets a clear message with its place, everybody else is
//! served meanwhile, and memory stays bounded.

use anyhow::{Context, Result};
use gatewright_traffic::bystander::{Bystander, Site};
use gatewright_traffic::{echo, manifest, wait};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

const MIB: usize = 1 << 20;

/// Memory that reading a hostile file may take on top, in bytes; a document may hold 2,000,000 values.
const BUDGET: usize = 700 * MIB;

/// Slowest answer of a bystander while a file is read, on a loaded two-core machine in a debug build.
const SLOWEST: Duration = Duration::from_secs(5);

/// A sort of file, how it is made (scaled down unless `GATEWRIGHT_FULL` is set), and what must be said of it.
struct Case {
    name: &'static str,
    make: fn(&Path, usize) -> std::io::Result<()>,
    says: &'static str,
}

const CASES: &[Case] = &[
    Case {
        name: "large.yaml",
        make: |path, _| std::fs::File::create(path)?.set_len(100 * MIB as u64),
        says: "large.yaml: larger than the limit of 32 MiB",
    },
    Case {
        name: "bomb.yaml",
        make: |path, _| {
            let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
            for (letter, before) in ('b'..='z').zip('a'..) {
                let list = vec![format!("*{before}"); 9].join(", ");
                writeln!(text, "{letter}: &{letter} [{list}]").map_err(std::io::Error::other)?;
            }
            std::fs::write(path, text)
        },
        says: "bomb.yaml:7:",
    },
    Case {
        name: "deep.yaml",
        make: |path, scale| std::fs::write(path, "- ".repeat(100 * scale)),
        says: "nested deeper than 100 levels",
    },
    Case {
        name: "deep.json",
        make: |path, scale| std::fs::write(path, "{\"a\":".repeat(100 * scale)),
        says: "deep.json:1:501: nested deeper than 100 levels",
    },
    Case {
        name: "values.yaml",
        make: |path, scale| {
            let values = "a,".repeat(scale * 1_000);
            std::fs::write(path, format!("kind: ConfigMap\nx: [{values}]\n"))
        },
        says: "values.yaml:1:1: ConfigMap (no name): apiVersion: Required value",
    },
    Case {
        name: "fields.yaml",
        make: |path, scale| {
            let fields: Vec<String> = (0..scale * 100).map(|n| format!("  k{n}: 1\n")).collect();
            let head =
                "apiVersion: v1\nkind: Service\nmetadata: {name: hostile}\nspec:\n  ports: [{port: 80}]\n";
            std::fs::write(path, head.to_owned() + &fields.concat())
        },
        says: "fields.yaml:6:3: Service default/hostile: spec.k0: unknown field",
    },
    Case {
        name: "list.yaml",
        make: |path, scale| {
            std::fs::write(
                path,
                "apiVersion: v1\nkind: List\nitems:\n".to_owned() + &"- {}\n".repeat(scale * 100),
            )
        },
        says: "list.yaml:4:3: apiVersion: Required value",
    },
    Case {
        name: "scalar.yaml",
        make: |path, scale| {
            let head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hostile}\ndata: {a: \"";
            std::fs::write(
                path,
                head.to_owned() + &"x".repeat((scale * 3_000).max(2 * MIB)) + "\"}\n",
            )
        },
        says: "may not be more than 1048576 bytes",
    },
    Case {
        name: "twice.yaml",
        make: |path, scale| {
            let object =
                "apiVersion: v1\nkind: Service\nmetadata: {name: hostile}\nspec: {ports: [{port: 80}]}\n";
            std::fs::write(path, object.to_owned() + &"kind: Service\n".repeat(scale))
        },
        says: "twice.yaml:5:1: key \"kind\" already set in this mapping",
    },
    Case {
        name: "binary.yaml",
        make: |path, _| std::fs::write(path, (0..=255_u8).cycle().skip(128).take(MIB).collect::<Vec<_>>()),
        says: "binary.yaml:1:1: invalid UTF-8",
    },
    Case {
        name: "nul.yaml",
        make: |path, _| std::fs::write(path, vec![0; MIB]),
        says: "nul.yaml:1:1: malformed YAML",
    },
    Case {
        name: "utf16.yaml",
        make: |path, _| {
            let bytes: Vec<u8> = "kind: Service\n"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect();
            std::fs::write(path, [&[0xff, 0xfe][..], &bytes].concat())
        },
        says: "utf16.yaml:1:1: invalid UTF-8",
    },
    Case {
        name: "dangling-link.yaml",
        make: |path, _| std::os::unix::fs::symlink("/nowhere/at/all.yaml", path),
        says: "",
    },
    Case {
        name: "loop.yaml",
        make: |path, _| std::os::unix::fs::symlink("loop.yaml", path),
        says: "loop.yaml: Too many levels of symbolic links",
    },
    Case {
        name: "folder.yaml",
        make: |path, _| {
            std::fs::create_dir(path)?;
            std::os::unix::fs::symlink("..", path.join("up"))
        },
        says: "",
    },
    Case {
        name: "pipe.yaml",
        make: |path, _| {
            let made = std::process::Command::new("mkfifo").arg(path).status()?;
            if made.success() {
                Ok(())
            } else {
                Err(std::io::Error::other("mkfifo failed"))
            }
        },
        says: "",
    },
    Case {
        name: "missing-secret.yaml",
        make: |path, _| {
            std::fs::write(
                path,
                "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {name: hostile}\n\
                 data: {tls.crt: \"!not base64!\", tls.key: aGVsbG8=}\n",
            )
        },
        says: "Secret default/hostile: data",
    },
];

/// A folder inside the watched one with so many small files, good and broken in turn.
fn many(folder: &Path, count: usize) -> Result<()> {
    std::fs::create_dir(folder)?;
    for number in 0..count {
        let text = if number % 100 == 0 {
            "kind: [".to_owned()
        } else {
            format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: many-{number}}}\nspec: {{ports: [{{port: 80}}]}}\n"
            )
        };
        std::fs::write(folder.join(format!("{number:05}.yaml")), text)?;
    }
    Ok(())
}

/// 10,000 files, 100 MiB, and the rest of the zoo.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_files_are_told_and_the_rest_keeps_serving() -> Result<()> {
    let (scale, files) = if std::env::var_os("GATEWRIGHT_FULL").is_some() {
        (1_000, 10_000)
    } else {
        (200, 1_000)
    };
    let site = Site::start().await?;
    let folder = site.gatewright.folder().to_owned();
    let changed = |marker: String| {
        let (gatewright, address) = (&site.gatewright, site.address);
        async move {
            gatewright.write(
                "marker.yaml",
                &manifest::http_route(
                    "marker",
                    "gw",
                    &format!(
                        "  hostnames: [{marker}.test]\n  rules: [{{backendRefs: [{{name: echo, port: 80}}]}}]"
                    ),
                ),
            )?;
            wait::until("a change after the hostile file", || async {
                let answer = echo::get(address, &format!("{marker}.test"), "/marker")
                    .await
                    .ok()?;
                (answer.status == 200).then_some(())
            })
            .await
        }
    };
    for (number, case) in CASES.iter().enumerate() {
        let bystander = Bystander::start(&site)?;
        let path = folder.join(case.name);
        (case.make)(&path, scale).with_context(|| case.name)?;
        if !case.says.is_empty() {
            wait::until(case.name, || async {
                site.gatewright.said().contains(case.says).then_some(())
            })
            .await
            .with_context(|| format!("{}: {:?} in\n{}", case.name, case.says, site.gatewright.said()))?;
        }
        // Good changes go on beside it.
        changed(format!("m{number}")).await.with_context(|| case.name)?;
        let report = bystander.finish().await.with_context(|| case.name)?;
        println!("{}", report.line(case.name));
        anyhow::ensure!(report.slowest < SLOWEST, "{}: {report:?}", case.name);
        anyhow::ensure!(report.growth() < BUDGET, "{}: {report:?}", case.name);
        if path.is_dir() {
            std::fs::remove_dir_all(&path)?;
        } else {
            std::fs::remove_file(&path)?;
        }
    }

    let bystander = Bystander::start(&site)?;
    let deep = folder.join("many");
    many(&deep, files)?;
    wait::until("the first broken file", || async {
        site.gatewright.said().contains("00000.yaml:").then_some(())
    })
    .await?;
    // Files vanish while they are read.
    changed("with-many".to_owned()).await?;
    std::fs::remove_dir_all(&deep)?;
    changed("without-many".to_owned()).await?;
    let report = bystander.finish().await?;
    println!("{}", report.line(&format!("{files} files")));
    anyhow::ensure!(report.slowest < SLOWEST, "{report:?}");
    anyhow::ensure!(
        !site.gatewright.said().contains("panicked"),
        "{}",
        site.gatewright.said()
    );
    Ok(())
}
