//! External authorization.
