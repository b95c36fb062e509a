//! `AwsBackends` as settings of the lowering, and the target groups of others that they name.

use super::{FRESH, about};
use crate::alb::AlbDriver;
use crate::cloud::{Arn, Cloud, TargetGroup};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::settings::{BackendSettings, GivenBackend, GivenGroup, Settings};
use gatewright_core::graph::parameters::AwsBackend;
use gatewright_crds::own::aws::{AwsBackendSpec, ExistingTargetGroup, LambdaFunction};
use gatewright_provider_api::contract::ProviderError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// What was read of target groups of others, and when, in seconds since 1970, by the ARN or name that users gave.
#[derive(Debug, Default)]
pub struct GivenGroups(Mutex<BTreeMap<Str, (u64, Option<GivenGroup>)>>);

/// What is known of a target group.
enum Known {
    /// It was not read, or long ago.
    Nothing,
    /// It is there, or not.
    Read(Option<GivenGroup>),
}

impl GivenGroups {
    fn get(&self, which: &str, now: u64) -> Known {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(which) {
            Some((read, found)) if now < read.saturating_add(FRESH) => Known::Read(found.clone()),
            _ => Known::Nothing,
        }
    }

    fn put(&self, which: Str, found: Option<GivenGroup>, now: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (read, _)| now < read.saturating_add(FRESH));
        known.insert(which, (now, found));
    }
}

/// What a backend reference names.
///
/// # Errors
/// What the CRD's validation would have refused, in words: objects may be older than the CRD.
pub(super) fn backend(backend: &AwsBackend) -> Result<BackendSettings, String> {
    let AwsBackendSpec { target_group, lambda } = &*backend.spec;
    let what = match (target_group, lambda) {
        (Some(ExistingTargetGroup { arn, name }), None) => arn
            .as_deref()
            .or(name.as_deref())
            .map(|which| GivenBackend::Existing(which.into())),
        (
            None,
            Some(LambdaFunction {
                function_arn,
                multi_value_headers,
            }),
        ) => Some(GivenBackend::Lambda {
            function: function_arn.as_str().into(),
            multi_value_headers: multi_value_headers.unwrap_or_default(),
        }),
        _ => None,
    };
    let what = what.ok_or_else(|| {
        format!(
            "AwsBackend {}: exactly one of targetGroup.arn, targetGroup.name and lambda is needed",
            backend.object
        )
    })?;
    Ok(BackendSettings {
        field: backend.field.clone(),
        object: backend.object.clone(),
        what,
    })
}

impl<C: Cloud> AlbDriver<C> {
    /// The target groups of others that rules name, at most a minute old.
    pub(super) async fn given_groups(
        &self,
        settings: &Settings,
    ) -> Result<BTreeMap<Str, Option<GivenGroup>>, ProviderError> {
        let wanted: BTreeSet<&Str> = settings
            .backends
            .values()
            .filter_map(|backend| match &backend.what {
                GivenBackend::Existing(which) => Some(which),
                GivenBackend::Lambda { .. } => None,
            })
            .collect();
        let now = self.now();
        let mut found = BTreeMap::new();
        for which in wanted {
            let group = match self.known_groups().get(which, now) {
                Known::Read(group) => group,
                Known::Nothing => {
                    let read = self.read_group(which).await?;
                    self.known_groups().put(which.clone(), read.clone(), now);
                    read
                }
            };
            found.insert(which.clone(), group);
        }
        Ok(found)
    }

    async fn read_group(&self, which: &Str) -> Result<Option<GivenGroup>, ProviderError> {
        let answer = if which.starts_with("arn:") {
            let arns = [Arn(which.clone())];
            self.cloud()
                .target_groups(&arns)
                .await
                .map(|found| found.into_iter().next())
        } else {
            self.cloud().target_group_named(which).await
        };
        let found = answer.map_err(|error| about(error, "target group", which))?;
        Ok(found.map(|TargetGroup { arn, name, fixed, .. }| GivenGroup {
            arn: Str::clone(&arn.0),
            name,
            fixed,
        }))
    }
}
