//! Envoy Gateway, as its own chart installs it, with images made by hand: no registry is needed.
//!
//! The controller is built from its published Go module, the chart is in that module, and Envoy comes from PyPI.

use crate::bench::setup::envoy_of;
use crate::cluster::{self, Cluster, Packed};
use crate::run::{command, output, root};
use crate::tools;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Go module of the controller.
const MODULE: &str = "github.com/envoyproxy/gateway";

/// Its release.
const VERSION: &str = "v1.9.1";

/// The Envoy that this release asks for, as a Python package.
const ENVOY: &str = "1.39.1";

/// Where its chart is to put it.
const NAMESPACE: &str = "envoy-gateway-system";

/// Names of the images.
const CONTROLLER_IMAGE: &str = "docker.io/envoyproxy/gateway:v1.9.1";
const ENVOY_IMAGE: &str = "docker.io/envoyproxy/envoy:distroless-v1.39.1";

/// The class that is measured. Its proxies drain as in the project's own conformance runs
/// (<https://github.com/envoyproxy/gateway/blob/v1.9.1/test/config/gatewayclass.yaml>): by default a removed one stays for a
/// minute and more. They ask for a hundredth of a core instead of a tenth, since the suite has more of them at once than a
/// node of two cores would take. Whoever sets this has to name the image, too.
const CLASS: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: envoy-gateway}
spec:
  controllerName: gateway.envoyproxy.io/gatewayclass-controller
  parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: proxies, namespace: envoy-gateway-system}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: proxies, namespace: envoy-gateway-system}
spec:
  shutdown: {drainTimeout: 5s, minDrainDuration: 1s}
  provider:
    type: Kubernetes
    kubernetes:
      envoyDeployment:
        container:
          image: docker.io/envoyproxy/envoy:distroless-v1.39.1
          resources: {requests: {cpu: 10m, memory: 64Mi}}
";

/// Features whose tests are left out for it: it answers no misdirected request with 421, and does not retry as the suite
/// wants. Their tests would wait out their deadlines and make its run longer.
const WITHOUT: [&str; 4] = [
    "GatewayHTTPSListenerDetectMisdirectedRequests",
    "HTTPRouteRetry",
    "HTTPRouteRetryBackendTimeout",
    "HTTPRouteRetryConnectionError",
];

/// What the official suite is to try with it, separated by commas: its class names no features, so it gets the extended
/// ones of our own report but for a few. The core ones come with the profiles.
///
/// # Errors
/// When the report cannot be read.
pub fn features() -> Result<String> {
    let path = root().join("docs/conformance/v1.6.3-dedicated-experimental.yaml");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let report: OwnReport = serde_yaml_ng::from_str(&text).with_context(|| path.display().to_string())?;
    let all: BTreeSet<String> = report
        .profiles
        .into_iter()
        .flat_map(|profile| profile.extended.supported_features)
        .filter(|feature| !WITHOUT.contains(&feature.as_str()))
        .collect();
    Ok(all.into_iter().collect::<Vec<_>>().join(","))
}

/// What matters here of an official report.
#[derive(Deserialize)]
struct OwnReport {
    profiles: Vec<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    extended: Extended,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extended {
    supported_features: Vec<String>,
}

/// Everything that is installed.
pub struct EnvoyGateway {
    helm: PathBuf,
    /// Folder of its charts.
    charts: PathBuf,
    /// Images and manifests.
    folder: tempfile::TempDir,
}

impl EnvoyGateway {
    /// Builds the controller, fetches Envoy and packs both as images.
    ///
    /// # Errors
    /// When something cannot be built or fetched.
    pub fn build() -> Result<Self> {
        let controller = tools::go_install(&format!("{MODULE}/cmd/envoy-gateway"), VERSION)?;
        let envoy = envoy_of(ENVOY)?;
        let folder = tempfile::tempdir()?;
        cluster::pack(
            &Packed {
                program: &controller,
                // Where its own image has it; commands of its pods name it without a folder.
                at: Some("/usr/local/bin/envoy-gateway"),
                files: &[],
                tag: CONTROLLER_IMAGE,
            },
            &folder.path().join("controller.tar"),
        )?;
        cluster::pack(
            &Packed {
                program: &envoy,
                at: Some("/usr/local/bin/envoy"),
                files: &libraries(&envoy)?,
                tag: ENVOY_IMAGE,
            },
            &folder.path().join("envoy.tar"),
        )?;
        std::fs::write(folder.path().join("class.yaml"), CLASS)?;
        Ok(Self {
            helm: tools::helm()?,
            charts: tools::go_module(MODULE, VERSION)?.join("charts"),
            folder,
        })
    }

