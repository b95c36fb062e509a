//! S3, as far as we need it: the bundles that trust stores are made of.
//!
//! Protocol: <https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html>, with the bucket in the path ("path-style
//! requests", <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>), which takes names with dots.

use crate::calls::s3::{DELETE_OBJECT, PUT_OBJECT};
use crate::calls::{Call, Service};
use crate::transport::Track;
use crate::wire::endpoint::{EndpointError, Place};
use crate::wire::{Definition, Request, Wire};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::sdk_config::SdkConfig;
use gatewright_aws::cloud::Answer;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub(crate) const DEFINITION: Definition = Definition {
    service: Service::S3,
    signing_name: "s3",
    place: Place {
        name: "s3",
        gov_is_fips: false,
    },
    version: "2006-03-01",
};

/// What a path needs no encoding for (RFC 3986 section 2.3), and the slashes of keys.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// A client.
#[derive(Clone, Debug)]
pub struct S3 {
    wire: Wire,
}

impl S3 {
    pub(crate) fn new(
        config: &SdkConfig,
        http: SharedHttpClient,
        track: Track,
    ) -> Result<Self, EndpointError> {
        let wire = Wire::new(config, DEFINITION, http, track)?;
        Ok(Self { wire })
    }

    /// `PutObject`: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>.
    ///
    /// # Errors
    /// By kind.
    pub(crate) async fn put(&self, bucket: &str, key: &str, body: &str) -> Answer<()> {
        let request = request(Method::PUT, (bucket, key), body.to_owned());
        self.call(&PUT_OBJECT, request).await
    }

    /// `DeleteObject`: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html>. Succeeds when there is
    /// none.
    ///
    /// # Errors
    /// By kind.
    pub(crate) async fn delete(&self, bucket: &str, key: &str) -> Answer<()> {
        let request = request(Method::DELETE, (bucket, key), String::new());
        self.call(&DELETE_OBJECT, request).await
    }

    async fn call(&self, call: &'static Call, request: Request) -> Answer<()> {
        self.wire.send(call, request).await.map(|_| ())
    }
}

fn request(method: Method, (bucket, key): (&str, &str), body: String) -> Request {
    Request {
        method,
        path: format!(
            "/{}/{}",
            utf8_percent_encode(bucket, PLAIN),
            utf8_percent_encode(key, PLAIN)
        ),
        content_type: "application/x-pem-file",
        target: None,
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_keys_are_in_the_path() {
        let found = request(Method::PUT, ("b.c", "gatewright/a b/é.pem"), "x".to_owned());
        assert_eq!(found.path, "/b.c/gatewright/a%20b/%C3%A9.pem");
    }
}
