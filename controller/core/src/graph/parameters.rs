//! `parametersRef` of GatewayClasses and Gateways.

use crate::snapshot::View;
use gatewright_crds::own::{GROUP, SoftwareGatewayParametersSpec};
use gatewright_model::key::ObjectName;

/// The kind that holds parameters of the software provider.
const KIND: &str = "SoftwareGatewayParameters";

/// What the classes of a controller name take as parameters. It follows the provider behind the name and not
/// the name itself: an installation chooses its own, so that several live side by side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParametersKind {
    /// Nothing.
    #[default]
    None,
    /// `SoftwareGatewayParameters`.
    Software,
}

/// A reference to parameters, the namespace filled in by the caller.
#[derive(Clone, Copy, Debug)]
pub struct ParametersRef<'a> {
    /// Path of the field.
    pub field: &'a str,
    /// Group.
    pub group: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// Namespace; empty when a cluster-scoped object was named.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
}

/// Resolves parameters.
///
/// # Errors
/// Message of `Accepted=False` with reason `InvalidParameters`: the kind is not one of the
/// controller's, the object does not exist, or it holds what cannot be used (`GatewayClassSpec.parametersRef`,
/// `GatewayInfrastructure.parametersRef`: "the Gateway/GatewayClass SHOULD be rejected").
pub fn resolve(
    view: &View<'_>,
    (controller, accepted): (&str, ParametersKind),
    reference: ParametersRef<'_>,
) -> Result<SoftwareGatewayParametersSpec, String> {
    let ParametersRef {
        field,
        group,
        kind,
        namespace,
        name,
    } = reference;
    if accepted == ParametersKind::None {
        return Err(format!(
            "{field}: kind {kind} of group {group} holds no parameters for {controller}; none are accepted"
        ));
    }
    if (group, kind) != (GROUP, KIND) {
        return Err(format!(
            "{field}: kind {kind} of group {group} holds no parameters for {controller}; accepted is {KIND} of {GROUP}"
        ));
    }
    if namespace.is_empty() {
        return Err(format!(
            "{field}.namespace: is needed, because {KIND} is namespaced"
        ));
    }
    let object = ObjectName::new(namespace, name);
    match view.parameters(&object) {
        Some(found) => match found.spec.problem() {
            Some(problem) => Err(format!("{field}: {KIND} {object}: {problem}")),
            None => Ok(found.spec.clone()),
        },
        None => Err(format!("{field}: {KIND} {object} does not exist")),
    }
}
