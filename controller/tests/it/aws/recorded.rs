//! A plan against a state that was recorded: without AWS, credentials and configuration.

use super::accounts::{CLASSES, gateway};
use super::{CLUSTER, Place, VPC};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const OPTIONS: [&str; 4] = ["--cluster-name", CLUSTER, "--aws-vpc-id", VPC];

/// Exit code, and what it says.
fn offline(manifests: &Path, state: &Path) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatewright"));
    command.arg("plan").arg(manifests).args(OPTIONS).env_clear();
    command.arg("--state").arg(state).args(["--output", "json"]);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_made_from_what_was_recorded() {
    let place = Place::at("127.90.0.0/16").await;
    let write = |target: &str| {
        let gateways = [
            gateway("edge", "here", target),
            gateway("far", "there", target),
            gateway("mesh", "inside", target),
        ];
        place.write(&(CLASSES.to_owned() + &gateways.concat()));
    };
    write("a.example");
    let with =
        |more: &[&'static str]| -> Vec<&str> { OPTIONS.into_iter().chain(more.iter().copied()).collect() };
    let (code, said) = place.plan(&with(&["--apply", "--timeout", "60s"])).await;
    assert_eq!(code, 0, "{said}");

    write("b.example");
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let mut recording = with(&["--output", "json", "--record"]);
    recording.push(&path);
    let (code, told) = place.plan(&recording).await;
    assert_eq!(code, 2, "{told}");
    let told: Value = serde_json::from_str(&told).unwrap();
    let state = std::fs::read_to_string(&path).unwrap();
    for secret in ["SessionToken", "SecretAccessKey", "Signature", "Credential"] {
        assert!(!state.contains(secret), "{secret} is in the file");
    }
    let manifests = place.folder.path().to_owned();
    place.simulator.stop().await.unwrap();

    let (code, said, why) = offline(&manifests, file.path());
    assert_eq!(code, 2, "{said}{why}");
    let again: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(again["gateways"], told["gateways"]);

    // Other manifests against the same state: as it was, there is nothing to do.
    let gateways = ["edge", "far", "mesh"].map(|name| {
        let class = match name {
            "edge" => "here",
            "far" => "there",
            _ => "inside",
        };
        gateway(name, class, "a.example")
    });
    std::fs::write(manifests.join("m.yaml"), CLASSES.to_owned() + &gateways.concat()).unwrap();
    let (code, said, why) = offline(&manifests, file.path());
    assert_eq!(code, 0, "{said}{why}");

    std::fs::write(&path, "{}").unwrap();
    let (code, _, why) = offline(&manifests, file.path());
    assert_ne!(code, 0);
    assert!(why.contains("no recorded state"), "{why}");
}
