//! Our charts, installed in a cluster with images of the present tree.

use super::Cluster;
use crate::image::{self, Part, REGISTRY};
use crate::run::root;
use crate::tools;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// Namespace of the controller.
pub const NAMESPACE: &str = "gatewright-system";

/// Tag of the images that are installed.
const TAG: &str = "dev";

/// How Gateways are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Each Gateway has proxies of its own.
    Dedicated,
    /// All Gateways of the class share proxies.
    Shared,
}

impl Mode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Dedicated, Self::Shared];

    /// Its name in commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dedicated => "dedicated",
            Self::Shared => "shared",
        }
    }

    /// The chart's setting for it.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Dedicated => "gatewayClass.parameters.mode=Dedicated",
            Self::Shared => "gatewayClass.parameters.mode=Shared",
        }
    }
}

/// What is put into a cluster: Helm, and the images of all parts.
pub struct Installation {
    helm: PathBuf,
    images: Images,
}

enum Images {
    /// Static programs, which become images under any tags.
    Programs(Vec<(Part, PathBuf)>),
    /// Finished archives, with the tags they have.
    Archives(Vec<PathBuf>),
}

impl Installation {
    /// Builds Helm and the programs of the images with a cargo profile.
    ///
    /// # Errors
    /// When a build fails.
    pub fn build(profile: &str) -> Result<Self> {
        Self::of_parts(&Part::ALL, profile)
    }

    /// Builds Helm and the program of one image: of the controller alone where no Gateway has proxies.
    ///
    /// # Errors
    /// When a build fails.
    pub fn build_part(part: Part, profile: &str) -> Result<Self> {
        Self::of_parts(&[part], profile)
    }

    /// Makes an image of a static program, as it is shipped: AWS's SDK looks for certificate authorities.
    ///
    /// # Errors
    /// When Helm or the image cannot be built, or there is no such file.
    pub fn of_program(part: Part, program: &Path) -> Result<Self> {
        let program = std::path::absolute(program)?;
        ensure!(program.is_file(), "{} is no file", program.display());
        let tag = format!("{REGISTRY}/{}:{TAG}", part.name());
        Ok(Self {
            helm: tools::helm()?,
            images: Images::Archives(vec![image::archive(part, &program, &tag)?.archive]),
        })
    }

    fn of_parts(parts: &[Part], profile: &str) -> Result<Self> {
        let helm = tools::helm()?;
        let mut programs = Vec::new();
        for part in parts {
            programs.push((*part, image::program(*part, profile)?));
        }
        let images = Images::Programs(programs);
        Ok(Self { helm, images })
    }

    /// Takes finished images from a folder: `controller.tar` and `proxy.tar`.
    ///
    /// # Errors
    /// When Helm cannot be built.
    pub fn of_archives(folder: &Path) -> Result<Self> {
        let archives = Part::ALL.map(|part| folder.join(format!("{}.tar", part.name())));
        Ok(Self {
            helm: tools::helm()?,
            images: Images::Archives(archives.into()),
        })
    }

    /// Path of Helm.
    pub fn helm(&self) -> &Path {
        &self.helm
    }

    /// The programs of the images; none where finished images were given.
    pub fn programs(&self) -> &[(Part, PathBuf)] {
        match &self.images {
            Images::Programs(programs) => programs,
            Images::Archives(_) => &[],
        }
    }

    /// Brings the images to a cluster, under each of these tags.
    ///
    /// # Errors
    /// When loading fails.
    pub fn load(&self, cluster: &Cluster, tags: &[&str]) -> Result<()> {
        let programs = match &self.images {
            Images::Programs(programs) => programs,
            Images::Archives(archives) => {
                return archives
                    .iter()
                    .try_for_each(|archive| cluster.run(&["load-image", &archive.display().to_string()]));
            }
        };
        for (part, program) in programs {
            let program = program.display().to_string();
            let names: Vec<String> = tags
                .iter()
                .map(|tag| format!("{REGISTRY}/{}:{tag}", part.name()))
                .collect();
            let mut action = vec!["load-image", &program];
            for name in &names {
                action.extend(["--tag", name]);
            }
            cluster.run(&action)?;
        }
        Ok(())
    }

    /// Brings the images to a cluster and installs the charts there: one controller, and what `settings` say
    /// (`PATH=VALUE`, as Helm's `--set`).
    ///
    /// # Errors
    /// When loading or an installation fails.
    pub fn install(&self, cluster: &Cluster, settings: &[&str]) -> Result<()> {
        self.load(cluster, &[TAG])?;
        self.release(cluster, "gatewright-crds", &[])?;
        let image = format!("image.tag={TAG}");
        let proxy = format!("proxy.image.tag={TAG}");
        let common = [image.as_str(), &proxy, "replicaCount=1"];
        self.release(cluster, "gatewright", &[&common, settings].concat())
    }

    fn release(&self, cluster: &Cluster, name: &str, settings: &[&str]) -> Result<()> {
        let helm = self.helm.display().to_string();
        let chart = root().join("deploy/charts").join(name).display().to_string();
        let mut line = vec![helm.as_str(), "upgrade", "--install", name, &chart];
        line.extend(["--namespace", NAMESPACE, "--create-namespace"]);
        line.extend(["--wait", "--timeout", "2m"]);
        line.extend(settings.iter().flat_map(|setting| ["--set", setting]));
        cluster.inside(&line)
    }
}
