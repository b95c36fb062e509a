//! TCP, TLS passthrough and UDP.
