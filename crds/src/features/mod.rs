//! Conformance features: what `GatewayClass.status.supportedFeatures` may name.

mod table;

use crate::bundle::{Bundle, Channel};

/// A feature of the conformance suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its exact name.
    pub name: &'static str,
    /// The feature of the kind it belongs to, for example `HTTPRoute`.
    pub area: &'static str,
    /// Where it is stable.
    pub channel: Channel,
}

impl Feature {
    /// Whether it is the feature of the kind itself rather than an extended one.
    pub fn is_core(&self) -> bool {
        self.name == self.area
    }
}

/// All features of a release, sorted by name.
pub fn all(bundle: Bundle) -> &'static [Feature] {
    match bundle {
        Bundle::V1_6_3 => table::V1_6_3,
        Bundle::V1_7_0 => table::V1_7_0,
    }
}

/// Looks a feature up.
pub fn find(bundle: Bundle, name: &str) -> Option<&'static Feature> {
    all(bundle).iter().find(|feature| feature.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// gateway-api.md sections 0 and 3: 58 features in 1.6, 64 in 1.7 of which 9 are core.
    #[test]
    fn counts_are_the_suites() {
        assert_eq!(all(Bundle::V1_6_3).len(), 58);
        assert_eq!(all(Bundle::V1_7_0).len(), 64);
        let core = all(Bundle::V1_7_0).iter().filter(|feature| feature.is_core());
        assert_eq!(core.count(), 9);
        assert!(find(Bundle::V1_6_3, "HTTPRouteBackendURLRewrite").is_none());
        let routability = find(Bundle::V1_7_0, "GatewayAddressRoutability").unwrap();
        assert_eq!(routability.channel, Channel::Experimental);
        assert!(all(Bundle::V1_7_0).is_sorted_by_key(|feature| feature.name));
    }
}
