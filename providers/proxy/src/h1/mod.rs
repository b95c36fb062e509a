//! The HTTP/1.x codec.
