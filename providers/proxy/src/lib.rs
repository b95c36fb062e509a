//! The bundled proxy.
