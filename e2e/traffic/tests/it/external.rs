//! Clients and suites that others wrote: h2spec, grpcurl, curl.

use anyhow::{Context, Result};
use gatewright_traffic::grpc::GrpcEcho;
use gatewright_traffic::{Echo, Gatewright, manifest, ports};
use std::path::PathBuf;
use tokio::process::Command;

/// A program of `e2e/tools`, where the test command built it.
fn tool(name: &str) -> Result<PathBuf> {
    let folder = std::env::var_os("GATEWRIGHT_TOOLS")
        .context("GATEWRIGHT_TOOLS names no folder; run `cargo xtask test`")?;
    Ok(PathBuf::from(folder).join(name))
}

/// Runs a program to its end: exit code, and both outputs together.
async fn output(command: &mut Command) -> Result<(Option<i32>, String)> {
    let output = command
        .output()
        .await
        .with_context(|| format!("cannot start {command:?}"))?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Ok((output.status.code(), text))
}

struct Site {
    /// Kept running.
    _gatewright: Gatewright,
    /// Kept running.
    _echo: Echo,
    plain: u16,
    tls: u16,
}

/// A plain and a TLS listener in front of an echo.
async fn site() -> Result<Site> {
    let (plain, tls) = (ports::free()?, ports::free()?);
    let echo = Echo::start("echo").await?;
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let text = manifest::class()
        + &manifest::gateway(
            "gw",
            &format!(
                "[{{name: plain, protocol: HTTP, port: {plain}}}, \
                 {{name: tls, protocol: HTTPS, port: {tls}, tls: {{certificateRefs: [{{name: cert}}]}}}}]"
            ),
        )
        + &manifest::tls_secret(
            "cert",
            &certified.cert.pem(),
            &certified.signing_key.serialize_pem(),
        )
        + &manifest::service("echo", &[echo.address])
        + &manifest::http_route("all", "gw", "  rules: [{backendRefs: [{name: echo, port: 80}]}]");
    Ok(Site {
        _gatewright: Gatewright::start(&text).await?,
        _echo: echo,
        plain,
        tls,
    })
}

async fn h2spec(port: u16, arguments: &[&str]) -> Result<()> {
    let port = port.to_string();
    let mut command = Command::new(tool("h2spec")?);
    command
        .args(["-h", "127.0.0.1", "-p", &port, "-o", "5"])
        .args(arguments);
    let (code, text) = output(&mut command).await?;
    let summary = text
        .lines()
        .rev()
        .find(|line| line.contains("tests,"))
        .unwrap_or_default();
    assert!(code == Some(0) && summary.contains(" 0 failed"), "{text}");
    assert!(
        summary.starts_with("146 tests, 146 passed") || summary.contains("0 skipped"),
        "{summary}"
    );
    Ok(())
}

#[tokio::test]
async fn h2spec_passes_in_cleartext() -> Result<()> {
    let site = site().await?;
    h2spec(site.plain, &[]).await
}

#[tokio::test]
async fn h2spec_passes_over_tls() -> Result<()> {
    let site = site().await?;
    h2spec(site.tls, &["-t", "-k"]).await
}

#[tokio::test]
async fn curl_speaks_every_version() -> Result<()> {
    let site = site().await?;
    let cases = [
        (
            // The answer names the highest version of the server within the major version (RFC 9110 section 6.2).
            vec!["--http1.0"],
            format!("http://127.0.0.1:{}/", site.plain),
            "1.1",
        ),
        (
            vec!["--http1.1"],
            format!("http://127.0.0.1:{}/", site.plain),
            "1.1",
        ),
        (
            vec!["--http2-prior-knowledge"],
            format!("http://127.0.0.1:{}/", site.plain),
            "2",
        ),
        (
            vec!["--http2", "-k"],
            format!("https://localhost:{}/", site.tls),
            "2",
        ),
        (
            vec!["--http1.1", "-k", "--tlsv1.2", "--tls-max", "1.2"],
            format!("https://localhost:{}/", site.tls),
            "1.1",
        ),
    ];
    for (arguments, url, version) in cases {
        let mut curl = Command::new("curl");
        curl.args([
            "-sS",
            "-m",
            "20",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code} %{http_version}",
        ])
        .args(&arguments)
        .arg(&url);
        let (code, text) = output(&mut curl).await?;
        assert_eq!(
            (code, text.as_str()),
            (Some(0), format!("200 {version}").as_str()),
            "{arguments:?} {url}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn grpcurl_calls_through_a_grpc_route() -> Result<()> {
    const PROTO: &str = r#"syntax = "proto3"; package demo; message Text { string value = 1; }
service Echo { rpc Say(Text) returns (Text); rpc Other(Text) returns (Text); }"#;
    let port = ports::free()?;
    let backend = GrpcEcho::start().await?;
    let text = manifest::class()
        + &manifest::gateway("gw", &format!("[{{name: grpc, protocol: HTTP, port: {port}}}]"))
        + &manifest::service("echo", &[backend.address])
        + "---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: say, namespace: default}
spec:
  parentRefs: [{name: gw}]
  rules: [{matches: [{method: {service: demo.Echo, method: Say}}], backendRefs: [{name: echo, port: 80}]}]
";
    let _gatewright = Gatewright::start(&text).await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("echo.proto"), PROTO)?;
    let call = |method: &'static str| {
        let mut grpcurl = Command::new(tool("grpcurl")?);
        grpcurl
            .args(["-plaintext", "-import-path"])
            .arg(folder.path())
            .args([
                "-proto",
                "echo.proto",
                "-d",
                r#"{"value":"hello"}"#,
                &format!("127.0.0.1:{port}"),
                method,
            ]);
        anyhow::Ok(grpcurl)
    };
    let (code, said) = output(&mut call("demo.Echo/Say")?).await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("\"value\": \"hello\""), "{said}");
    let (code, said) = output(&mut call("demo.Echo/Other")?).await?;
    assert_ne!(code, Some(0));
    assert!(
        said.contains("Unimplemented"),
        "a method without a route is not there: {said}"
    );
    Ok(())
}
