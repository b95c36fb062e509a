//! S3, as far as trust stores need it: buckets with small objects.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html>. Buckets are of one account and region: a fresh one has
//! `gatewright-trust-ACCOUNT`.

use crate::error::ApiError;
use crate::input::text;
use crate::service::{Context, Handler};
use crate::state::Account;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What there is room for.
const MOST_BUCKETS: usize = 100;
const MOST_OBJECTS: usize = 1000;
const LARGEST: usize = 1024 * 1024;

/// Buckets and objects of an account in a region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    buckets: BTreeSet<String>,
    /// Objects in base64, by bucket and key: `bucket/key`.
    objects: BTreeMap<String, String>,
}

/// The operations that are served.
pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateBucket", create_bucket),
    ("DeleteObject", delete),
    ("GetObject", get),
    ("PutObject", put),
];

impl State {
    fn has(&self, context: &Context, bucket: &str) -> bool {
        bucket == format!("gatewright-trust-{}", context.account) || self.buckets.contains(bucket)
    }

    /// An object.
    pub fn object(&self, context: &Context, (bucket, key): (&str, &str)) -> Option<Vec<u8>> {
        if !self.has(context, bucket) {
            return None;
        }
        STANDARD
            .decode(self.objects.get(&format!("{bucket}/{key}"))?)
            .ok()
    }

    /// Places of all objects.
    pub fn places(&self) -> impl Iterator<Item = &String> {
        self.objects.keys()
    }
}

fn place<'v>(account: &Account, context: &Context, input: &'v Value) -> Result<(&'v str, &'v str), ApiError> {
    let bucket = text(input, "Bucket").unwrap_or_default();
    if !account.s3.has(context, bucket) {
        let error = ApiError::new("NoSuchBucket", "The specified bucket does not exist");
        return Err(error.with_status(404));
    }
    Ok((bucket, text(input, "Key").unwrap_or_default()))
}

/// [`CreateBucket`](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html).
fn create_bucket(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let bucket = text(input, "Bucket").unwrap_or_default();
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let sound = (3..=63).contains(&bucket.len())
        && bucket
            .bytes()
            .all(|byte| inner(byte) || byte == b'-' || byte == b'.')
        && bucket.bytes().next().is_some_and(inner)
        && bucket.bytes().last().is_some_and(inner);
    if !sound {
        let error = ApiError::new("InvalidBucketName", "The specified bucket is not valid.");
        return Err(error.with_status(400));
    }
    if account.s3.has(context, bucket) {
        let error = ApiError::new(
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
        );
        return Err(error.with_status(409));
    }
    if account.s3.buckets.len() >= MOST_BUCKETS {
        let message = "You have attempted to create more buckets than allowed.";
        return Err(ApiError::new("TooManyBuckets", message).with_status(400));
    }
    account.s3.buckets.insert(bucket.to_owned());
    Ok(json!({}))
}

/// [`PutObject`](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
fn put(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let (bucket, key) = place(account, context, input)?;
    let body = text(input, "Body").unwrap_or_default();
    if body.len() > LARGEST || account.s3.objects.len() >= MOST_OBJECTS {
        let message = "Your proposed upload exceeds the maximum allowed object size.";
        return Err(ApiError::new("EntityTooLarge", message).with_status(400));
    }
    account
        .s3
        .objects
        .insert(format!("{bucket}/{key}"), body.to_owned());
    Ok(json!({}))
}

/// [`GetObject`](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
fn get(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let (bucket, key) = place(account, context, input)?;
    match account.s3.objects.get(&format!("{bucket}/{key}")) {
        Some(body) => Ok(json!({"Body": body})),
        None => {
            let error = ApiError::new("NoSuchKey", "The specified key does not exist.");
            Err(error.with_status(404))
        }
    }
}

/// [`DeleteObject`](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html): succeeds without an object.
fn delete(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let (bucket, key) = place(account, context, input)?;
    account.s3.objects.remove(&format!("{bucket}/{key}"));
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(handler: Handler, account: &mut Account, input: Value) -> Result<Value, String> {
        let context = Context::for_test("123456789012", "eu-central-1", 0);
        handler(account, &context, &input).map_err(|error| error.code)
    }

    #[test]
    fn objects_lie_in_buckets_that_exist() {
        let mut account = Account::default();
        let at = json!({"Bucket": "b-1", "Key": "k", "Body": "eA=="});
        assert_eq!(
            call(put, &mut account, at.clone()),
            Err("NoSuchBucket".to_owned())
        );
        assert!(call(create_bucket, &mut account, json!({"Bucket": "b-1"})).is_ok());
        assert_eq!(
            call(create_bucket, &mut account, json!({"Bucket": "b-1"})),
            Err("BucketAlreadyOwnedByYou".to_owned())
        );
        assert_eq!(
            call(create_bucket, &mut account, json!({"Bucket": "B"})),
            Err("InvalidBucketName".to_owned())
        );
        assert_eq!(call(get, &mut account, at.clone()), Err("NoSuchKey".to_owned()));
        assert!(call(put, &mut account, at.clone()).is_ok());
        assert_eq!(call(get, &mut account, at.clone()), Ok(json!({"Body": "eA=="})));
        assert!(call(delete, &mut account, at.clone()).is_ok());
        assert!(call(delete, &mut account, at).is_ok());
        let own = json!({"Bucket": "gatewright-trust-123456789012", "Key": "k", "Body": ""});
        assert!(call(put, &mut account, own).is_ok());
    }
}
