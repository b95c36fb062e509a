//! Small clients on the SDK's parts.
//!
//! A service whose crate would cost too much is spoken to by hand: we write the request and read the answer, and
//! everything between, signing, credentials, endpoint, retries, timeouts, clock skew and the HTTP client, is what
//! the SDK's own crates use ("orchestrator" of `aws-smithy-runtime`).

pub(crate) mod endpoint;
pub(crate) mod failure;
pub(crate) mod form;
mod serde_parts;
pub(crate) mod xml;

pub(crate) use form::Form;
pub(crate) use serde_parts::{Answered, Request};

use crate::calls::{Call, Service};
use crate::error::cloud_error;
use crate::transport::Track;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::recursion_detection::RecursionDetectionInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::defaults::{DefaultPluginParams, default_plugins};
use aws_smithy_runtime::client::http::connection_poisoning::ConnectionPoisoningInterceptor;
use aws_smithy_runtime::client::orchestrator::endpoints::StaticUriEndpointResolver;
use aws_smithy_runtime::client::orchestrator::invoke;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::endpoint::{EndpointResolverParams, SharedEndpointResolver};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use aws_smithy_runtime_api::client::interceptors::context::Input;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::{RuntimePlugins, StaticRuntimePlugin};
use aws_smithy_runtime_api::client::ser_de::{SharedRequestSerializer, SharedResponseDeserializer};
use aws_smithy_types::config_bag::Layer;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use aws_types::sdk_config::SdkConfig;
use endpoint::{EndpointError, Place};
use failure::Failure;
use gatewright_aws::cloud::{Answer, CloudError};
use gatewright_provider_api::contract::ErrorKind;
use std::sync::Arc;

/// What a client of our own speaks to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    /// Which service.
    pub(crate) service: Service,
    /// Name in signatures.
    pub(crate) signing_name: &'static str,
    /// Where it is.
    pub(crate) place: Place,
    /// Version of its API.
    pub(crate) version: &'static str,
}

/// A connection to one service in one region.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    plugins: Arc<RuntimePlugins>,
    service: Service,
}

impl Wire {
    /// Nothing is called yet.
    ///
    /// `http` paces the calls; `track` watches them.
    pub(crate) fn new(
        config: &SdkConfig,
        definition: Definition,
        http: SharedHttpClient,
        track: Track,
    ) -> Result<Self, EndpointError> {
        let url = endpoint::resolve(config, definition)?;
        let region = config.region().cloned().ok_or(EndpointError::NoRegion)?;
        let name = SigningName::from_static(definition.signing_name);

        let mut layer = Layer::new("gatewright");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(EndpointResolverParams::new(()));
        layer.store_put(ApiMetadata::new(
            definition.service.user_agent(),
            definition.version,
        ));
        layer.store_put(SharedRequestSerializer::new(serde_parts::Serializer));
        layer.store_put(SharedResponseDeserializer::new(serde_parts::Deserializer));
        layer.store_put(SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(region.clone())),
            region_set: None,
            name: Some(name.clone()),
            signing_options: signing(definition.service),
        });
        layer.store_put(SigningRegion::from(region.clone()));
        layer.store_put(name);
        layer.store_put(region.clone());
        if let Some(retries) = config.retry_config() {
            layer.store_put(retries.clone());
        }
        if let Some(timeouts) = config.timeout_config() {
            layer.store_put(timeouts.clone());
        }
        if let Some(app) = config.app_name() {
            layer.store_put(app.clone());
        }

        let defaults = DefaultPluginParams::new()
            .with_retry_partition_name(format!("{}-{region}", definition.signing_name))
            .with_behavior_version(config.behavior_version().unwrap_or_else(BehaviorVersion::latest))
            .with_is_aws_sdk(true);
        let plugins = RuntimePlugins::new()
            .with_client_plugins(default_plugins(defaults))
            .with_client_plugin(
                StaticRuntimePlugin::new()
                    .with_config(layer.freeze())
                    .with_runtime_components(components(config, &url, http, track)),
            );
        Ok(Self {
            plugins: Arc::new(plugins),
            service: definition.service,
        })
    }

    /// Sends a request, and again where that helps, and gives the body of the answer.
    pub(crate) async fn send(&self, call: &'static Call, request: Request) -> Answer<Answered> {
        debug_assert_eq!(call.service, self.service);
        let mut layer = Layer::new("call");
        layer.store_put(Metadata::new(call.operation, self.service.id()));
        let plugins = (*self.plugins)
            .clone()
            .with_operation_plugin(StaticRuntimePlugin::new().with_config(layer.freeze()));
        let answer = invoke(self.service.id(), call.operation, Input::erase(request), &plugins).await;
        match answer {
            Ok(output) => output
                .downcast()
                .map_err(|_| unreadable(call, "an answer of another type")),
            Err(error) => {
                let error: SdkError<Failure, HttpResponse> =
                    error.map_service_error(|error| error.downcast().unwrap_or_else(|_| Failure::unknown()));
                Err(cloud_error(call, &error))
            }
        }
    }
}

/// AWS answered with success, but not in the form that it documents.
pub(crate) fn unreadable(call: &'static Call, why: impl std::fmt::Display) -> CloudError {
    CloudError {
        kind: ErrorKind::Unexpected,
        operation: call.operation,
        code: "".into(),
        message: format!("its answer cannot be read: {why}"),
    }
}

/// S3 wants the hash of a body in a header, and paths as they are
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>).
fn signing(service: Service) -> SigningOptions {
    let mut options = SigningOptions::default();
    if service == Service::S3 {
        options.content_sha256_header = true;
        options.double_uri_encode = false;
        options.normalize_uri_path = false;
    }
    options
}

/// The same parts as those of the SDK's generated clients ("ServiceRuntimePlugin" of each).
fn components(
    config: &SdkConfig,
    url: &str,
    http: SharedHttpClient,
    track: Track,
) -> RuntimeComponentsBuilder {
    let mut parts = RuntimeComponentsBuilder::new("gatewright");
    parts.set_http_client(Some(http));
    parts.set_endpoint_resolver(Some(SharedEndpointResolver::new(StaticUriEndpointResolver::uri(
        url,
    ))));
    parts.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
        StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
    )));
    parts.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
    if let Some(credentials) = config.credentials_provider() {
        parts.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
    }
    if let Some(cache) = config.identity_cache() {
        parts.set_identity_cache(Some(cache));
    }
    if let Some(sleep) = config.sleep_impl() {
        parts.set_sleep_impl(Some(sleep));
    }
    if let Some(time) = config.time_source() {
        parts.set_time_source(Some(time));
    }
    parts.push_retry_classifier(HttpStatusCodeClassifier::default());
    parts.push_retry_classifier(TransientErrorClassifier::<Failure>::new());
    parts.push_retry_classifier(AwsErrorCodeClassifier::<Failure>::new());
    parts.push_retry_classifier(ServiceClockSkewClassifier::<Failure>::new());
    parts.push_interceptor(SharedInterceptor::permanent(ConnectionPoisoningInterceptor::new()));
    parts.push_interceptor(ServiceClockSkewInterceptor::new());
    parts.push_interceptor(RequestInfoInterceptor::new());
    parts.push_interceptor(UserAgentInterceptor::new());
    parts.push_interceptor(InvocationIdInterceptor::new());
    parts.push_interceptor(SharedInterceptor::permanent(RecursionDetectionInterceptor::new()));
    parts.push_interceptor(track);
    parts
}
