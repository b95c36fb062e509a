//! Services: <https://docs.aws.amazon.com/vpc-lattice/latest/ug/services.html>.

use super::{State, check_name, conflict, id_of, invalid, missing, named, page, quota, tags};
use crate::acm::{self, Secret};
use crate::error::ApiError;
use crate::input::{number, text};
use crate::quotas;
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Custom domain.
    pub domain: Option<String>,
    /// ARN of the custom domain's certificate.
    pub certificate: Option<String>,
    /// `NONE` or `AWS_IAM`.
    pub auth: String,
    /// Idle timeout.
    pub idle_s: i64,
    /// The name that is generated for it.
    pub dns_name: String,
    /// Its hosted zone.
    pub zone: String,
    /// Certificate and key of that name, PEM.
    pub own: (String, Secret),
}

impl State {
    /// The service that a call names.
    pub(super) fn service_named(&self, input: &Value) -> Result<String, ApiError> {
        let id = text(input, "serviceIdentifier").unwrap_or_default();
        let found = named(&self.services, id).cloned();
        found.ok_or_else(|| missing("Service", id))
    }

    /// All services.
    pub fn services(&self) -> impl Iterator<Item = (&String, &Service)> {
        self.services.iter()
    }

    /// Has a service's traffic follow, for example as the certificate that it shows is another.
    pub fn renew(&mut self, arn: &str) {
        if self.services.contains_key(arn) {
            self.touch(arn);
        }
    }

    /// A service.
    pub fn service(&self, arn: &str) -> Option<&Service> {
        self.services.get(arn)
    }

    fn tell_service(&self, arn: &str, context: &Context) -> Value {
        let Some(service) = self.services.get(arn) else {
            return Value::Null;
        };
        json!({
            "arn": arn,
            "id": id_of(arn),
            "name": service.name,
            "createdAt": self.created(arn),
            "lastUpdatedAt": self.created(arn),
            "dnsEntry": {"domainName": service.dns_name, "hostedZoneId": service.zone},
            "customDomainName": service.domain,
            "status": self.status(arn, context),
        })
    }
}

/// "These certificates must have a Subject Alternate Name (SAN) or Common Name (CN) that matches the custom domain name", one
/// level deep for wildcards (service-byoc.html); and only issued ones can be used.
fn check_certificate(
    account: &Account,
    context: &Context,
    arn: &str,
    domain: Option<&str>,
) -> Result<(), ApiError> {
    let Some(domain) = domain else {
        return Err(invalid("A certificate needs a custom domain name"));
    };
    let found = account
        .acm
        .certificate(arn)
        .ok_or_else(|| missing("Certificate", arn))?;
    if found.status(context) != "ISSUED" {
        return Err(invalid(format!("The certificate {arn} is not issued")));
    }
    let covers = |name: &String| match name.strip_prefix("*.") {
        Some(parent) => domain.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => name == domain,
    };
    let mut names = found.facts.names.iter().chain([&found.facts.domain]);
    if !names.any(covers) {
        return Err(invalid(format!("The certificate {arn} is not for {domain}")));
    }
    Ok(())
}

