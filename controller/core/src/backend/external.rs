//! Services of type ExternalName (CVE-2021-25740).

use super::{BackendOptions, ExternalNames, Location};
use gatewright_model::backend::Endpoints;
use std::net::IpAddr;

/// Turns `spec.externalName` into a name to resolve.
///
/// # Errors
/// Words for the condition's message: the type is not enabled, or the name is one that would lead
/// around the grants of the cluster.
pub(super) fn external(name: &str, port: u16, options: BackendOptions) -> Result<Endpoints, String> {
    if options.external_names == ExternalNames::Refuse {
        return Err(
            "is of type ExternalName, which is not enabled because it can lead around \
                    ReferenceGrants (CVE-2021-25740)"
                .to_owned(),
        );
    }
    let host = name.trim_end_matches('.').to_ascii_lowercase();
    if host.is_empty() {
        return Err("is of type ExternalName without spec.externalName".to_owned());
    }
    if host.parse::<IpAddr>().is_ok() {
        return Err(format!(
            "has the address \"{name}\" as externalName; a DNS name is needed, addresses belong into an EndpointSlice"
        ));
    }
    if options.location == Location::Cluster && is_internal(&host) {
        return Err(format!(
            "has the externalName \"{name}\", a name of this cluster or machine; refer to the Service itself, \
             with a ReferenceGrant if it is in another namespace"
        ));
    }
    let allow_local = options.location == Location::Standalone;
    Ok(Endpoints::Dns {
        hostname: host.into(),
        port,
        allow_local,
    })
}

/// Names that resolve to the machine or to Services of the cluster. Single labels are completed by
/// the search path of the pod, so they are such names too.
pub(super) fn is_internal(host: &str) -> bool {
    let internal_suffix = [".svc", ".cluster.local", ".localhost"]
        .iter()
        .any(|suffix| host.ends_with(suffix));
    internal_suffix || !host.contains('.')
}
