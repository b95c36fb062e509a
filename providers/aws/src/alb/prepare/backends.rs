//! `AwsBackends` as settings of the lowering, and the target groups of others that they name.

use super::{FRESH, about};
use crate::alb::AlbDriver;
use crate::cloud::{Arn, Cloud, TargetGroup};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::settings::{BackendSettings, GivenBackend, GivenGroup, Settings};
use gatewright_core::graph::parameters::AwsBackend;
use gatewright_crds::own::aws::{AwsBackendSpec, ExistingTargetGroup, LambdaFunction};
use gatewright_provider_api::contract::{ErrorKind, ProviderError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// What was read of target groups of others, and when, in seconds since 1970, by the ARN or name that users gave.
#[derive(Debug, Default)]
pub struct GivenGroups(Mutex<BTreeMap<Str, (u64, Lookup)>>);

/// A target group, or why it cannot be used.
type Lookup = Result<GivenGroup, Str>;

/// What is known of a target group.
enum Known {
    /// It was not read, or long ago.
    Nothing,
    /// It can be used, or not.
    Read(Lookup),
}

impl GivenGroups {
    fn get(&self, which: &str, now: u64) -> Known {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(which) {
            Some((read, found)) if now < read.saturating_add(FRESH) => Known::Read(found.clone()),
            _ => Known::Nothing,
        }
    }

    fn put(&self, which: Str, found: Lookup, now: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (read, _)| now < read.saturating_add(FRESH));
        known.insert(which, (now, found));
    }
}

/// What a backend reference names. What the CRD's validation would have refused (objects may be older than the CRD) is told of
/// its own rule.
pub(super) fn backend(backend: &AwsBackend) -> BackendSettings {
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
    let neither = || {
        let why = format!(
            "AwsBackend {}: exactly one of targetGroup.arn, targetGroup.name and lambda is needed",
            backend.object
        );
        GivenBackend::Unusable(why.into())
    };
    BackendSettings {
        field: backend.field.clone(),
        object: backend.object.clone(),
        what: what.unwrap_or_else(neither),
    }
}

impl<C: Cloud> AlbDriver<C> {
    /// The target groups of others that rules name, at most a minute old.
    pub(super) async fn given_groups(
        &self,
        settings: &Settings,
    ) -> Result<BTreeMap<Str, Lookup>, ProviderError> {
        let wanted: BTreeSet<&Str> = settings
            .backends
            .values()
            .filter_map(|backend| match &backend.what {
                GivenBackend::Existing(which) => Some(which),
                GivenBackend::Lambda { .. } | GivenBackend::Unusable(_) => None,
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

    /// AWS's refusal concerns who named the group: an ARN of another region or account is `ValidationError` there.
    async fn read_group(&self, which: &Str) -> Result<Lookup, ProviderError> {
        let answer = if which.starts_with("arn:") {
            let arns = [Arn(which.clone())];
            self.cloud()
                .target_groups_now(&arns)
                .await
                .map(|found| found.into_iter().next())
        } else {
            self.cloud().target_group_named(which).await
        };
        match answer {
            Ok(Some(TargetGroup { arn, name, fixed, .. })) => Ok(Ok(GivenGroup {
                arn: Str::clone(&arn.0),
                name,
                fixed,
            })),
            Ok(None) => Ok(Err("does not exist in this account and region".into())),
            // Not AWS's whole words: each answer has another number in them.
            Err(error) if matches!(error.kind, ErrorKind::Invalid | ErrorKind::NotFound) => Ok(Err(format!(
                "cannot be looked up in this account and region: AWS answers {} with {}",
                error.operation, error.code
            )
            .into())),
            Err(error) => Err(about(error, "target group", which)),
        }
    }
}
