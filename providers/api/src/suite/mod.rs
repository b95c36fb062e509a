//! The executable contract: what every provider does, whatever its API does to it.
//!
//! A provider brings a [`World`]: its infrastructure in memory, with its real driver on top. [`run`] then
//! drives one Gateway through its stages, over and over, with faults and kills at every single call, and
//! compares what is left with what an undisturbed run leaves. It needs no runtime: a world in memory never
//! waits, so a future that does not finish at once is one that was killed.
//!
//! A process remembers nothing of others, so what follows from a world hangs on that world alone. What many cases begin with
//! is made once and copied, and of faults that leave worlds alike one is followed to its end.

mod drive;
mod ends;
mod fault;
mod order;
mod report;
mod scenario;
#[cfg(test)]
mod tests;

pub mod fake;

pub use drive::drive;
pub use fault::{Answer, Call, Calls, Injected, Reply};
pub use report::Report;

use crate::contract::{Driver, Resource};
use gatewright_model::key::ObjectName;
use std::collections::BTreeMap;

/// A provider's infrastructure in memory.
pub trait World: Sized + Sync {
    /// The provider's driver.
    type Driver: Driver;

    /// Infrastructure with nothing in it.
    fn empty() -> Self;

    /// Another one in which everything is as it is here now, without the calls made and what is to go wrong. What happens to
    /// the one does not happen to the other.
    #[must_use]
    fn copy(&self) -> Self;

    /// Whether the same calls get the same answers in both from now on, what goes wrong aside. `false` where that cannot be
    /// told.
    fn is_like(&self, other: &Self) -> bool;

    /// A driver in a process of its own: it remembers nothing of others.
    fn driver(&self) -> Self::Driver;

    /// Forms that one and the same Gateway takes, one after the other. Together they should create, change,
    /// replace and delete every kind of resource.
    fn stages() -> Vec<<Self::Driver as Driver>::Input>;

    /// Every call to the infrastructure goes through here.
    fn calls(&self) -> &Calls;

    /// Everything that exists, ours and others', in a form without what differs between equal runs.
    fn contents(&self) -> BTreeMap<Resource, String>;

    /// Puts things there that are not ours, as similar to ours as can be, none of
    /// them in the place of what a stage wants.
    fn plant_foreign(&self);

    /// Removes one thing behind the driver's back.
    fn lose(&self, resource: &Resource);

    /// Changes one thing behind the driver's back; `false` when it has nothing that could be changed.
    fn damage(&self, resource: &Resource) -> bool;

    /// Kinds in order of creation: what is later may refer to what is earlier. Deletion is the reverse.
    fn order() -> &'static [&'static str];
}

/// Puts a provider to the test; see the module's words.
pub fn run<W: World>() -> Report {
    let mut report = Report::default();
    let stages = W::stages();
    scenario::steady::<W>(&stages, &mut report);
    scenario::transitions::<W>(&stages, &mut report);
    scenario::partial::<W>(&stages, &mut report);
    scenario::ownership::<W>(&stages, &mut report);
    scenario::faults::<W>(&stages, &mut report);
    scenario::kills::<W>(&stages, &mut report);
    order::check::<W>(&stages, &mut report);
    report
}

/// The Gateway of the stages; `None` when there are none.
fn gateway<W: World>(stages: &[<W::Driver as Driver>::Input]) -> Option<ObjectName> {
    let driver = W::empty().driver();
    Some(driver.gateway(stages.first()?).clone())
}
