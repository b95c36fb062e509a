//! How fast everything is looked at.

use super::{Setup, account};
use crate::limiter::{Bucket, Figures};
use gatewright_aws::cloud::Cloud as _;
use gatewright_aws::lattice;
use gatewright_aws::lattice::cloud::Resources as _;
use gatewright_aws::swept::{Ages, PACE, Swept};
use std::collections::BTreeMap;

fn paces(raised: BTreeMap<Bucket, Figures>) -> (f64, f64) {
    let setup = Setup {
        raised,
        ..Setup::default()
    };
    let (account, _) = account("http://127.0.0.1:1", setup);
    let balancers = Swept::new(account.clone(), "blue", Ages::default());
    let services = lattice::swept::Swept::new(account, "blue", Ages::default());
    (balancers.pace(), services.lattice_pace())
}

/// The other half is for changes, and for others who use the account.
#[tokio::test]
async fn looks_take_half_of_what_the_account_allows() {
    assert_eq!(paces(BTreeMap::new()), (PACE, PACE));
    let rate = |per_second| Figures {
        burst: 40,
        per_second,
    };
    let raised = BTreeMap::from([
        (Bucket::ElbDescribe, rate(100.0)),
        (Bucket::LatticeRead, rate(4.0)),
    ]);
    assert_eq!(paces(raised), (50.0, 2.0));
}
