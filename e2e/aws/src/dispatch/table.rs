//! Services with their models, ready to be called.

use crate::protocol::model::{Model, ModelError, Operation, Protocol};
use crate::service::{Handler, Service};
use crate::services::SERVICES;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use thiserror::Error;

/// Why services cannot be served: a fault of the program.
#[derive(Debug, Error)]
pub enum TableError {
    /// The model of a service.
    #[error("service {service}: {source}")]
    Model {
        /// Which service.
        service: &'static str,
        /// What is wrong with its model.
        source: ModelError,
    },
    /// An operation of the model that nothing serves, or the other way around.
    #[error("service {service}: {operation} is only in one of model and program")]
    Operation {
        /// Which service.
        service: &'static str,
        /// Which operation.
        operation: String,
    },
}

/// A service that can be called.
#[derive(Debug)]
pub struct Loaded {
    /// Our name of it.
    pub id: &'static str,
    /// Its model.
    pub model: Model,
    /// How it is spoken to.
    pub protocol: Protocol,
    handlers: BTreeMap<&'static str, Handler>,
}

impl Loaded {
    /// An operation and what serves it.
    pub fn operation(&self, name: &str) -> Option<(&Operation, Handler)> {
        let operation = self.model.operations.get(name)?;
        Some((operation, *self.handlers.get(name)?))
    }
}

/// All services.
#[derive(Debug)]
pub struct Table {
    services: Vec<Loaded>,
}

/// All services. Their models are part of the program: they are read once.
static ALL: OnceLock<Arc<Table>> = OnceLock::new();

impl Table {
    /// All services that are served, of all simulators of a process.
    ///
    /// # Errors
    ///
    /// Names the service and what is wrong with it.
    pub fn all() -> Result<Arc<Self>, TableError> {
        if let Some(all) = ALL.get() {
            return Ok(Arc::clone(all));
        }
        let all = Arc::new(Self::load(SERVICES)?);
        Ok(Arc::clone(ALL.get_or_init(|| all)))
    }

    /// Reads the models and checks that each operation is served.
    ///
    /// # Errors
    ///
    /// Names the service and what is wrong with it.
    pub fn load(services: &[Service]) -> Result<Self, TableError> {
        let services = services.iter().map(load).collect::<Result<_, _>>()?;
        Ok(Self { services })
    }

    /// The service with a version of its query API.
    pub fn by_version(&self, version: &str) -> Option<&Loaded> {
        let mut spoken = self
            .services
            .iter()
            .filter(|service| matches!(service.protocol, Protocol::Query | Protocol::Ec2));
        spoken.find(|service| service.model.metadata.api_version == version)
    }

    /// The service with a prefix of targets.
    pub fn by_target(&self, prefix: &str) -> Option<&Loaded> {
        let mut services = self.services.iter();
        services.find(|service| service.model.metadata.target_prefix.as_deref() == Some(prefix))
    }

    /// The service with a signing name.
    pub fn by_signing_name(&self, name: &str) -> Option<&Loaded> {
        self.services
            .iter()
            .find(|service| service.model.metadata.signing_name() == name)
    }
}

fn load(service: &Service) -> Result<Loaded, TableError> {
    let faulty = |source| TableError::Model {
        service: service.id,
        source,
    };
    let model = Model::read(service.model).map_err(faulty)?;
    let protocol = model.metadata.spoken().map_err(faulty)?;
    let handlers: BTreeMap<&'static str, Handler> = service.operations.iter().copied().collect();
    let modelled = model.operations.keys().map(String::as_str);
    let alone = modelled
        .filter(|name| !handlers.contains_key(name))
        .chain(
            handlers
                .keys()
                .copied()
                .filter(|name| !model.operations.contains_key(*name)),
        )
        .next();
    if let Some(operation) = alone {
        return Err(TableError::Operation {
            service: service.id,
            operation: operation.to_owned(),
        });
    }
    Ok(Loaded {
        id: service.id,
        model,
        protocol,
        handlers,
    })
}
