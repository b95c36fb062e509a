//! The provider contract and the capability tables.
