//! Gateway API controller, proxy and offline tools in one program.

fn main() {}
