//! Tags.

use super::{Ec2, Nothing, form};
use crate::calls::ec2::{CREATE_TAGS, DELETE_TAGS};
use crate::wire::Form;
use crate::wire::xml::Items;
use gatewright_aws::cloud::Answer;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `tagSet`.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct TagSet(Items<Tag>);

#[derive(Deserialize)]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

impl TagSet {
    pub(super) fn into_map(self) -> BTreeMap<String, String> {
        self.0.into_iter().map(|tag| (tag.key, tag.value)).collect()
    }
}

/// Adds `<prefix>.1.Key` and `<prefix>.1.Value`, and so on.
pub(super) fn add_tags<'a>(
    form: &mut Form,
    prefix: &str,
    tags: impl IntoIterator<Item = (&'a str, &'a str)>,
) {
    for (position, (key, value)) in tags.into_iter().enumerate() {
        let number = position.saturating_add(1);
        form.add(&format!("{prefix}.{number}.Key"), key);
        form.add(&format!("{prefix}.{number}.Value"), value);
    }
}

impl Ec2 {
    /// `CreateTags`: sets these, leaves others.
    ///
    /// # Errors
    /// By kind.
    pub(crate) async fn create_tags<'a>(
        &self,
        resources: &[&str],
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Answer<()> {
        let mut form = form(&CREATE_TAGS);
        form.list("ResourceId", resources.iter().copied());
        add_tags(&mut form, "Tag", tags);
        let Nothing {} = self.call(&CREATE_TAGS, form).await?;
        Ok(())
    }

    /// `DeleteTags`: those with these keys, whatever their values. At least one key: none would delete all tags
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html>), so it does nothing here.
    ///
    /// # Errors
    /// By kind.
    pub(crate) async fn delete_tags(&self, resources: &[&str], keys: &[&str]) -> Answer<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut form = form(&DELETE_TAGS);
        form.list("ResourceId", resources.iter().copied());
        for (position, key) in keys.iter().enumerate() {
            form.add(&format!("Tag.{}.Key", position.saturating_add(1)), key);
        }
        let Nothing {} = self.call(&DELETE_TAGS, form).await?;
        Ok(())
    }
}
