//! Services that exist and are to be a Gateway's. Their owner offers each by a tag, [`OFFERED`], and it is taken as a whole:
//! with its listeners, its rules and its generated name. What cannot become what the Gateway asks for without
//! an outage is refused before anything is touched.

use super::about;
use crate::cloud::{Arn, CloudError};
use crate::lattice::cloud::{Kind, Lattice, Service as Exists, Status};
use crate::lattice::driver::LatticeDriver;
use crate::lattice::observed::resource;
use crate::lattice::plan::LAST;
use crate::owner::{ADOPTED, MANAGED_BY, OFFERED, Owner, RESOURCE, Tags, value};
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::settings::{Limits, Settings};
use gatewright_aws_core::lattice::{Protocol, Service, ServiceId, Take, Target};
use gatewright_core::status::programming::ProgrammingFault;
use gatewright_provider_api::contract::{ErrorKind, ProviderError};
use std::collections::BTreeMap;

const KIND: &str = "service";

/// Why a service is not taken over.
enum Refusal {
    /// In words.
    Why(String),
    /// AWS cannot be asked.
    Failed(ProviderError),
}

impl From<ProviderError> for Refusal {
    fn from(error: ProviderError) -> Self {
        Self::Failed(error)
    }
}

fn refused<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Why(why.into()))
}

impl<C: Lattice> LatticeDriver<C> {
    /// Finds the names of services that parameters name by their ARNs.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub(super) async fn name_adopted(&self, settings: &mut Settings) -> Result<(), ProviderError> {
        for own in settings.services.values_mut() {
            let Some(adopted) = &mut own.adopt else { continue };
            if let Some(found) = self.existing(&Arn(adopted.arn.clone())).await? {
                adopted.name = found.name;
            }
        }
        Ok(())
    }

    /// Says of each service that is to be taken over what that takes. Why one of them is not is told; all else goes on.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn adopt(
        &self,
        target: &mut Target,
        limits: &Limits,
    ) -> Result<Option<ProgrammingFault>, ProviderError> {
        let owner = Owner {
            cluster: self.settings().cluster.clone(),
            gateway: target.gateway.clone(),
        };
        let mut fault = None;
        for (id, wanted) in &mut target.services {
            let Some(adoption) = &wanted.adopt else { continue };
            let arn = Arn(adoption.arn.clone());
            let found = self.take(&owner, &arn, (id, &*wanted), limits).await;
            let take = match found {
                Ok(take) => take,
                Err(Refusal::Failed(error)) => return Err(error),
                Err(Refusal::Why(why)) => {
                    if fault.is_none() {
                        fault = Some(ProgrammingFault {
                            reason: "Invalid".into(),
                            message: format!("services[hostname={id}].adopt: {arn}: {why}"),
                        });
                    }
                    None
                }
            };
            if let Some(adoption) = &mut wanted.adopt {
                adoption.take = take;
            }
        }
        Ok(fault)
    }

    /// The service of an ARN. One that AWS does not accept is of another region or account.
    async fn existing(&self, arn: &Arn) -> Result<Option<Exists>, ProviderError> {
        match self.cloud().service(arn).await {
            Err(error) if error.kind == ErrorKind::Invalid => Ok(None),
            found => found.map_err(|error| about(error, KIND, &arn.0)),
        }
    }

    /// What it takes to take a service over; none for one that is the Gateway's already.
    async fn take(
        &self,
        owner: &Owner,
        arn: &Arn,
        (id, wanted): (&ServiceId, &Service),
        limits: &Limits,
    ) -> Result<Option<Take>, Refusal> {
        let failed = |error: CloudError| about(error, KIND, &arn.0);
        let ours = self.cloud().find_marked(Kind::Service, &owner.marks()).await;
        let ours = ours.map_err(failed)?;
        if let Some(found) = ours.iter().find(|found| found.arn == *arn) {
            return is_for(&found.tags, id);
        }
        let Some(found) = self.existing(arn).await? else {
            return refused("it does not exist in this account and region");
        };
        let tags = self.cloud().tags_of(arn).await.map_err(failed)?;
        let tags = tags.unwrap_or_default();
        // Searches may not show yet that it was taken over.
        if owner.owns(&tags) {
            return is_for(&tags, id);
        }
        is_offered(owner, &tags)?;
        fits(&found, wanted)?;
        let mut take = Take {
            listeners: self.listeners(arn, wanted, limits).await?,
            tags: BTreeMap::from([(ADOPTED.into(), "true".into())]),
            ..Take::default()
        };
        if tags.contains_key(MANAGED_BY) {
            let ours = value(&format!("gatewright.dev/{}", owner.cluster));
            take.tags.insert(MANAGED_BY.into(), ours);
        }
        let associations = self.cloud().service_associations(arn).await.map_err(failed)?;
        take.associations = associations.into_iter().map(|found| found.arn.0).collect();
        Ok(Some(take))
    }

    /// Its listeners, if all of them can become the Gateway's.
    async fn listeners(
        &self,
        arn: &Arn,
        wanted: &Service,
        limits: &Limits,
    ) -> Result<BTreeMap<u16, Str>, Refusal> {
        let failed = |error: CloudError| about(error, KIND, &arn.0);
        let mut found = BTreeMap::new();
        for listener in self.cloud().listeners_of(arn).await.map_err(failed)? {
            let port = listener.port;
            let Some(asked) = wanted.listeners.get(&port) else {
                return refused(format!(
                    "it listens on port {port}, where the Gateway serves nothing of this hostname: add a listener to the \
                     Gateway, or end that one first"
                ));
            };
            if listener.protocol != Some(asked.protocol) {
                let seen = listener
                    .protocol
                    .map_or("one that is not known here", Protocol::as_str);
                return refused(format!(
                    "its listener on port {port} is {seen} and cannot change, and the Gateway's is {}",
                    asked.protocol.as_str()
                ));
            }
            let rules = self.cloud().rules_of(&listener.arn).await.map_err(failed)?;
            let (count, ours, most) = (rules.len(), asked.rules.len(), limits.rules as usize);
            if count + ours > most {
                return refused(format!(
                    "its listener on port {port} has {count} rules, which stay until the {ours} of the Gateway serve, and a \
                     listener has at most {most} (quota \"Rules per listener\")"
                ));
            }
            let last = rules.iter().map(|rule| rule.priority).max().unwrap_or_default();
            if usize::from(LAST.saturating_sub(last)) < ours {
                return refused(format!(
                    "its listener on port {port} has a rule of priority {last}, behind which {ours} of the Gateway are to come, and \
                     {LAST} is the last"
                ));
            }
            found.insert(port, listener.arn.0);
        }
        Ok(found)
    }
}

