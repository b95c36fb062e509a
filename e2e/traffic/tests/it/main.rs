//! End-to-end tests of the program.

#![allow(clippy::tests_outside_test_module, missing_docs)]

mod attacks;
#[cfg(feature = "external-clients")]
mod external;
mod features;
mod hostile_files;
mod parameters;
mod quickstart;
mod reload;
mod websocket;
mod zero_loss;
