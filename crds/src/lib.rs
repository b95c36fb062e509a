//! Gateway API types, CRD bundles and our own CRDs.
