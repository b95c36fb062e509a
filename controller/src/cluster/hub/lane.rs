//! In whose turn a status is written: that of the Gateway it belongs to, so that the many routes of one Gateway do not
//! stand before the only one of another.

use super::Hub;
use crate::cluster::writes::Lane;
use gatewright_core::snapshot::{Kind, Object, ObjectKey};
use gatewright_core::status::Status;
use gatewright_crds::api::ParentReference;
use gatewright_model::key::ObjectName;

impl Hub {
    /// The Gateway of a status: the first of our parents of a route or a policy counts.
    pub(super) fn lane(&self, key: &ObjectKey, status: &Status) -> Lane {
        let ours = |name: &str| name == self.controller || self.out.clouds.serve(name);
        let parent = match status {
            Status::Gateway(_) => return Some(key.name.clone()),
            Status::ListenerSet(_) => return self.of_listener_set(&key.name),
            Status::Route(status) => {
                let mut parents = status.parents.iter();
                &parents.find(|parent| ours(&parent.controller_name))?.parent_ref
            }
            Status::Policy(status) => {
                let mut ancestors = status.ancestors.iter();
                let found = ancestors.find(|ancestor| ours(&ancestor.controller_name))?;
                &found.ancestor_ref
            }
            Status::Class(_) | Status::Backend(_) | Status::Mesh(_) => return None,
        };
        self.of_parent(parent, &key.name.namespace)
    }

    fn of_parent(&self, parent: &ParentReference, namespace: &str) -> Lane {
        let namespace = parent.namespace.as_deref().unwrap_or(namespace);
        let name = ObjectName::new(namespace, &parent.name);
        match parent.kind.as_deref() {
            None | Some("Gateway") => Some(name),
            Some("ListenerSet" | "XListenerSet") => self.of_listener_set(&name),
            Some(_) => None,
        }
    }

    fn of_listener_set(&self, name: &ObjectName) -> Lane {
        let object = self.engine.snapshot().get(Kind::ListenerSet, name)?;
        let Object::ListenerSet(set) = &**object else {
            return None;
        };
        let parent = &set.spec.parent_ref;
        let namespace = parent.namespace.as_deref().unwrap_or(&name.namespace);
        Some(ObjectName::new(namespace, &parent.name))
    }
}
