//! Associations of VPCs and services with service networks:
//! <https://docs.aws.amazon.com/vpc-lattice/latest/ug/service-network-associations.html>.

use super::{State, conflict, id_of, invalid, missing, named, page, quota, tags};
use crate::error::ApiError;
use crate::input::{text, texts};
use crate::quotas;
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Of a VPC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OfVpc {
    /// ARN of the network.
    pub network: String,
    /// VPC.
    pub vpc: String,
    /// Security groups.
    pub groups: Vec<String>,
}

/// Of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OfService {
    /// ARN of the network.
    pub network: String,
    /// ARN of the service.
    pub service: String,
}

impl State {
    fn of_vpc(&self, input: &Value) -> Result<String, ApiError> {
        let id = text(input, "serviceNetworkVpcAssociationIdentifier").unwrap_or_default();
        let found = named(&self.vpcs, id).cloned();
        found.ok_or_else(|| missing("Service network VPC association", id))
    }

    fn of_service(&self, input: &Value) -> Result<String, ApiError> {
        let id = text(input, "serviceNetworkServiceAssociationIdentifier").unwrap_or_default();
        let found = named(&self.links, id).cloned();
        found.ok_or_else(|| missing("Service network service association", id))
    }

    fn tell_vpc(&self, arn: &str, context: &Context) -> Value {
        let link = self.vpcs.get(arn);
        let network = link.map_or("", |link| &link.network);
        json!({
            "arn": arn,
            "id": id_of(arn),
            "status": self.status(arn, context),
            "createdBy": context.account,
            "createdAt": self.created(arn),
            "lastUpdatedAt": self.created(arn),
            "serviceNetworkId": id_of(network),
            "serviceNetworkName": self.networks.get(network).map(|network| &network.name),
            "serviceNetworkArn": network,
            "vpcId": link.map(|link| &link.vpc),
        })
    }

    fn tell_service_link(&self, arn: &str, context: &Context) -> Value {
        let link = self.links.get(arn);
        let network = link.map_or("", |link| &link.network);
        let service = link.map_or("", |link| &link.service);
        let found = self.services.get(service);
        json!({
            "arn": arn,
            "id": id_of(arn),
            "status": self.status(arn, context),
            "createdBy": context.account,
            "createdAt": self.created(arn),
            "serviceNetworkId": id_of(network),
            "serviceNetworkName": self.networks.get(network).map(|network| &network.name),
            "serviceNetworkArn": network,
            "serviceId": id_of(service),
            "serviceName": found.map(|found| &found.name),
            "serviceArn": service,
            "customDomainName": found.and_then(|found| found.domain.as_ref()),
            "dnsEntry": found.map(|found| json!({"domainName": found.dns_name, "hostedZoneId": found.zone})),
        })
    }
}

fn groups(account: &Account, context: &Context, vpc: &str, input: &Value) -> Result<Vec<String>, ApiError> {
    let ids = texts(input, "securityGroupIds");
    for id in &ids {
        let found = account.ec2.group(id, context);
        if found.is_none_or(|group| group.vpc != vpc) {
            return Err(invalid(format!(
                "The security group {id} does not exist in {vpc}"
            )));
        }
    }
    Ok(ids.into_iter().map(str::to_owned).collect())
}

/// `API_CreateServiceNetworkVpcAssociation`. A VPC has one: "You can associate a VPC with one service network".
pub(super) fn create_of_vpc(
    account: &mut Account,
    context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let given = tags::read(input)?;
    account.ec2.ensure(&context.account, &context.region);
    let network = account.lattice.network_named(input)?;
    let vpc = text(input, "vpcIdentifier").unwrap_or_default();
    account.ec2.vpc(vpc).ok_or_else(|| missing("VPC", vpc))?;
    let groups = groups(account, context, vpc, input)?;
    let state = &mut account.lattice;
    if let Some(other) = state.vpcs.values().find(|link| link.vpc == vpc) {
        return Err(conflict(format!(
            "VPC {vpc} is already associated with service network {}",
            id_of(&other.network)
        )));
    }
    let id = state.next(context, "snva");
    let arn = context.arn("vpc-lattice", &format!("servicenetworkvpcassociation/{id}"));
    let link = OfVpc {
        network,
        vpc: vpc.to_owned(),
        groups,
    };
    state.note(&arn, given, context);
    let told = json!({
        "arn": arn,
        "id": id,
        "status": "CREATE_IN_PROGRESS",
        "createdBy": context.account,
        "securityGroupIds": link.groups,
    });
    state.vpcs.insert(arn, link);
    Ok(told)
}

/// `API_GetServiceNetworkVpcAssociation`.
pub(super) fn get_of_vpc(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let arn = state.of_vpc(input)?;
    let mut told = state.tell_vpc(&arn, context);
    if let (Some(members), Some(link)) = (told.as_object_mut(), state.vpcs.get(&arn)) {
        members.insert("securityGroupIds".to_owned(), json!(link.groups));
    }
    Ok(told)
}

