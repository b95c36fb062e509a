//! Colours of the terminal output; `anstream` drops them where they do not belong.

use anstyle::{AnsiColor, Style};

/// Something is wrong.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Something deserves a look.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// Something is well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Names of objects.
pub const NAME: Style = Style::new().bold();
/// Secondary text.
pub const DIM: Style = Style::new().dimmed();