/// One with the Gateway's tags is what these say.
fn is_for(tags: &Tags, id: &ServiceId) -> Result<Option<Take>, Refusal> {
    match tags.get(RESOURCE) {
        Some(found) if *found == resource(id) => Ok(None),
        Some(found) => refused(format!("it is the Gateway's {found:?} already")),
        None => refused(format!(
            "it has tags of the Gateway's and no {RESOURCE}: take them away, and offer it by the tag {OFFERED}"
        )),
    }
}

fn is_offered(owner: &Owner, tags: &Tags) -> Result<(), Refusal> {
    let accepted = owner.offer();
    let found = match tags.get(OFFERED) {
        Some(found) if *found == accepted => return Ok(()),
        Some(found) => format!("found {found}"),
        None => "it has no such tag".to_owned(),
    };
    refused(format!(
        "its owner has not offered it: accepted is the tag {OFFERED}={accepted}, {found}"
    ))
}

/// A custom domain cannot change.
fn fits(found: &Exists, wanted: &Service) -> Result<(), Refusal> {
    if found.status != Status::Active {
        return refused("AWS has not set it up");
    }
    let seen = found.domain.as_deref().map(str::to_ascii_lowercase);
    let seen = seen.filter(|domain| !domain.is_empty());
    if seen.as_deref() == wanted.domain.as_deref() {
        return Ok(());
    }
    let word = |domain: Option<&str>| domain.unwrap_or("none").to_owned();
    refused(format!(
        "its custom domain cannot change: accepted is {}, found {}",
        word(wanted.domain.as_deref()),
        word(seen.as_deref())
    ))
}
