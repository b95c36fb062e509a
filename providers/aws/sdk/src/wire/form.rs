//! Requests of the query protocols.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html>: lists are flat and count from 1
//! (`Filter.1.Value.2`).

use super::Request;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write;

/// RFC 3986 section 2.3: what needs no encoding.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Parameters of a request.
#[derive(Clone, Debug)]
pub(crate) struct Form(String);

impl Form {
    /// A request for an operation.
    pub(crate) fn new(operation: &str, version: &str) -> Self {
        let mut form = Self(String::new());
        form.add("Action", operation);
        form.add("Version", version);
        form
    }

    /// Adds a parameter.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        // Writing to a string cannot fail.
        let _ = write!(
            self.0,
            "{}={}",
            utf8_percent_encode(name, RESERVED),
            utf8_percent_encode(value, RESERVED)
        );
    }

    /// Adds a list of texts.
    pub(crate) fn list<'a>(&mut self, name: &str, values: impl IntoIterator<Item = &'a str>) {
        for (position, value) in values.into_iter().enumerate() {
            self.add(&format!("{name}.{}", position.saturating_add(1)), value);
        }
    }

    /// The request.
    pub(crate) fn into_request(self) -> Request {
        Request::post("application/x-www-form-urlencoded", None, self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn everything_but_the_unreserved_is_encoded() {
        let mut form = Form::new("CreateSecurityGroup", "2016-11-15");
        form.add("GroupDescription", "a b&c=d+é/*~._-");
        form.list("SubnetId", ["subnet-1", "subnet-2"]);
        let wanted = "Action=CreateSecurityGroup&Version=2016-11-15\
            &GroupDescription=a%20b%26c%3Dd%2B%C3%A9%2F%2A~._-&SubnetId.1=subnet-1&SubnetId.2=subnet-2";
        assert_eq!(form.into_request().body, wanted);
    }
}
