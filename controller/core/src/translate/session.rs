//! Session persistence (GEP-1619).

use super::duration;
use gatewright_crds::api::{CookieLifetimeType, SessionPersistence as Spec, SessionPersistenceType};
use gatewright_model::Str;
use gatewright_model::route::{SessionCarrier, SessionPersistence};
use std::sync::Arc;

/// A field of the block that has no meaning: its path below the block, and why.
pub(crate) type SessionFault = (&'static str, String);

/// Reads a session persistence block.
///
/// # Errors
/// The guilty field and words: a duration that is none, a header without name, or a permanent cookie
/// without `absoluteTimeout`.
pub(crate) fn session(spec: &Spec) -> Result<Arc<SessionPersistence>, SessionFault> {
    let Spec {
        absolute_timeout,
        cookie,
        header,
        r#type,
    } = spec;
    let absolute_timeout_s = absolute_timeout
        .as_deref()
        .map(duration::seconds)
        .transpose()
        .map_err(|error| ("absoluteTimeout", error.to_string()))?;
    let (name, carrier) = match r#type.unwrap_or(SessionPersistenceType::Cookie) {
        SessionPersistenceType::Header => {
            let name = header
                .as_ref()
                .map(|header| header.name.to_ascii_lowercase())
                .filter(|name| !name.is_empty());
            let name = name.ok_or_else(|| ("header.name", "is needed for type Header".to_owned()))?;
            (Some(Str::from(name)), SessionCarrier::Header)
        }
        SessionPersistenceType::Cookie => {
            let cookie = cookie.clone().unwrap_or_default();
            let permanent = cookie.lifetime_type == Some(CookieLifetimeType::Permanent);
            if permanent && absolute_timeout_s.is_none() {
                return Err((
                    "absoluteTimeout",
                    "is needed when cookie.lifetimeType is Permanent".to_owned(),
                ));
            }
            let path: Str = cookie
                .path
                .as_deref()
                .filter(|path| !path.is_empty())
                .unwrap_or("/")
                .into();
            (
                cookie.name.map(Str::from),
                SessionCarrier::Cookie { permanent, path },
            )
        }
    };
    Ok(Arc::new(SessionPersistence {
        name,
        carrier,
        absolute_timeout_s,
        idle_timeout_s: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::session;
    use gatewright_model::route::SessionCarrier;
    use serde_json::{Value, json};

    fn read(spec: Value) -> Result<gatewright_model::route::SessionPersistence, (&'static str, String)> {
        session(&serde_json::from_value(spec).unwrap()).map(|found| (*found).clone())
    }

    #[test]
    fn cookies_are_the_default_and_have_the_root_as_path() {
        let found = read(json!({"cookie": {}})).unwrap();
        assert_eq!(found.name, None);
        assert_eq!(
            found.carrier,
            SessionCarrier::Cookie {
                permanent: false,
                path: "/".into()
            }
        );
        let found = read(json!({"type": "Cookie", "absoluteTimeout": "1500ms", "cookie": {"name": "sid", "path": "/a", "lifetimeType": "Permanent"}})).unwrap();
        assert_eq!(found.name.as_deref(), Some("sid"));
        assert_eq!(found.absolute_timeout_s, Some(2));
        assert_eq!(
            found.carrier,
            SessionCarrier::Cookie {
                permanent: true,
                path: "/a".into()
            }
        );
    }

    #[test]
    fn headers_need_a_name_and_ignore_case() {
        let found = read(json!({"type": "Header", "header": {"name": "X-Session"}})).unwrap();
        assert_eq!(
            (found.name.as_deref(), found.carrier),
            (Some("x-session"), SessionCarrier::Header)
        );
        assert_eq!(read(json!({"type": "Header"})).unwrap_err().0, "header.name");
    }

    #[test]
    fn a_permanent_cookie_needs_a_timeout() {
        let fault = read(json!({"cookie": {"lifetimeType": "Permanent"}})).unwrap_err();
        assert_eq!(fault.0, "absoluteTimeout");
        assert_eq!(
            read(json!({"absoluteTimeout": "forever"})).unwrap_err().0,
            "absoluteTimeout"
        );
    }
}
