//! Listings: filters and pages.

use super::{Ec2, form};
use crate::calls::Call;
use crate::wire::unreadable;
use gatewright_aws::cloud::Answer;
use serde::de::DeserializeOwned;

/// Entries of a page: the most that every listing takes (`DescribeRouteTables` takes 5 to 100, others up to 1000).
/// Unpaged listings are throttled more strictly
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>).
const PAGE: &str = "100";

/// Pages of one listing: a hundred thousand entries. More would be a listing that never ends.
const MOST_PAGES: usize = 1000;

/// `Filter`: entries of which a property has one of the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// `Name`, for example `vpc-id` or `tag:<key>`.
    pub name: String,
    /// `Value`, at least one. `*` and `?` are wildcards, unless a backslash is before them.
    pub values: Vec<String>,
}

impl Filter {
    /// A property has exactly this value, whatever characters it holds.
    ///
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>: "If you need to filter for the
    /// character itself, escape it with a backslash."
    pub fn exactly(name: impl Into<String>, value: &str) -> Self {
        Self::exactly_one_of(name, [value])
    }

    /// The same of several values.
    pub fn exactly_one_of<'a>(name: impl Into<String>, values: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            name: name.into(),
            values: values.into_iter().map(literal).collect(),
        }
    }

    /// A property has one of these values. They are ids or words of AWS, without wildcards.
    pub fn any<S: Into<String>>(name: impl Into<String>, values: impl IntoIterator<Item = S>) -> Self {
        Self {
            name: name.into(),
            values: values.into_iter().map(Into::into).collect(),
        }
    }
}

/// A value without wildcards.
fn literal(value: &str) -> String {
    let mut literal = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '*' | '?' | '\\') {
            literal.push('\\');
        }
        literal.push(character);
    }
    literal
}

/// A page of a listing.
pub(super) trait Page: DeserializeOwned {
    type Entry;

    /// Its entries, and the token of the next one.
    fn take(self) -> (Vec<Self::Entry>, Option<String>);
}

impl Ec2 {
    /// Reads all pages.
    pub(super) async fn list<P: Page>(
        &self,
        call: &'static Call,
        filters: &[Filter],
    ) -> Answer<Vec<P::Entry>> {
        let mut entries = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut form = form(call);
            add_filters(&mut form, filters);
            form.add("MaxResults", PAGE);
            if let Some(token) = &token {
                form.add("NextToken", token);
            }
            let (page, next) = self.call::<P>(call, form).await?.take();
            entries.extend(page);
            // The last page has no token, or an empty one.
            let next = next.filter(|next| !next.is_empty());
            if next.is_none() {
                return Ok(entries);
            }
            if next == token {
                return Err(unreadable(call, "it names itself as the next page"));
            }
            token = next;
        }
        Err(unreadable(
            call,
            format_args!("it has more than {MOST_PAGES} pages"),
        ))
    }
}

pub(super) fn add_filters(form: &mut crate::wire::Form, filters: &[Filter]) {
    for (position, filter) in filters.iter().enumerate() {
        let prefix = format!("Filter.{}", position.saturating_add(1));
        form.add(&format!("{prefix}.Name"), &filter.name);
        form.list(
            &format!("{prefix}.Value"),
            filter.values.iter().map(String::as_str),
        );
    }
}
