//! Listeners: <https://docs.aws.amazon.com/vpc-lattice/latest/ug/listeners.html>.

use super::action::Site;
use super::{State, check_name, conflict, id_of, invalid, missing, named, page, quota, tags};
use crate::error::ApiError;
use crate::input::{number, text};
use crate::quotas;
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listener {
    /// Its name.
    pub name: String,
    /// `HTTP`, `HTTPS` or `TLS_PASSTHROUGH`.
    pub protocol: String,
    /// Port.
    pub port: u16,
    /// `defaultAction`.
    pub default: Value,
}

impl State {
    /// The listener that a call names.
    pub(super) fn listener_named(&self, input: &Value) -> Result<String, ApiError> {
        let service = self.service_named(input)?;
        let id = text(input, "listenerIdentifier").unwrap_or_default();
        let found = named(&self.listeners, id).filter(|arn| arn.starts_with(&format!("{service}/")));
        found.cloned().ok_or_else(|| missing("Listener", id))
    }

    /// Listeners of a service.
    pub fn listeners_of<'a>(&'a self, service: &str) -> impl Iterator<Item = (&'a String, &'a Listener)> {
        let below = format!("{service}/listener/");
        self.listeners
            .iter()
            .filter(move |(arn, _)| arn.starts_with(&below))
    }

    fn tell_listener(&self, arn: &str) -> Value {
        let Some(listener) = self.listeners.get(arn) else {
            return Value::Null;
        };
        json!({
            "arn": arn,
            "id": id_of(arn),
            "name": listener.name,
            "protocol": listener.protocol,
            "port": listener.port,
            "createdAt": self.created(arn),
            "lastUpdatedAt": self.created(arn),
        })
    }

    fn tell_whole(&self, arn: &str) -> Value {
        let mut told = self.tell_listener(arn);
        if let (Some(members), Some(listener)) = (told.as_object_mut(), self.listeners.get(arn)) {
            let service = arn.split("/listener/").next().unwrap_or_default();
            members.insert("defaultAction".to_owned(), listener.default.clone());
            members.insert("serviceArn".to_owned(), json!(service));
            members.insert("serviceId".to_owned(), json!(id_of(service)));
        }
        told
    }
}

/// `API_CreateListener`.
pub(super) fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let given = tags::read(input)?;
    let most = account.quotas.value(quotas::LATTICE_LISTENERS);
    let state = &mut account.lattice;
    let service = state.service_named(input)?;
    state.settled(&service, context)?;
    let name = text(input, "name").unwrap_or_default();
    check_name(name, "listener-")?;
    let protocol = text(input, "protocol").unwrap_or_default();
    let usual = if protocol == "HTTP" { 80 } else { 443 };
    let port = number(input, "port").unwrap_or(usual);
    let port = u16::try_from(port).map_err(|_| invalid("The port is too large"))?;
    if protocol == "TLS_PASSTHROUGH"
        && state
            .services
            .get(&service)
            .is_none_or(|found| found.domain.is_none())
    {
        return Err(invalid(
            "The service of a TLS listener must have a custom domain name",
        ));
    }
    for (_, other) in state.listeners_of(&service) {
        if other.port == port || other.name == name {
            return Err(conflict(format!(
                "The service has a listener of port {} and name {}",
                other.port, other.name
            )));
        }
    }
    if state.listeners_of(&service).count() as u64 >= most {
        return Err(quota("listeners per service", most));
    }
    let site = Site {
        service: &service,
        protocol,
    };
    let default = state.read_action(input.get("defaultAction").unwrap_or(&Value::Null), site)?;
    let id = state.next(context, "listener");
    let arn = format!("{service}/listener/{id}");
    let listener = Listener {
        name: name.to_owned(),
        protocol: protocol.to_owned(),
        port,
        default,
    };
    state.note(&arn, given, context);
    state.listeners.insert(arn.clone(), listener);
    state.touch(&arn);
    state.touch_groups(&arn);
    let mut told = state.tell_whole(&arn);
    if let Some(members) = told.as_object_mut() {
        members.retain(|name, _| name != "createdAt" && name != "lastUpdatedAt");
    }
    Ok(told)
}

/// `API_GetListener`.
pub(super) fn get(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = account.lattice.listener_named(input)?;
    Ok(account.lattice.tell_whole(&arn))
}

/// `API_ListListeners`.
pub(super) fn list(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let service = state.service_named(input)?;
    let all = state
        .listeners_of(&service)
        .map(|(arn, _)| state.tell_listener(arn));
    page(all.collect(), context, input)
}

/// `API_UpdateListener`: its default action.
pub(super) fn update(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let arn = state.listener_named(input)?;
    let service = state.service_named(input)?;
    let protocol = state
        .listeners
        .get(&arn)
        .map(|listener| listener.protocol.clone());
    let site = Site {
        service: &service,
        protocol: protocol.as_deref().unwrap_or_default(),
    };
    let default = state.read_action(input.get("defaultAction").unwrap_or(&Value::Null), site)?;
    state.touch_groups(&arn);
    if let Some(listener) = state.listeners.get_mut(&arn) {
        listener.default = default;
    }
    state.touch(&arn);
    state.touch_groups(&arn);
    let mut told = state.tell_whole(&arn);
    if let Some(members) = told.as_object_mut() {
        members.retain(|name, _| name != "createdAt" && name != "lastUpdatedAt");
    }
    Ok(told)
}

/// `API_DeleteListener`.
pub(super) fn delete(account: &mut Account, _: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let arn = state.listener_named(input)?;
    state.touch_groups(&arn);
    state.forget(&arn);
    Ok(json!({}))
}