/// `API_CreateService`.
pub(super) fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let given = tags::read(input)?;
    let name = text(input, "name").unwrap_or_default();
    check_name(name, "svc-")?;
    let domain = text(input, "customDomainName");
    let certificate = text(input, "certificateArn").filter(|arn| !arn.is_empty());
    if let Some(arn) = certificate {
        check_certificate(account, context, arn, domain)?;
    }
    let most = account.quotas.value(quotas::LATTICE_SERVICES);
    if account.lattice.services.values().any(|other| other.name == name) {
        return Err(conflict(format!("Service with name {name} already exists")));
    }
    if account.lattice.services.len() as u64 >= most {
        return Err(quota("services", most));
    }
    let id = account.lattice.next(context, "svc");
    // "service_name-service_id.partition_id.vpc-lattice-svcs.region.on.aws" (service-custom-domain-name.html).
    let digits = id.trim_start_matches("svc-");
    let dns_name = format!(
        "{name}-{digits}.7d67968.vpc-lattice-svcs.{}.on.aws",
        context.region
    );
    let own = acm::issue_apart(&mut account.acm, context, &dns_name)?;
    let state = &mut account.lattice;
    let arn = context.arn("vpc-lattice", &format!("service/{id}"));
    let service = Service {
        name: name.to_owned(),
        domain: domain.map(str::to_ascii_lowercase),
        certificate: certificate.map(str::to_owned),
        auth: text(input, "authType").unwrap_or("NONE").to_owned(),
        idle_s: number(input, "idleTimeoutSeconds").unwrap_or(60),
        dns_name,
        zone: "Z09999999LATTICE0000".to_owned(),
        own,
    };
    state.note(&arn, given, context);
    let shown = service.certificate.iter().cloned().collect();
    account.acm.set_used_by(&arn, shown);
    state.services.insert(arn.clone(), service);
    state.touch(&arn);
    let mut told = state.tell_service(&arn, context);
    if let (Some(members), Some(service)) = (told.as_object_mut(), state.services.get(&arn)) {
        members.retain(|name, _| name != "createdAt" && name != "lastUpdatedAt");
        members.insert("authType".to_owned(), json!(service.auth));
        members.insert("certificateArn".to_owned(), json!(service.certificate));
    }
    Ok(told)
}

/// `API_GetService`.
pub(super) fn get(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let arn = state.service_named(input)?;
    let mut told = state.tell_service(&arn, context);
    if let (Some(members), Some(service)) = (told.as_object_mut(), state.services.get(&arn)) {
        members.insert("authType".to_owned(), json!(service.auth));
        members.insert("certificateArn".to_owned(), json!(service.certificate));
        members.insert("idleTimeoutSeconds".to_owned(), json!(service.idle_s));
    }
    Ok(told)
}

/// `API_ListServices`.
pub(super) fn list(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let all = state.services.keys().map(|arn| state.tell_service(arn, context));
    page(all.collect(), context, input)
}

/// `API_UpdateService`: certificate, authentication and idle timeout; the custom domain cannot change.
pub(super) fn update(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = account.lattice.service_named(input)?;
    account.lattice.settled(&arn, context)?;
    let domain = account
        .lattice
        .services
        .get(&arn)
        .and_then(|service| service.domain.clone());
    let certificate = text(input, "certificateArn");
    if let Some(arn) = certificate.filter(|arn| !arn.is_empty()) {
        check_certificate(account, context, arn, domain.as_deref())?;
    }
    let state = &mut account.lattice;
    state.touch(&arn);
    let Some(service) = state.services.get_mut(&arn) else {
        return Err(missing("Service", &arn));
    };
    if let Some(certificate) = certificate {
        service.certificate = Some(certificate.to_owned()).filter(|arn| !arn.is_empty());
    }
    if let Some(auth) = text(input, "authType") {
        auth.clone_into(&mut service.auth);
    }
    if let Some(idle_s) = number(input, "idleTimeoutSeconds") {
        service.idle_s = idle_s;
    }
    account
        .acm
        .set_used_by(&arn, service.certificate.iter().cloned().collect());
    Ok(json!({
        "arn": arn,
        "id": id_of(&arn),
        "name": service.name,
        "customDomainName": service.domain,
        "certificateArn": service.certificate,
        "authType": service.auth,
        "idleTimeoutSeconds": service.idle_s,
    }))
}

/// `API_DeleteService`: "A service can't be deleted if it's associated with a service network."
pub(super) fn delete(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let arn = state.service_named(input)?;
    if state.links.values().any(|link| link.service == arn) {
        return Err(conflict("The service is associated with a service network"));
    }
    let name = state.services.get(&arn).map(|service| service.name.clone());
    state.end(&arn, context);
    account.acm.set_used_by(&arn, std::collections::BTreeSet::new());
    Ok(json!({"arn": arn, "id": id_of(&arn), "name": name, "status": "DELETE_IN_PROGRESS"}))
}
