//! End-to-end traffic tests with real clients over real sockets.
