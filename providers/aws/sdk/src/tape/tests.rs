use super::*;
use crate::testing::{Reply, Server};
use crate::{ConnectError, Connector, Timing};
use gatewright_provider_api::contract::ErrorKind;

const WHO: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                   <Arn>arn:aws:iam::123456789012:user/me</Arn><UserId>me</UserId><Account>123456789012</Account>\
                   </GetCallerIdentityResult></GetCallerIdentityResponse>";

fn connector(tape: &Tape) -> Connector {
    Connector::new(Timing::default(), BTreeMap::new(), Arc::new(())).with_tape(tape.clone())
}

/// What was recorded is answered without anybody to ask; what was not is named.
#[tokio::test]
async fn what_was_asked_is_answered_again() {
    let held = Held {
        version: VERSION,
        places: BTreeMap::from([(
            name(&Settings::default()),
            At {
                region: "eu-central-1".to_owned(),
                answers: BTreeMap::from([(
                    "STS GetCallerIdentity / Action=GetCallerIdentity&Version=2011-06-15".to_owned(),
                    Answer {
                        status: 200,
                        headers: BTreeMap::from([("content-type".to_owned(), "text/xml".to_owned())]),
                        body: WHO.to_owned(),
                    },
                )]),
            },
        )]),
    };
    let tape = Tape::replaying(&serde_json::to_string(&held).unwrap()).unwrap();
    let account = connector(&tape).connect(&Settings::default()).await.unwrap();
    assert_eq!(
        (account.region(), account.identity().account.as_str()),
        ("eu-central-1", "123456789012")
    );
    let error = account.ec2().vpcs(&[]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unexpected);
    assert!(
        error.message.contains("EC2 DescribeVpcs") && error.message.contains("record it again"),
        "{error}"
    );
    let elsewhere = Settings {
        region: Some("us-east-1".to_owned()),
        ..Settings::default()
    };
    let error = connector(&tape).connect(&elsewhere).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Unrecorded(place) if place.contains("us-east-1")),
        "{error}"
    );
    assert_eq!(tape.text().unwrap(), serde_json::to_string_pretty(&held).unwrap());
}

#[test]
fn another_text_is_refused() {
    let refused = |text: &str| Tape::replaying(text).unwrap_err().to_string();
    assert!(refused("{}").contains("no recorded state"));
    assert!(refused("{\"version\":2,\"places\":{}}").contains("version 2, accepted is 1"));
}

/// A question has nothing of who asks, when, and where; failures that pass are not kept.
#[tokio::test]
async fn answers_are_kept_and_failures_are_not() {
    let server = Server::start(|number, _| match number {
        0 => Reply::Answer(503, "<x/>".into()),
        _ => Reply::ok("<R><vpcSet/></R>"),
    })
    .await;
    let tape = Tape::recording();
    let settings = Settings::default();
    let (account, _) = crate::testing::account_over(&server.url, crate::testing::Setup::default(), |http| {
        tape.over(&settings, "eu-central-1", http)
    });
    assert!(account.ec2().vpcs(&[]).await.unwrap().is_empty());
    let text = tape.text().unwrap();
    assert_eq!(text.matches("DescribeVpcs").count(), 2, "{text}");
    assert!(
        !text.contains("503") && !text.contains("127.0.0.1") && !text.contains("AKID"),
        "{text}"
    );
    assert_eq!(server.received().len(), 2);
}
