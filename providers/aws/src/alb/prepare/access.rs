//! What users ask of security groups, and what was given over to it.

use super::{ElbDriver, about, set};
use crate::cloud::{Arn, Cloud, Kind};
use crate::owner::{NODES, of_all};
use gatewright_aws_core::Str;
use gatewright_aws_core::access::AccessSettings;
use gatewright_aws_core::alb::settings::Settings;
use gatewright_core::status::programming::ProgrammingFault;
use gatewright_crds::own::aws::AccessParameters;
use gatewright_provider_api::contract::ProviderError;
use std::collections::BTreeSet;

/// Parameters of users as settings of the lowering.
pub(super) fn settings(parameters: &AccessParameters) -> AccessSettings {
    let AccessParameters {
        prefix_lists,
        path_mtu_discovery,
        without_security_groups,
        enforce_on_private_link,
        backend_security_groups,
        manage_backend_rules,
    } = parameters;
    AccessSettings {
        prefix_lists: set(prefix_lists.as_deref().unwrap_or_default()),
        path_mtu: path_mtu_discovery.unwrap_or_default(),
        without: without_security_groups.unwrap_or_default(),
        private_link: *enforce_on_private_link,
        backend_groups: set(backend_security_groups.as_deref().unwrap_or_default()),
        backend_rules: *manage_backend_rules,
    }
}

/// Rules are asked for, and no group was given over to them.
pub(super) fn fault(settings: &Settings, vpc: &str, nodes: &BTreeSet<Str>) -> Option<ProgrammingFault> {
    let asked = settings.access.backend_rules == Some(true) && !settings.access.without;
    (asked && nodes.is_empty()).then(|| ProgrammingFault {
        reason: "Invalid".into(),
        message: format!(
            "access.manageBackendRules: no security group in {vpc} has the tag {NODES}={}: tag the one that nodes and \
             pods have",
            settings.cluster
        ),
    })
}

impl<C: Cloud> ElbDriver<C> {
    /// Leaves the group that is shared out of those of a load balancer that is taken over: it has it from here.
    ///
    /// # Errors
    /// When it cannot be read which one that is.
    pub(super) async fn without_shared(&self, groups: &mut BTreeSet<Arn>) -> Result<(), ProviderError> {
        let marks = of_all(self.cluster()).marks();
        let found = self.cloud().find(Kind::SecurityGroup, &marks).await;
        let found = found.map_err(|error| about(error, "security groups of", self.cluster()))?;
        groups.retain(|id| found.iter().all(|found| found.arn != *id));
        Ok(())
    }
}
