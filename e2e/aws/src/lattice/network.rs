//! Service networks: <https://docs.aws.amazon.com/vpc-lattice/latest/ug/service-networks.html>.

use super::{State, conflict, id_of, missing, named, page, quota, tags};
use crate::error::ApiError;
use crate::input::text;
use crate::quotas;
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A service network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// `NONE` or `AWS_IAM`.
    pub auth: String,
}

impl State {
    /// The network that a call names.
    pub(super) fn network_named(&self, input: &Value) -> Result<String, ApiError> {
        let id = text(input, "serviceNetworkIdentifier").unwrap_or_default();
        let found = named(&self.networks, id).cloned();
        found.ok_or_else(|| missing("Service network", id))
    }

    fn tell_network(&self, arn: &str) -> Value {
        let network = self.networks.get(arn);
        let vpcs = self.vpcs.values().filter(|link| link.network == arn).count();
        let services = self.links.values().filter(|link| link.network == arn).count();
        json!({
            "arn": arn,
            "id": id_of(arn),
            "name": network.map(|network| &network.name),
            "createdAt": self.created(arn),
            "lastUpdatedAt": self.created(arn),
            "numberOfAssociatedVPCs": vpcs,
            "numberOfAssociatedServices": services,
        })
    }
}

/// `API_CreateServiceNetwork`.
pub(super) fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let given = tags::read(input)?;
    let name = text(input, "name").unwrap_or_default();
    let most = account.quotas.value(quotas::LATTICE_NETWORKS);
    let state = &mut account.lattice;
    if state.networks.values().any(|other| other.name == name) {
        return Err(conflict(format!(
            "Service network with name {name} already exists"
        )));
    }
    if state.networks.len() as u64 >= most {
        return Err(quota("service networks", most));
    }
    let id = state.next(context, "sn");
    let arn = context.arn("vpc-lattice", &format!("servicenetwork/{id}"));
    let network = Network {
        name: name.to_owned(),
        auth: text(input, "authType").unwrap_or("NONE").to_owned(),
    };
    state.note(&arn, given, context);
    let told = json!({"arn": arn, "id": id, "name": name, "authType": network.auth});
    state.networks.insert(arn, network);
    Ok(told)
}

/// `API_GetServiceNetwork`.
pub(super) fn get(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let arn = state.network_named(input)?;
    let mut told = state.tell_network(&arn);
    if let (Some(members), Some(network)) = (told.as_object_mut(), state.networks.get(&arn)) {
        members.insert("authType".to_owned(), Value::from(network.auth.as_str()));
    }
    Ok(told)
}

/// `API_ListServiceNetworks`.
pub(super) fn list(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let all = state.networks.keys().map(|arn| state.tell_network(arn));
    page(all.collect(), context, input)
}

/// `API_UpdateServiceNetwork`.
pub(super) fn update(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let arn = state.network_named(input)?;
    let auth = text(input, "authType").unwrap_or("NONE").to_owned();
    let name = match state.networks.get_mut(&arn) {
        Some(network) => {
            network.auth.clone_from(&auth);
            network.name.clone()
        }
        None => String::new(),
    };
    state.touch(&arn);
    Ok(json!({"arn": arn, "id": id_of(&arn), "name": name, "authType": auth}))
}

/// `API_DeleteServiceNetwork`: "You can only delete the service network if there is no service or VPC associated with it."
pub(super) fn delete(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let arn = state.network_named(input)?;
    let vpcs = state.vpcs.values().any(|link| link.network == arn);
    let services = state.links.values().any(|link| link.network == arn);
    if vpcs || services {
        return Err(conflict("The service network still has associations"));
    }
    state.forget(&arn);
    Ok(json!({}))
}
