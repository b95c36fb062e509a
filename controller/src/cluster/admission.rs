//! Which proxy is who: a ServiceAccount token, checked by the API server, bound to our audience.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gatewright_model::key::ObjectName;
use gatewright_stream::Scope;
use gatewright_stream::server::{Admission, Denied, Identity};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::api::PostParams;
use kube::{Api, Client};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Audience that tokens must be made for: one made for the API server is of no use here, and the other way
/// round.
pub const AUDIENCE: &str = "gatewright.dev/config";

/// Key of `status.user.extra` with the pod that a token is bound to.
const POD: &str = "authentication.kubernetes.io/pod-name";

/// Which ServiceAccount receives which scope.
#[derive(Clone, Default)]
pub struct Grants(Arc<RwLock<BTreeMap<Scope, ObjectName>>>);

impl Grants {
    /// Proxies that run as `account` receive `scope`, and nobody else does.
    pub fn grant(&self, scope: Scope, account: ObjectName) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(scope, account);
    }

    /// Nobody receives `scope` any more.
    pub fn revoke(&self, scope: &Scope) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(scope);
    }

    fn allows(&self, user: &str, scope: &Scope) -> bool {
        let grants = self.0.read().unwrap_or_else(PoisonError::into_inner);
        grants.get(scope).is_some_and(|account| {
            user == format!("system:serviceaccount:{}:{}", account.namespace, account.name)
        })
    }
}

/// Admission by TokenReview.
pub struct TokenAdmission {
    reviews: Api<TokenReview>,
    grants: Grants,
}

impl TokenAdmission {
    /// Asks the API server behind `client`.
    pub fn new(client: Client, grants: Grants) -> Self {
        Self {
            reviews: Api::all(client),
            grants,
        }
    }

    async fn review(&self, token: &str) -> Result<Identity, Denied> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                audiences: Some(vec![AUDIENCE.to_owned()]),
                token: Some(token.to_owned()),
            },
            ..TokenReview::default()
        };
        let answer = self.reviews.create(&PostParams::default(), &review).await;
        match answer {
            Ok(review) => judge(review.status.unwrap_or_default()),
            Err(error) => Err(Denied::Unavailable(error.to_string())),
        }
    }
}

impl Admission for TokenAdmission {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Identity, Denied>> {
        self.review(token).boxed()
    }

    fn authorize(&self, identity: &Identity, scope: &Scope) -> bool {
        self.grants.allows(&identity.name, scope)
    }
}

/// What an answer of the API server means.
fn judge(status: TokenReviewStatus) -> Result<Identity, Denied> {
    if status.authenticated != Some(true) {
        let why = status.error.unwrap_or_else(|| "it is not valid".to_owned());
        return Err(Denied::Token(why));
    }
    // An authenticator that knows no audiences would accept a token that was made for something else.
    if !status
        .audiences
        .iter()
        .flatten()
        .any(|audience| audience == AUDIENCE)
    {
        return Err(Denied::Token(format!(
            "it is not made for the audience {AUDIENCE}"
        )));
    }
    let user = status.user.unwrap_or_default();
    let pod = user
        .extra
        .and_then(|mut extra| extra.remove(POD))
        .and_then(|pods| pods.into_iter().next());
    match user.username {
        Some(name) => Ok(Identity { name, instance: pod }),
        None => Err(Denied::Token("it names no user".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::authentication::v1::UserInfo;

    fn answer(audience: &str) -> TokenReviewStatus {
        TokenReviewStatus {
            authenticated: Some(true),
            audiences: Some(vec![audience.to_owned()]),
            user: Some(UserInfo {
                username: Some("system:serviceaccount:shop:edge".to_owned()),
                extra: Some(BTreeMap::from([(POD.to_owned(), vec!["edge-1".to_owned()])])),
                ..UserInfo::default()
            }),
            error: None,
        }
    }

    #[test]
    fn a_token_counts_only_when_it_was_made_for_us() {
        let identity = judge(answer(AUDIENCE)).unwrap();
        assert_eq!(identity.instance.as_deref(), Some("edge-1"));
        assert!(matches!(
            judge(answer("https://kubernetes.default.svc")),
            Err(Denied::Token(_))
        ));
        assert!(matches!(
            judge(TokenReviewStatus::default()),
            Err(Denied::Token(_))
        ));
    }

    #[test]
    fn a_proxy_receives_the_scope_of_its_own_account_and_no_other() {
        let grants = Grants::default();
        let scope = |name: &str| Scope::Gateway(ObjectName::new("shop", name));
        grants.grant(scope("edge"), ObjectName::new("shop", "edge"));
        grants.grant(scope("other"), ObjectName::new("shop", "other"));
        let user = "system:serviceaccount:shop:edge";
        assert!(grants.allows(user, &scope("edge")));
        assert!(!grants.allows(user, &scope("other")));
        grants.revoke(&scope("edge"));
        assert!(!grants.allows(user, &scope("edge")));
    }
}
