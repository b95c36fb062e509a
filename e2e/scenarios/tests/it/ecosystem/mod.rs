//! Programs of others that work with Gateways, as they are.

mod cert_manager;
