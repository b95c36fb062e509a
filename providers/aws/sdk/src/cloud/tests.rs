use super::{existing, gone_is_fine, odd};
use gatewright_aws::cloud::CloudError;
use gatewright_provider_api::contract::ErrorKind;
use std::cell::RefCell;
use std::future::ready;

fn error(kind: ErrorKind) -> CloudError {
    CloudError {
        kind,
        ..odd("DescribeTags", "")
    }
}

#[tokio::test]
async fn halves_find_what_exists_among_what_does_not() {
    let wanted: Vec<String> = (0..45).map(|number| number.to_string()).collect();
    let gone = ["0", "19", "44"];
    let calls = RefCell::new(Vec::new());
    let found = existing(&wanted, |some| {
        calls.borrow_mut().push(some.len());
        let refused = some.iter().any(|one| gone.contains(&one.as_str()));
        ready(if refused {
            Err(error(ErrorKind::NotFound))
        } else {
            Ok(some)
        })
    });
    let found = found.await.unwrap();
    let left: Vec<String> = wanted
        .iter()
        .filter(|one| !gone.contains(&one.as_str()))
        .cloned()
        .collect();
    assert_eq!(found, left);
    assert!(calls.borrow().iter().all(|length| (1..=20).contains(length)));
}

#[tokio::test]
async fn another_error_ends_the_listing() {
    let fails = |_| ready(Err::<Vec<()>, _>(error(ErrorKind::Timeout)));
    assert_eq!(
        existing(&["a".into(), "b".into()], fails).await,
        Err(error(ErrorKind::Timeout))
    );
    assert_eq!(existing(&[], fails).await, Ok(Vec::new()));
}

#[tokio::test]
async fn only_absence_is_fine() {
    let never = || async { panic!("nobody should look") };
    assert_eq!(
        gone_is_fine::<(), _>(Err(error(ErrorKind::NotFound)), never).await,
        Ok(())
    );
    assert_eq!(gone_is_fine(Ok(7), never).await, Ok(()));
    assert_eq!(
        gone_is_fine::<(), _>(Err(error(ErrorKind::InUse)), never).await,
        Err(error(ErrorKind::InUse))
    );
    // What is gone has no tag that would allow its deletion.
    let refused = || Err::<(), _>(error(ErrorKind::Forbidden));
    assert_eq!(gone_is_fine(refused(), || ready(Ok(false))).await, Ok(()));
    assert_eq!(
        gone_is_fine(refused(), || ready(Ok(true))).await,
        Err(error(ErrorKind::Forbidden))
    );
    let unknown = || ready(Err(error(ErrorKind::Timeout)));
    assert_eq!(
        gone_is_fine(refused(), unknown).await,
        Err(error(ErrorKind::Forbidden))
    );
}
