//! What a target cannot express: never a silent drop.

use crate::Str;
use crate::key::{ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that a provider cannot express, or can express only roughly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unsupported {
    /// The object, as `Kind namespace/name`.
    pub object: Str,
    /// Path of the field, for example `spec.rules[0].filters[1].requestMirror`.
    pub field: Str,
    /// Why it cannot be expressed.
    pub why: Str,
    /// What to do instead; empty when there is nothing.
    pub alternative: Str,
    /// `true`: it is served, with the difference named in `why`. `false`: it is not served.
    pub approximated: bool,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.approximated {
            "is approximated"
        } else {
            "is not supported"
        };
        write!(f, "{}: {} {verb}: {}", self.object, self.field, self.why)?;
        if !self.alternative.is_empty() {
            write!(f, "; {}", self.alternative)?;
        }
        Ok(())
    }
}

/// What an [`Unsupported`] is about, where conditions tell of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A match of a rule of a route, both by their positions from 0.
    Match(RouteKey, u32, u32),
    /// A rule of a route, by its position from 0.
    Rule(RouteKey, u32),
    /// A whole route.
    Route(RouteKey),
    /// A listener.
    Listener(ListenerKey),
    /// Anything else: the Gateway itself, a policy, a backend.
    Elsewhere,
}

impl Unsupported {
    /// What it is about, by `object` and the beginning of `field`: `spec.rules[N].matches[M]` and `spec.rules[N]` of
    /// routes, `spec.listeners[name=NAME]` of Gateways and ListenerSets. Options of a listener's TLS that are not known are
    /// about the Gateway: the listener serves without them.
    pub fn place(&self) -> Place {
        let Some((kind, name)) = self.object.split_once(' ') else {
            return Place::Elsewhere;
        };
        let Some((namespace, name)) = name.split_once('/') else {
            return Place::Elsewhere;
        };
        let object = ObjectName::new(namespace, name);
        if let Some(kind) = RouteKind::ALL.into_iter().find(|known| known.as_str() == kind) {
            return self.place_of_route(RouteKey { kind, object });
        }
        let parent = match kind {
            "Gateway" => ListenerParent::Gateway(object),
            "ListenerSet" => ListenerParent::ListenerSet(object),
            _ => return Place::Elsewhere,
        };
        match index(&self.field, "spec.listeners[name=") {
            Some((_, rest)) if rest.starts_with(".tls.options[") => Place::Elsewhere,
            Some((name, _)) => Place::Listener(ListenerKey {
                parent,
                name: name.into(),
            }),
            None => Place::Elsewhere,
        }
    }

    fn place_of_route(&self, route: RouteKey) -> Place {
        let Some((rule, rest)) = index(&self.field, "spec.rules[") else {
            return Place::Route(route);
        };
        let Ok(rule) = rule.parse() else {
            return Place::Route(route);
        };
        let matched = index(rest, ".matches[").and_then(|(matched, _)| matched.parse().ok());
        match matched {
            Some(matched) => Place::Match(route, rule, matched),
            None => Place::Rule(route, rule),
        }
    }
}

/// What stands between a beginning and the next `]`, and the rest.
fn index<'a>(field: &'a str, beginning: &str) -> Option<(&'a str, &'a str)> {
    field.strip_prefix(beginning)?.split_once(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(object: &str, field: &str) -> Place {
        let item = Unsupported {
            object: object.into(),
            field: field.into(),
            why: "".into(),
            alternative: "".into(),
            approximated: false,
        };
        item.place()
    }

    #[test]
    fn what_an_item_is_about_is_read_from_object_and_field() {
        let route = RouteKey {
            kind: RouteKind::Grpc,
            object: ObjectName::new("a", "r"),
        };
        let object = "GRPCRoute a/r";
        assert_eq!(
            place(object, "spec.rules[3].matches[12].headers[k]"),
            Place::Match(route.clone(), 3, 12)
        );
        assert_eq!(
            place(object, "spec.rules[3].filters[0]"),
            Place::Rule(route.clone(), 3)
        );
        assert_eq!(place(object, "spec.rules[3]"), Place::Rule(route.clone(), 3));
        assert_eq!(place(object, "spec"), Place::Route(route.clone()));
        assert_eq!(place(object, "spec.rules[x]"), Place::Route(route));
        let listener = ListenerKey {
            parent: ListenerParent::ListenerSet(ObjectName::new("a", "s")),
            name: "https".into(),
        };
        assert_eq!(
            place("ListenerSet a/s", "spec.listeners[name=https].filters"),
            Place::Listener(listener)
        );
        assert_eq!(
            place(
                "Gateway a/g",
                "spec.listeners[name=https].tls.options[example.com/x]"
            ),
            Place::Elsewhere
        );
        assert_eq!(place("Gateway a/g", "spec.tls.frontend"), Place::Elsewhere);
        assert_eq!(place("Service a/s", "appProtocol"), Place::Elsewhere);
        assert_eq!(place("Gateway", "spec"), Place::Elsewhere);
    }
}