/// `API_ListServiceNetworkVpcAssociations`: of a network or a VPC.
pub(super) fn list_of_vpcs(
    account: &mut Account,
    context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let network = text(input, "serviceNetworkIdentifier");
    let network = network.map(|id| named(&state.networks, id).cloned().unwrap_or_default());
    let vpc = text(input, "vpcIdentifier");
    if network.is_none() && vpc.is_none() {
        return Err(invalid("A service network or a VPC must be given"));
    }
    let wanted = state.vpcs.iter().filter(|(_, link)| {
        network.as_ref().is_none_or(|network| link.network == *network)
            && vpc.is_none_or(|vpc| link.vpc == vpc)
    });
    let all = wanted.map(|(arn, _)| state.tell_vpc(arn, context)).collect();
    page(all, context, input)
}

/// `API_UpdateServiceNetworkVpcAssociation`: "to remove all security groups, you must first delete the association".
pub(super) fn update_of_vpc(
    account: &mut Account,
    context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let arn = account.lattice.of_vpc(input)?;
    account.lattice.settled(&arn, context)?;
    let vpc = account.lattice.vpcs.get(&arn).map(|link| link.vpc.clone());
    let groups = groups(account, context, &vpc.unwrap_or_default(), input)?;
    let state = &mut account.lattice;
    if let Some(link) = state.vpcs.get_mut(&arn) {
        link.groups.clone_from(&groups);
    }
    Ok(json!({
        "arn": arn,
        "id": id_of(&arn),
        "status": "ACTIVE",
        "createdBy": context.account,
        "securityGroupIds": groups,
    }))
}

/// `API_DeleteServiceNetworkVpcAssociation`.
pub(super) fn delete_of_vpc(
    account: &mut Account,
    context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let arn = state.of_vpc(input)?;
    if state.status(&arn, context) == "CREATE_IN_PROGRESS" {
        return Err(conflict("The association is being made"));
    }
    state.end(&arn, context);
    Ok(json!({"arn": arn, "id": id_of(&arn), "status": "DELETE_IN_PROGRESS"}))
}

/// `API_CreateServiceNetworkServiceAssociation`.
pub(super) fn create_of_service(
    account: &mut Account,
    context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let given = tags::read(input)?;
    let most = account.quotas.value(quotas::LATTICE_SERVICES_PER_NETWORK);
    let state = &mut account.lattice;
    let network = state.network_named(input)?;
    let service = state.service_named(input)?;
    state.settled(&service, context)?;
    let of_network = || state.links.values().filter(|link| link.network == network);
    if of_network().any(|link| link.service == service) {
        return Err(conflict(
            "The service is associated with the service network already",
        ));
    }
    // Clients of a network could not tell two of one domain apart.
    let domain = |arn: &str| state.services.get(arn).and_then(|found| found.domain.clone());
    if let Some(own) = domain(&service)
        && of_network().any(|link| domain(&link.service).as_ref() == Some(&own))
    {
        return Err(conflict(format!(
            "The service network has a service of {own} already"
        )));
    }
    if of_network().count() as u64 >= most {
        return Err(quota("services per service network", most));
    }
    let id = state.next(context, "snsa");
    let arn = context.arn("vpc-lattice", &format!("servicenetworkserviceassociation/{id}"));
    state.note(&arn, given, context);
    state.links.insert(arn.clone(), OfService { network, service });
    state.touch(&arn);
    let told = state.tell_service_link(&arn, context);
    Ok(json!({
        "arn": arn,
        "id": id,
        "status": "CREATE_IN_PROGRESS",
        "createdBy": context.account,
        "customDomainName": told.get("customDomainName"),
        "dnsEntry": told.get("dnsEntry"),
    }))
}

/// `API_GetServiceNetworkServiceAssociation`.
pub(super) fn get_of_service(
    account: &mut Account,
    context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let arn = state.of_service(input)?;
    Ok(state.tell_service_link(&arn, context))
}

/// `API_ListServiceNetworkServiceAssociations`: of a network or a service.
pub(super) fn list_of_services(
    account: &mut Account,
    context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let network = text(input, "serviceNetworkIdentifier").map(|id| named(&state.networks, id).cloned());
    let service = text(input, "serviceIdentifier").map(|id| named(&state.services, id).cloned());
    if network.is_none() && service.is_none() {
        return Err(invalid("A service network or a service must be given"));
    }
    let wanted = state.links.iter().filter(|(_, link)| {
        network
            .as_ref()
            .is_none_or(|network| network.as_ref() == Some(&link.network))
            && service
                .as_ref()
                .is_none_or(|service| service.as_ref() == Some(&link.service))
    });
    let all = wanted
        .map(|(arn, _)| state.tell_service_link(arn, context))
        .collect();
    page(all, context, input)
}

/// `API_DeleteServiceNetworkServiceAssociation`: "This operation fails if an association is still in progress."
pub(super) fn delete_of_service(
    account: &mut Account,
    context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let arn = state.of_service(input)?;
    if state.status(&arn, context) == "CREATE_IN_PROGRESS" {
        return Err(conflict("The association is being made"));
    }
    state.end(&arn, context);
    Ok(json!({"arn": arn, "id": id_of(&arn), "status": "DELETE_IN_PROGRESS"}))
}
