//! The quickstart of the README, as a newcomer runs it.

use anyhow::{Context, Result};
use gatewright_traffic::{echo, gateway, ports, wait};
use std::net::SocketAddr;
use std::process::Stdio;
use tokio::process::Command;

fn quickstart() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/quickstart").to_owned()
}

#[tokio::test]
async fn the_quickstart_answers() -> Result<()> {
    let listener = ports::free()?;
    let offset = (listener - 8080).to_string();
    let mut child = Command::new(gateway::binary()?)
        .args([
            "run",
            &quickstart(),
            "--sample-backends",
            "--port-offset",
            &offset,
            "--admin",
            "off",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let address = SocketAddr::from(([127, 0, 0, 1], listener));
    let first = wait::until("an answer of the quickstart", || async {
        echo::get(address, "shop.example.com", "/hello")
            .await
            .ok()
            .filter(|answer| answer.status == 200)
    })
    .await?;
    assert!(
        first.echo()?.get("path").is_some_and(|path| path == "/hello"),
        "{}",
        first.text()
    );

    let api = echo::get(address, "shop.example.com", "/api/v1/items?x=1")
        .await?
        .echo()?;
    assert_eq!(api.get("path").and_then(|path| path.as_str()), Some("/items?x=1"));
    assert_eq!(
        api.pointer("/headers/x-api-version/0")
            .and_then(|value| value.as_str()),
        Some("v1")
    );
    assert_eq!(
        api.get("backend").and_then(|name| name.as_str()),
        Some("demo/web-v1")
    );

    let www = echo::get(address, "www.example.com", "/a").await?;
    assert_eq!(www.status, 301);
    let location = www
        .headers
        .get("location")
        .context("a redirect has a location")?
        .to_str()?;
    assert_eq!(location, "http://shop.example.com:8080/a");

    assert_eq!(echo::get(address, "other.example.org", "/").await?.status, 404);
    child.kill().await?;
    Ok(())
}

#[tokio::test]
async fn the_quickstart_is_valid_and_translates() -> Result<()> {
    let run = |arguments: &'static [&'static str]| async move {
        let output = Command::new(gateway::binary()?)
            .args(arguments)
            .args(["-f", &quickstart()])
            .output()
            .await?;
        anyhow::Ok((
            output.status.code(),
            String::from_utf8(output.stdout)?,
            String::from_utf8(output.stderr)?,
        ))
    };
    let (code, out, err) = run(&["validate"]).await?;
    assert_eq!(code, Some(0), "{out}{err}");
    let (code, out, err) = run(&["translate", "--output", "table"]).await?;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("HTTPRoute") && out.contains("Accepted"), "{out}");
    let (code, out, err) = run(&[
        "explain",
        "--request",
        "GET http://shop.example.com:8080/cart",
        "-H",
        "x-beta: yes",
    ])
    .await?;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("web-v2"), "{out}");
    Ok(())
}

/// What `translate` prints is valid, for our own reader and so for kubectl, which reads YAML 1.1 as well.
#[tokio::test]
async fn the_translated_quickstart_is_valid() -> Result<()> {
    let translated = Command::new(gateway::binary()?)
        .args(["translate", "-f", &quickstart()])
        .output()
        .await?;
    assert!(translated.status.success());
    let file = tempfile::Builder::new().suffix(".yaml").tempfile()?;
    std::fs::write(file.path(), &translated.stdout)?;
    let validated = Command::new(gateway::binary()?)
        .args(["validate", "-f"])
        .arg(file.path())
        .output()
        .await?;
    let problems = String::from_utf8_lossy(&validated.stdout).into_owned();
    assert!(validated.status.success(), "{problems}");
    Ok(())
}
