//! `cargo xtask sim aws --quickstart`: from manifests to a simulated Application Load Balancer that answers curl, without
//! an account. What is shown is also checked: an answer that is not the expected one ends it with an error.

use crate::run::{built, command, output, root, target_dir};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What happens once everything was shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Everything ends.
    End,
    /// It serves until it is stopped.
    Serve,
}

const MANIFESTS: &str = "docs/quickstart-aws";

/// Addresses of the simulator; not its defaults, so that one that runs already is not disturbed.
const SERVICES: &str = "127.0.0.1:4576";
const ADMIN: &str = "127.0.0.1:4577";
const DNS: &str = "127.0.0.1:4563";

/// Longest wait for something to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs it.
pub fn run_aws(then: Then) -> Result<()> {
    for name in ["gatewright-aws-simulator", "gatewright"] {
        built(name)?;
    }
    title("AWS, simulated on this machine");
    let _simulator = simulator()?;
    title("Sample backends, and the same routes on the bundled proxy");
    let _local = local()?;
    title("What would be made of the manifests");
    let planned = show(&mut gatewright(&["plan", MANIFESTS])?)?;
    ensure!(
        planned.code() == Some(2),
        "changes are pending, so `plan` ends with 2, not {planned}"
    );
    title("Making it");
    let applied = show(&mut gatewright(&["plan", MANIFESTS, "--apply"])?)?;
    ensure!(applied.success(), "`plan --apply` ended with {applied}");
    let balancer = balancer()?;
    title("Asking the load balancer");
    ask(&balancer)?;
    title("Once more: nothing is left to do");
    let again = show(&mut gatewright(&["plan", MANIFESTS])?)?;
    ensure!(
        again.success(),
        "nothing differs any more, so `plan` ends with 0, not {again}"
    );
    match then {
        Then::End => Ok(()),
        Then::Serve => serve(&balancer),
    }
}

fn title(text: &str) {
    println!("\n== {text}\n");
}

fn simulator() -> Result<Running> {
    let arguments = ["--listen", SERVICES, "--admin", ADMIN, "--dns", DNS];
    let times = ["--provisioning-ms", "2000", "--second-ms", "100"];
    let mut command = command(program("gatewright-aws-simulator"), &arguments);
    command
        .args(times)
        .env("RUST_LOG", "error")
        .stdout(Stdio::piped());
    println!("$ gatewright-aws-simulator {}", arguments.join(" "));
    let mut running = Running(command.spawn().context("cannot start the simulator")?);
    let out = running.0.stdout.take().context("the simulator has no output")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    ensure!(
        line.starts_with("ready"),
        "the simulator did not start; do other programs have its ports?"
    );
    print!("{line}");
    Ok(running)
}

fn local() -> Result<Running> {
    let mut command = gatewright(&["run", MANIFESTS, "--sample-backends"])?;
    println!("$ gatewright run {MANIFESTS} --sample-backends");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().context("cannot start gatewright")?);
    wait("the sample backends", || {
        answer("127.0.0.1:8089", "shop.example.com", "/")
    })?;
    println!("the bundled proxy answers on 127.0.0.1:8089");
    Ok(running)
}

/// A load balancer that exists.
struct Balancer {
    name: String,
    address: String,
}

/// The one load balancer, by the simulator's own word.
fn balancer() -> Result<Balancer> {
    let found = output(&mut command(
        "curl",
        &["--silent", "--fail", &format!("http://{ADMIN}/config")],
    ))?;
    let config: Value = serde_json::from_str(&found).context("the simulator's configuration")?;
    let text = |of: &Value, field: &str| of.get(field).and_then(Value::as_str).map(str::to_owned);
    let balancers = config.get("balancers").and_then(Value::as_object);
    let first = balancers.and_then(|all| all.values().next());
    let first = first.with_context(|| format!("no load balancer in {config}"))?;
    Ok(Balancer {
        name: text(first, "name").context("its name")?,
        address: text(first, "address").context("its address")?,
    })
}

fn ask(balancer: &Balancer) -> Result<()> {
    let to = format!("{}:8088", balancer.address);
    println!("{} is {}\n", balancer.name, balancer.address);
    for (host, path, status, holds) in [
        ("shop.example.com", "/cart", "200", "\"backend\": \"demo/web-v"),
        ("shop.example.com", "/api/v1/items", "200", "\"path\": \"/items\""),
        (
            "www.example.com",
            "/cart",
            "301",
            "http://shop.example.com:8088/cart",
        ),
        ("headers.example.com", "/", "500", ""),
        ("other.example.com", "/", "404", ""),
    ] {
        let url = format!("http://{to}{path}");
        println!("$ curl -i -H 'Host: {host}' {url}");
        let target = [
            "--silent",
            "--show-error",
            "--include",
            "--max-time",
            "10",
            "--header",
        ];
        let found = output(command("curl", &target).args([&format!("Host: {host}"), &url]))?;
        for line in found
            .lines()
            .enumerate()
            .filter(|(at, line)| *at == 0 || tells(line))
        {
            println!("  {}", line.1);
        }
        let first = found.lines().next().unwrap_or_default();
        ensure!(first.contains(status), "{host}{path}: `{first}` is not {status}");
        ensure!(
            found.contains(holds),
            "{host}{path}: the answer does not hold {holds}:\n{found}"
        );
        println!();
    }
    Ok(())
}

/// Lines of an answer that say what became of the request.
fn tells(line: &str) -> bool {
    ["location:", "server:", "  \"backend\"", "  \"path\""]
        .iter()
        .any(|start| line.starts_with(start))
}

fn serve(balancer: &Balancer) -> Result<()> {
    title("It serves until it is stopped (Ctrl-C)");
    println!(
        "  export AWS_ENDPOINT_URL=http://{SERVICES} AWS_REGION=eu-central-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
    );
    println!("  aws elbv2 describe-rules --listener-arn ...    any client of AWS");
    println!(
        "  curl -H 'Host: shop.example.com' http://{}:8088/cart",
        balancer.address
    );
    println!("  curl http://{ADMIN}/inventory                  everything that exists");
    println!(
        "  edit {MANIFESTS}/routes.yaml, then: gatewright plan {MANIFESTS} --cluster-name gatewright [--apply]"
    );
    loop {
        std::thread::park();
    }
}

fn gatewright(arguments: &[&str]) -> Result<Command> {
    let mut command = command(program("gatewright"), arguments);
    if arguments.first() == Some(&"plan") {
        command.args(["--cluster-name", "gatewright"]);
    }
    command
        .env("AWS_ENDPOINT_URL", format!("http://{SERVICES}"))
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    Ok(command)
}

fn show(command: &mut Command) -> Result<ExitStatus> {
    let words: Vec<String> = command
        .get_args()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    println!("$ gatewright {}\n", words.join(" "));
    command.status().context("cannot start gatewright")
}

/// A program of the workspace, built before.
fn program(name: &str) -> PathBuf {
    target_dir().join("debug").join(name)
}

fn answer(address: &str, host: &str, path: &str) -> bool {
    let found = command(
        "curl",
        &[
            "--silent",
            "--fail",
            "--output",
            "/dev/null",
            "--max-time",
            "2",
            "--header",
        ],
    )
    .args([&format!("Host: {host}"), &format!("http://{address}{path}")])
    .current_dir(root())
    .status();
    found.is_ok_and(|status| status.success())
}

fn wait(what: &str, ready: impl Fn() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !ready() {
        if begun.elapsed() > PATIENCE {
            bail!("{what} did not answer within {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
