//! Server and upstream TLS.
