//! Exit codes: each means one thing (see `gatewright --help`).

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All well.
    Success,
    /// The input has errors.
    InvalidInput,
    /// There are changes to make.
    #[cfg(feature = "controller")]
    Changes,
    /// The command line is wrong.
    Usage,
    /// A file, socket or address cannot be used.
    Io,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::InvalidInput => 1,
            #[cfg(feature = "controller")]
            Exit::Changes => 2,
            Exit::Usage => 64,
            Exit::Io => 74,
        })
    }
}
