//! What rules of routes name of our own kinds for AWS: AwsRouteParameters, with the secret that they name, and AwsBackends.

use crate::graph::parameters::{AwsBackend, AwsRoute};
use crate::lookup::Lookup;
use crate::snapshot::View;
use crate::translate::Extension;
use gatewright_model::Str;
use gatewright_model::certificate::Secret;
use gatewright_model::key::ObjectName;
use std::sync::Arc;

/// Key of a Secret that holds the secret of a client. The cluster's watch keeps it.
pub const CLIENT_SECRET: &str = "clientSecret";

/// Longest secret, in bytes.
const LONGEST: usize = 4096;

/// What an extension of a rule says; none when it is gone meanwhile.
pub fn route(view: &View<'_>, extension: &Extension) -> Option<AwsRoute> {
    let found = view.aws_route(&extension.object)?;
    let named = found.spec.oidc.as_ref().map(|oidc| &oidc.client_secret_ref.name);
    let client_secret = named.map(|name| {
        let object = ObjectName::new(&extension.object.namespace, name);
        client_secret(view, &object).map_err(Str::from)
    });
    Some(AwsRoute {
        field: extension.field.as_str().into(),
        object: extension.object.clone(),
        spec: Arc::new(found.spec.clone()),
        client_secret,
    })
}

/// What a backend reference names; none when it is gone meanwhile.
pub fn backend(view: &View<'_>, extension: &Extension) -> Option<AwsBackend> {
    let found = view.aws_backend(&extension.object)?;
    Some(AwsBackend {
        field: extension.field.as_str().into(),
        object: extension.object.clone(),
        spec: Arc::new(found.spec.clone()),
    })
}

/// The secret of a client, or what is wrong with the Secret, in words that hold nothing of it.
fn client_secret(lookup: &impl Lookup, object: &ObjectName) -> Result<Secret, String> {
    let found = lookup
        .secret(object)
        .ok_or_else(|| format!("Secret {object} does not exist"))?;
    let bytes = found.data.as_ref().and_then(|data| data.get(CLIENT_SECRET));
    let bytes = bytes.ok_or_else(|| format!("Secret {object} has no key {CLIENT_SECRET}"))?;
    let sound = (1..=LONGEST).contains(&bytes.0.len()) && bytes.0.iter().all(u8::is_ascii_graphic);
    if !sound {
        return Err(format!(
            "Secret {object}: {CLIENT_SECRET} must be 1 to {LONGEST} printable ASCII characters without spaces or line breaks"
        ));
    }
    Ok(Secret::new(bytes.0.as_slice()))
}
