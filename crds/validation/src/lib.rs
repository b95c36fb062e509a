//! Manifest loading and CRD validation without an API server.
