//! Validation of client certificates (`Gateway.spec.tls.frontend`, GEP-91).

use crate::lookup::Referrer;
use crate::policy::authorities::{self, CaReference};
use crate::snapshot::View;
use crate::translate::Refusal;
use gatewright_crds::api::{FrontendTls, FrontendTlsConfig, FrontendValidationMode};
use gatewright_crds::constants::listener::reason;
use gatewright_model::certificate::TrustAnchors;
use gatewright_model::listener::{ClientValidation, ClientValidationMode};
use std::sync::Arc;

/// Client validation of one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// What a listener executes; `None` when no authority is left.
    pub validation: Option<Arc<ClientValidation>>,
    /// `ResolvedRefs=False` of the listeners.
    pub unresolved: Option<Refusal>,
    /// `Accepted=False` of the listeners when no authority is left.
    pub refused: Option<Refusal>,
}

/// The validation for a port: that of `perPort` if there is one, else the default (`FrontendTLSConfig`).
pub fn for_port(
    view: &View<'_>,
    namespace: &str,
    config: Option<&FrontendTlsConfig>,
    port: i32,
) -> Option<Frontend> {
    let FrontendTlsConfig { default, per_port } = config?;
    let own = per_port
        .iter()
        .flatten()
        .enumerate()
        .find(|(_, entry)| entry.port == port);
    let (field, FrontendTls { validation }) = match own {
        Some((index, entry)) => (format!("spec.tls.frontend.perPort[{index}]"), &entry.tls),
        None => ("spec.tls.frontend.default".to_owned(), default),
    };
    let validation = validation.as_ref()?;
    let found = authorities::resolve(
        view,
        Referrer::gateway_api("Gateway", namespace),
        validation.ca_certificate_refs.iter().map(CaReference::from),
    );
    let unresolved = found.faults.first().map(|fault| Refusal {
        reason: fault.listener_reason(),
        message: format!(
            "{field}.validation.caCertificateRefs[{}]: {}",
            fault.index, fault.why
        ),
    });
    let refused = found.bundle.is_empty().then(|| Refusal {
        reason: reason::NO_VALID_CA_CERTIFICATE,
        message: format!(
            "{field}.validation.caCertificateRefs: none of the references holds a valid certificate"
        ),
    });
    let mode = match validation.mode.unwrap_or_default() {
        FrontendValidationMode::AllowValidOnly => ClientValidationMode::AllowValidOnly,
        FrontendValidationMode::AllowInsecureFallback => ClientValidationMode::AllowInsecureFallback,
    };
    let validation = refused.is_none().then(|| {
        Arc::new(ClientValidation {
            mode,
            trust: TrustAnchors::Certificates(found.bundle),
        })
    });
    Some(Frontend {
        validation,
        unresolved,
        refused,
    })
}

/// Whether any part of the configuration accepts connections without a valid client certificate, which
/// the Gateway must report (`GatewayConditionInsecureFrontendValidationMode`).
pub fn is_insecure(config: Option<&FrontendTlsConfig>) -> bool {
    let insecure = |tls: &FrontendTls| {
        tls.validation
            .as_ref()
            .is_some_and(|validation| validation.mode == Some(FrontendValidationMode::AllowInsecureFallback))
    };
    config.is_some_and(|config| {
        insecure(&config.default) || config.per_port.iter().flatten().any(|entry| insecure(&entry.tls))
    })
}
