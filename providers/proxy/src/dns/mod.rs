//! Names of backends resolved with their time to live.
