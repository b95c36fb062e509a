//! AWS: reached when the first Gateway of one of its classes is there.

mod homes;
mod places;
mod rates;
mod regional;
mod service;

use super::{Cloud, Registry};
use clap::Args;
use gatewright_aws_sdk::{Attempt, AttemptOutcome, ConnectError, Connector, Observer, Tape, Timing};
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::{Around, Call, Calls, ErrorKind, ProviderError, Resource};
use homes::Homes;
use places::Places;
use rates::CallRate;
use regional::Regional;
use service::Service;
use std::sync::Arc;
use std::time::Duration;

/// How AWS is reached. Credentials, and everything else that is not named here, come from the SDK's own chain:
/// environment, profile, web identity (IRSA), EKS Pod Identity, instance.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "AWS")]
pub struct AwsOptions {
    /// Name of this cluster, in the tags of everything that is made: different for each cluster that uses an account.
    #[arg(
        long,
        env = "GATEWRIGHT_CLUSTER_NAME",
        value_name = "NAME",
        default_value = "",
        value_parser = cluster_name
    )]
    pub cluster_name: String,
    /// Controller name of GatewayClasses whose Gateways become Application Load Balancers; none are served when empty.
    #[arg(long, value_name = "DOMAIN/PATH", default_value = "gatewright.dev/aws-alb")]
    pub aws_alb_controller_name: String,
    /// Controller name of GatewayClasses whose Gateways become Network Load Balancers; none are served when empty.
    #[arg(long, value_name = "DOMAIN/PATH", default_value = "gatewright.dev/aws-nlb")]
    pub aws_nlb_controller_name: String,
    /// Controller name of GatewayClasses whose Gateways become services of VPC Lattice; none are served when empty.
    #[arg(
        long,
        value_name = "DOMAIN/PATH",
        default_value = "gatewright.dev/aws-lattice"
    )]
    pub aws_lattice_controller_name: String,
    /// VPC of load balancers and of service networks whose parameters name none.
    #[arg(long, env = "GATEWRIGHT_AWS_VPC_ID", value_name = "VPC-ID")]
    pub aws_vpc_id: Option<String>,
    /// Region; by default that of the environment.
    #[arg(long, value_name = "REGION")]
    pub aws_region: Option<String>,
    /// Use the endpoints that FIPS 140 asks for; by default as AWS_USE_FIPS_ENDPOINT says.
    #[arg(long)]
    pub aws_fips: bool,
    /// Use endpoints that have IPv6 addresses as well; by default as AWS_USE_DUALSTACK_ENDPOINT says.
    #[arg(long)]
    pub aws_dual_stack: bool,
    /// How long a replaced load balancer stays after its successor took over.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = crate::cli::humantime_duration)]
    pub aws_drain: Duration,
    /// How often calls of a kind are made in each account and region, in place of AWS's default quota: so many a second
    /// for ever, and so many at once. For example elb_modify=10:60,elb_targets=10:60. Repeatable; of two rates of a
    /// bucket the last one counts.
    #[arg(
        long,
        value_name = "BUCKET=PER_SECOND:BURST",
        value_delimiter = ',',
        value_parser = rates::call_rate
    )]
    pub aws_call_rate: Vec<CallRate>,
}

impl AwsOptions {
    /// Adds the providers of AWS.
    pub fn register(&self, registry: &mut Registry, around: &Around, tape: Option<&Tape>) {
        // Load balancers of both kinds are known to each of the two: what one made, the other removes.
        let (balancers, services) = (Arc::new(Homes::default()), Arc::new(Homes::default()));
        let served = [
            (&self.aws_alb_controller_name, Service::Application, &balancers),
            (&self.aws_nlb_controller_name, Service::Network, &balancers),
            (&self.aws_lattice_controller_name, Service::Lattice, &services),
        ];
        let attempts = Arc::new(Attempts(Arc::clone(&around.calls)));
        let mut connector = self.connector(attempts);
        if let Some(tape) = tape {
            connector = connector.with_tape(tape.clone());
        }
        let places = Arc::new(Places::new(self.clone(), connector));
        for (name, service, homes) in served.into_iter().filter(|(name, ..)| !name.is_empty()) {
            let cloud: Cloud = Arc::new(Regional::new(
                service,
                Arc::clone(&places),
                Arc::clone(homes),
                around.leave.clone(),
            ));
            registry.add(name, cloud);
        }
    }

    /// One pace for all calls to an account.
    fn connector(&self, observer: Arc<dyn Observer>) -> Connector {
        Connector::new(Timing::default(), rates::by_bucket(&self.aws_call_rate), observer)
    }
}

tokio::task_local! {
    /// Of which class the work is that calls AWS.
    static SERVED: Provider;
}

/// Tells of the attempts at calls, without the time in which they waited for their turn.
struct Attempts(Arc<dyn Calls>);

impl Observer for Attempts {
    fn attempt(&self, attempt: &Attempt) {
        self.0.called(Call {
            provider: SERVED.try_with(|provider| *provider).unwrap_or(Provider::AwsAlb),
            operation: attempt.call.operation,
            outcome: match attempt.outcome {
                AttemptOutcome::Done => "success",
                outcome => outcome.label(),
            },
            took: attempt.took.saturating_sub(attempt.waited),
        });
    }
}

/// Without a name two clusters of one account would take each other's load balancers for their own.
fn nameless() -> ProviderError {
    ProviderError {
        kind: ErrorKind::Invalid,
        resource: Resource {
            kind: "account",
            id: "AWS".into(),
        },
        message: "the cluster has no name by which its own resources are known: set --cluster-name (aws.clusterName of \
                  the Helm chart)"
            .to_owned(),
    }
}

/// What can be a tag's value (`API_Tag`), with room for what else is in names.
fn cluster_name(text: &str) -> Result<String, String> {
    let sound = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    if text.len() <= 100 && text.chars().all(sound) {
        Ok(text.to_owned())
    } else {
        Err("accepted are at most 100 letters, digits and _.-".to_owned())
    }
}

/// Why an account is not reached, and what to do about a role that was to be taken on there.
fn told(error: ConnectError, role: Option<&str>) -> ProviderError {
    let kind = match &error {
        ConnectError::Identity(error) => error.kind,
        ConnectError::Endpoint(_) | ConnectError::Unrecorded(_) => ErrorKind::Invalid,
    };
    let Some(role) = role else {
        return ProviderError {
            kind,
            resource: Resource {
                kind: "account",
                id: "AWS".into(),
            },
            message: error.to_string(),
        };
    };
    let advice = match kind {
        ErrorKind::Forbidden => {
            "; spec.account of the class's parameters names the role, with spec.account.externalId where its trust policy \
             asks for one"
        }
        _ => "",
    };
    ProviderError {
        kind,
        resource: Resource {
            kind: "role",
            id: role.into(),
        },
        message: format!("{error}{advice}"),
    }
}