    /// Installs it as its documentation says, but for the definitions of the Gateway API, which are there.
    ///
    /// # Errors
    /// When a command fails.
    pub fn install(&self, cluster: &Cluster) -> Result<()> {
        for image in ["controller.tar", "envoy.tar"] {
            cluster.run(&["load-image", &self.path(image)])?;
        }
        let chart = self.charts.join("gateway-helm");
        let definitions = chart.join("charts/crds/crds/generated").display().to_string();
        cluster.inside(&["kubectl", "apply", "--server-side", "--filename", &definitions])?;
        // The chart's values are a template, whose two variables are set here.
        let values = chart.join("values.tmpl.yaml").display().to_string();
        let helm = self.helm.display().to_string();
        let chart = chart.display().to_string();
        let controller = format!("global.images.envoyGateway.image={CONTROLLER_IMAGE}");
        let envoy = format!("global.images.envoyProxy.image={ENVOY_IMAGE}");
        let mut line = vec![helm.as_str(), "install", "eg", &chart, "--values", &values];
        line.extend(["--namespace", NAMESPACE, "--create-namespace"]);
        for setting in [
            controller.as_str(),
            "global.images.envoyGateway.pullPolicy=IfNotPresent",
            &envoy,
            "crds.enabled=false",
        ] {
            line.extend(["--set", setting]);
        }
        line.extend(["--wait", "--timeout", "5m"]);
        cluster.inside(&line)?;
        cluster.inside(&["kubectl", "apply", "--filename", &self.path("class.yaml")])
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// The libraries of a program and its loader, where it looks for them.
fn libraries(program: &Path) -> Result<Vec<(String, PathBuf)>> {
    let program = program.to_str().context("a path of UTF-8")?;
    Ok(libraries_in(&output(&mut command("ldd", &[program]))?))
}

/// The paths that `ldd` names: a library is found in an image where it is found here.
fn libraries_in(text: &str) -> Vec<(String, PathBuf)> {
    text.lines()
        .filter_map(|line| {
            let path = line.split_whitespace().find(|word| word.starts_with('/'))?;
            Some((path.to_owned(), PathBuf::from(path)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{CLASS, ENVOY_IMAGE, features, libraries_in};

    #[test]
    fn the_class_has_the_image_that_is_there() {
        assert!(CLASS.contains(&format!("image: {ENVOY_IMAGE}\n")));
    }

    #[test]
    fn all_features_but_a_few_are_tried() {
        let features = features().unwrap();
        let all: Vec<&str> = features.split(',').collect();
        assert!(
            all.contains(&"HTTPRouteCORS") && all.contains(&"ListenerSet"),
            "{all:?}"
        );
        assert!(!all.contains(&"HTTPRouteRetry"), "{all:?}");
    }

    #[test]
    fn libraries_and_the_loader_are_found() {
        let text = "\tlinux-vdso.so.1 (0x00007f7f3b8ed000)\n\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f7f34720000)\n\t\
                    /lib64/ld-linux-x86-64.so.2 (0x00007f7f3b8ef000)\n";
        let found: Vec<String> = libraries_in(text).into_iter().map(|(path, _)| path).collect();
        assert_eq!(
            found,
            ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2"]
        );
    }
}
