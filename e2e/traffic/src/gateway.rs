//! The program under test.

use crate::wait;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

/// A running `gatewright run` on a temporary folder; ends with the value.
pub struct Gatewright {
    child: Child,
    folder: tempfile::TempDir,
    admin: u16,
    output: Arc<Mutex<String>>,
}

/// Path of the built program: next to the test's own target folder, or `GATEWRIGHT_BIN`.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("GATEWRIGHT_BIN") {
        return Ok(path.into());
    }
    let test = std::env::current_exe()?;
    let profile = test
        .parent()
        .and_then(Path::parent)
        .context("the test has no target folder")?;
    let binary = profile.join("gatewright");
    if !binary.is_file() {
        bail!(
            "{} is not built; run `cargo build -p gatewright` or `cargo test --workspace`",
            binary.display()
        );
    }
    Ok(binary)
}

impl Gatewright {
    /// Starts the program on one manifest and waits until it is ready.
    pub async fn start(manifest: &str) -> Result<Self> {
        Self::start_with(manifest, &[]).await
    }

    /// As [`Gatewright::start`], with further arguments.
    pub async fn start_with(manifest: &str, arguments: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("main.yaml"), manifest)?;
        let admin = crate::ports::free()?;
        let mut child = Command::new(binary()?)
            .arg("run")
            .arg(folder.path())
            .args([
                "--admin",
                &format!("127.0.0.1:{admin}"),
                "--workers",
                "2",
                "--color",
                "never",
            ])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start gatewright")?;
        let output = Arc::new(Mutex::new(String::new()));
        collect(child.stdout.take(), Arc::clone(&output));
        collect(child.stderr.take(), Arc::clone(&output));
        let mut gatewright = Self {
            child,
            folder,
            admin,
            output,
        };
        gatewright.ready().await?;
        Ok(gatewright)
    }

    async fn ready(&mut self) -> Result<()> {
        let deadline = std::time::Instant::now() + wait::PATIENCE;
        loop {
            if self.admin("/readyz").await.is_ok_and(|(status, _)| status == 200) {
                return Ok(());
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || std::time::Instant::now() > deadline {
                bail!("gatewright is not ready ({ended:?}); it said:\n{}", self.said());
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Writes a file of the watched folder in one step, as editors and `kubectl` mounts do.
    pub fn write(&self, name: &str, manifest: &str) -> Result<()> {
        let hidden = self.folder.path().join(format!(".{name}.new"));
        std::fs::write(&hidden, manifest)?;
        std::fs::rename(&hidden, self.folder.path().join(name))?;
        Ok(())
    }

    /// The watched folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Removes a file of the watched folder.
    pub fn remove(&self, name: &str) -> Result<()> {
        std::fs::remove_file(self.folder.path().join(name)).with_context(|| format!("cannot remove {name}"))
    }

    /// Answer of the admin server.
    pub async fn admin(&self, path: &str) -> Result<(u16, String)> {
        self.admin_as("localhost", path).await
    }

    /// Answer of the admin server to a request for this host.
    pub async fn admin_as(&self, host: &str, path: &str) -> Result<(u16, String)> {
        let answer = crate::echo::get(([127, 0, 0, 1], self.admin).into(), host, path).await?;
        Ok((answer.status, answer.text()))
    }

    /// Status of one object from the admin server, as `kubectl get -o json` would show it.
    pub async fn status(&self, kind: &str, name: &str) -> Result<serde_json::Value> {
        let (_, text) = self.admin("/status").await?;
        let list: serde_json::Value = serde_json::from_str(&text)?;
        let items = list
            .get("items")
            .or(Some(&list))
            .and_then(serde_json::Value::as_array);
        items
            .into_iter()
            .flatten()
            .find(|item| {
                item.get("kind").is_some_and(|found| found == kind)
                    && item.pointer("/metadata/name").is_some_and(|found| found == name)
            })
            .cloned()
            .with_context(|| format!("/status shows no {kind} {name}"))
    }

    /// Everything the program printed so far.
    pub fn said(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Process id.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for the end and returns the exit code.
    pub async fn ended(&mut self) -> Result<Option<i32>> {
        let status = tokio::time::timeout(wait::PATIENCE, self.child.wait())
            .await
            .context("it still runs")??;
        Ok(status.code())
    }

    /// Sends a signal by name (`TERM`, `HUP`).
    pub async fn signal(&self, name: &str) -> Result<()> {
        let pid = self.pid().context("the program has ended")?;
        let status = Command::new("kill")
            .args([&format!("-{name}"), &pid.to_string()])
            .status()
            .await?;
        if !status.success() {
            bail!("kill -{name} {pid} failed");
        }
        Ok(())
    }
}

fn collect(stream: Option<impl AsyncRead + Unpin + Send + 'static>, output: Arc<Mutex<String>>) {
    let Some(stream) = stream else { return };
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            output.push_str(&line);
            output.push('\n');
        }
    });
}
