//! What was followed to its end already.

use super::World;

/// Worlds that faults left behind and that were followed to their ends.
pub struct Ends<W>(Vec<W>);

impl<W: World> Ends<W> {
    /// None yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether a world is the first of its like; then it is to be followed.
    pub fn is_new(&mut self, world: &W) -> bool {
        let known = self.0.iter().any(|known| known.is_like(world));
        if !known {
            self.0.push(world.copy());
        }
        !known
    }
}
