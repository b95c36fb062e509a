//! What goes over the wire, and what becomes of the answers.

use super::{Reply, Server, Setup, account};
use crate::ec2::Filter;
use crate::limiter::{Bucket, Figures};
use crate::transport::AttemptOutcome::{Done, Failed, Refused, Throttled, Unanswered};
use gatewright_aws::cloud::{Arn, Balancers, Network, Rules, Tagging};
use gatewright_aws_core::network::Ingress;
use gatewright_provider_api::contract::ErrorKind;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const VPCS: &str = "<DescribeVpcsResponse><vpcSet/></DescribeVpcsResponse>";

#[tokio::test]
async fn a_call_is_signed_and_named_as_the_services_want_it() {
    let server = Server::start(|_, _| Reply::ok(VPCS)).await;
    let (account, seen) = account(&server.url, Setup::default());
    assert_eq!(account.ec2().vpcs(&[]).await, Ok(Vec::new()));

    let [request] = &server.received()[..] else {
        panic!("one request was expected");
    };
    assert_eq!(
        request.body,
        "Action=DescribeVpcs&Version=2016-11-15&MaxResults=100"
    );
    assert_eq!(
        request.header("content-type"),
        "application/x-www-form-urlencoded"
    );
    let signed = request.header("authorization");
    assert!(
        signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        "{signed}"
    );
    assert!(
        signed.contains("/eu-central-1/ec2/aws4_request, SignedHeaders="),
        "{signed}"
    );
    assert!(
        request.header("user-agent").contains("aws-sdk-rust"),
        "{}",
        request.header("user-agent")
    );
    assert!(request.header("amz-sdk-request").contains("attempt=1; max=3"));
    assert_eq!(seen.attempts(), [("DescribeVpcs", Done)]);
}

/// Standard retries of the SDK, and our limiter: throttled attempts are told to both.
#[tokio::test]
async fn throttled_attempts_are_repeated_and_slow_the_bucket_down() {
    let server = Server::start(|number, _| match number {
        0 | 1 => Reply::ec2_error(503, "RequestLimitExceeded"),
        _ => Reply::ok(VPCS),
    });
    let server = server.await;
    let (account, seen) = account(&server.url, Setup::default());
    assert_eq!(account.ec2().vpcs(&[]).await, Ok(Vec::new()));
    let name = "DescribeVpcs";
    assert_eq!(
        seen.attempts(),
        [(name, Throttled), (name, Throttled), (name, Done)]
    );
    assert!(account.limiter().rate(Bucket::Ec2Read) < 12.0);
    assert!(account.limiter().rate(Bucket::Ec2Write) > 4.9);
}

/// The same for a client of the SDK: Elastic Load Balancing throttles with HTTP 400.
#[tokio::test]
async fn the_sdks_own_clients_are_paced_and_watched_too() {
    let server = Server::start(|_, _| Reply::elb_error(400, "Throttling")).await;
    let (account, seen) = account(&server.url, Setup::default());
    let error = account.balancer_named("any").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Throttled { after: None });
    assert_eq!(&*error.code, "Throttling");
    let name = "DescribeLoadBalancers";
    assert_eq!(
        seen.attempts(),
        [(name, Throttled), (name, Throttled), (name, Throttled)]
    );
    assert!(account.limiter().rate(Bucket::ElbDescribe) < 6.0);
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let server = Server::start(|_, request| match request.parameter("Action").as_deref() {
        Some("CreateSecurityGroup" | "DescribeSubnets") => Reply::ec2_error(403, "UnauthorizedOperation"),
        _ => Reply::elb_error(403, "AccessDenied"),
    });
    let server = server.await;
    let (account, seen) = account(&server.url, Setup::default());
    let error = account
        .delete_rule(&Arn("arn:aws:elasticloadbalancing:r".into()))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden);
    assert_eq!(
        error.to_string(),
        "DeleteRule: AccessDenied: needs the permission `elasticloadbalancing:DeleteRule` (Terraform: output \
         `policy_arns[\"load-balancing\"]` of terraform/aws/permissions): told you (request c6104cbe)"
    );
    let error = account.ec2().subnets(&[]).await.unwrap_err();
    assert!(error.message.contains("`ec2:DescribeSubnets`"), "{error}");
    assert!(error.message.contains("`policy_arns[\"network\"]`"), "{error}");
    assert!(error.message.contains("(request ea966190)"), "{error}");
    assert_eq!(
        seen.attempts(),
        [
            ("DeleteRule", Refused),
            ("DescribeTags", Refused),
            ("DescribeSubnets", Refused)
        ]
    );
}

#[tokio::test]
async fn what_nobody_documents_is_unexpected_and_keeps_code_and_request() {
    let server = Server::start(|_, _| Reply::elb_error(400, "BrandNew")).await;
    let (account, _) = account(&server.url, Setup::default());
    let error = account.rules(&Arn("arn:l".into())).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unexpected);
    assert_eq!(
        error.to_string(),
        "DescribeRules: BrandNew: this version does not know the error; the call is repeated, ever less often: \
         told you (request c6104cbe)"
    );
}

/// moto and load balancers in between answer with pages.
#[tokio::test]
async fn an_error_page_is_an_outage() {
    let server = Server::start(|_, _| Reply::Answer(500, "<html><body>oops</body></html>".into())).await;
    let (account, seen) = account(&server.url, Setup::default());
    let error = account.ec2().vpcs(&[]).await.unwrap_err();
    assert_eq!((error.kind, &*error.code), (ErrorKind::Unavailable, "HTTP 500"));
    assert_eq!(seen.attempts(), [("DescribeVpcs", Failed); 3]);
    let error = account.balancer_named("any").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let setup = Setup {
        answer: Duration::from_millis(50),
        ..Setup::default()
    };
    let (account, seen) = account(&server.url, setup);
    let error = account.ec2().vpcs(&[]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
    assert_eq!(seen.attempts(), [("DescribeVpcs", Unanswered); 3]);
    let error = account.balancer_named("any").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
}

#[tokio::test]
async fn nobody_at_the_endpoint_is_an_outage() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let (account, _) = account(&url, Setup::default());
    for error in [
        account.ec2().vpcs(&[]).await.unwrap_err(),
        account.balancer_named("x").await.unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert!(
            error.message.contains("does the region have the service"),
            "{error}"
        );
    }
}

/// Credentials that AWS refuses are not taken for a missing permission.
#[tokio::test]
async fn refused_credentials_say_what_to_do() {
    for (code, what) in [
        (
            "InvalidClientTokenId",
            "accept the credentials; check what gives them",
        ),
        (
            "UnrecognizedClientException",
            "accept the credentials; check what gives them",
        ),
        ("SignatureDoesNotMatch", "the clock of the controller"),
        ("RequestExpired", "set the clock of the controller"),
        ("ExpiredToken", "they have expired"),
        ("OptInRequired", "choose another region"),
    ] {
        let server = Server::start(move |_, _| Reply::elb_error(403, code)).await;
        let (account, _) = account(&server.url, Setup::default());
        let error = account.balancer_named("any").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Forbidden, "{code}");
        assert!(error.message.contains(what), "{code}: {error}");
        assert!(!error.message.contains("permission"), "{code}: {error}");
    }
}

#[tokio::test]
async fn who_would_wait_too_long_is_told_when_to_come_back_and_sends_nothing() {
    let server = Server::start(|_, _| Reply::ok(VPCS)).await;
    let raised = Figures {
        burst: 1,
        per_second: 0.1,
    };
    let setup = Setup {
        turn: Duration::from_secs(1),
        raised: BTreeMap::from([(Bucket::Ec2Read, raised), (Bucket::ElbDescribe, raised)]),
        ..Setup::default()
    };
    let (account, _) = account(&server.url, setup);
    account.ec2().vpcs(&[]).await.unwrap();
    let refused = account.ec2().vpcs(&[]).await.unwrap_err().kind;
    let ErrorKind::Throttled { after: Some(after) } = refused else {
        panic!("{refused:?}");
    };
    assert!((8..=10).contains(&after.as_secs()), "{after:?}");
    let _ = account.balancer_named("x").await;
    let refused = account.balancer_named("x").await.unwrap_err().kind;
    assert!(
        matches!(refused, ErrorKind::Throttled { after: Some(_) }),
        "{refused:?}"
    );
    assert_eq!(server.received().len(), 2);
}

/// Users grant permissions by the list of calls: what is not in it is not sent.
#[tokio::test]
async fn a_call_that_is_not_listed_is_not_sent() {
    let server = Server::start(|_, _| Reply::ok("")).await;
    let (account, _) = account(&server.url, Setup::default());
    let error = account.elb.describe_ssl_policies().send().await.unwrap_err();
    let text = format!("{error:?}");
    assert!(
        text.contains("DescribeSSLPolicies is not in the list of calls"),
        "{text}"
    );
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let server = Server::start(|_, _| Reply::ok(VPCS)).await;
    let setup = Setup {
        credentials: false,
        ..Setup::default()
    };
    let (account, _) = account(&server.url, setup);
    assert!(account.ec2().vpcs(&[]).await.is_err());
    assert!(account.balancer_named("x").await.is_err());
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let server = Server::start(|_, _| Reply::ok(vec![b' '; 33 * 1024 * 1024])).await;
    let (account, _) = account(&server.url, Setup::default());
    assert!(account.ec2().vpcs(&[]).await.is_err());
}

#[tokio::test]
async fn an_unreadable_answer_is_an_error_and_not_an_empty_list() {
    for body in [
        "",
        "<DescribeVpcsResponse><vpcSet><item/></vpcSet></DescribeVpcsResponse>",
        "<x",
        "nothing",
    ] {
        let server = Server::start(move |_, _| Reply::ok(body)).await;
        let (account, _) = account(&server.url, Setup::default());
        let error = account.ec2().vpcs(&[]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unexpected, "{body}");
    }
}

#[tokio::test]
async fn all_pages_are_read_and_each_is_paced() {
    let page = |id: &str, token: &str| {
        format!(
            "<DescribeVpcsResponse><vpcSet><item><vpcId>{id}</vpcId></item></vpcSet>\
             <nextToken>{token}</nextToken></DescribeVpcsResponse>"
        )
    };
    let server = Server::start(move |_, request| {
        Reply::ok(match request.parameter("NextToken").as_deref() {
            None => page("vpc-1", "a/b+c="),
            Some("a/b+c=") => page("vpc-2", "end"),
            Some(_) => page("vpc-3", ""),
        })
    });
    let server = server.await;
    let (account, seen) = account(&server.url, Setup::default());
    let filters = [
        Filter::exactly("tag:a*b", r"x\y?"),
        Filter::any("vpc-id", ["vpc-1", "vpc-2"]),
    ];
    let vpcs = account.ec2().vpcs(&filters).await.unwrap();
    assert_eq!(
        vpcs.iter().map(|vpc| &*vpc.id).collect::<Vec<_>>(),
        ["vpc-1", "vpc-2", "vpc-3"]
    );
    assert_eq!(seen.attempts().len(), 3);
    for request in server.received() {
        let value = |name: &str| request.parameter(name).unwrap();
        assert_eq!(value("MaxResults"), "100");
        assert_eq!(
            (value("Filter.1.Name"), value("Filter.1.Value.1")),
            ("tag:a*b".into(), r"x\\y\?".into())
        );
        assert_eq!(
            (value("Filter.2.Value.1"), value("Filter.2.Value.2")),
            ("vpc-1".into(), "vpc-2".into())
        );
    }
}

#[tokio::test]
async fn a_listing_that_never_ends_is_an_error() {
    let body = "<R><vpcSet/><nextToken>again</nextToken></R>";
    let server = Server::start(move |_, _| Reply::ok(body)).await;
    let (account, _) = account(&server.url, Setup::default());
    assert_eq!(
        account.ec2().vpcs(&[]).await.unwrap_err().kind,
        ErrorKind::Unexpected
    );
    assert_eq!(server.received().len(), 2);
}

fn ingress(port: u16, source: &str) -> Ingress {
    Ingress {
        protocol: "tcp".into(),
        port,
        source: source.into(),
    }
}

/// EC2 refuses all permissions of a call for one that is there; a repeated call must do no harm.
#[tokio::test]
async fn permissions_that_are_there_do_no_harm() {
    let ok = "<R><return>true</return></R>";
    let server = Server::start(move |_, request| {
        if request.parameter("IpPermissions.2.FromPort").is_some() {
            return Reply::ec2_error(400, "InvalidPermission.Duplicate");
        }
        match request.parameter("IpPermissions.1.FromPort").as_deref() {
            Some("80") => Reply::ec2_error(400, "InvalidPermission.Duplicate"),
            _ => Reply::ok(ok),
        }
    });
    let server = server.await;
    let (account, _) = account(&server.url, Setup::default());
    let wanted = BTreeSet::from([ingress(80, "10.0.0.0/8"), ingress(443, "::/0")]);
    assert_eq!(account.authorize(&Arn("sg-1".into()), &wanted).await, Ok(()));
    assert_eq!(
        account.authorize(&Arn("sg-1".into()), &BTreeSet::new()).await,
        Ok(())
    );
    let sent = server.received();
    assert_eq!(sent.len(), 3);
    let value = |name: &str| sent[0].parameter(name).unwrap_or_default();
    assert_eq!(value("GroupId"), "sg-1");
    assert_eq!(value("IpPermissions.1.IpProtocol"), "tcp");
    assert_eq!(value("IpPermissions.1.ToPort"), "80");
    assert_eq!(value("IpPermissions.1.IpRanges.1.CidrIp"), "10.0.0.0/8");
    assert_eq!(value("IpPermissions.2.Ipv6Ranges.1.CidrIpv6"), "::/0");
}

/// AWS refuses a describe for one ARN that is gone; the others must be found, in few calls.
#[tokio::test]
async fn what_is_gone_is_left_out_of_tags() {
    let server = Server::start(|_, request| {
        let arns: Vec<String> = (1..=20)
            .map_while(|number| request.parameter(&format!("ResourceArns.member.{number}")))
            .collect();
        if arns.iter().any(|arn| arn.ends_with("/gone")) {
            return Reply::elb_error(400, "TargetGroupNotFound");
        }
        let tags = arns.iter().map(|arn| {
            format!(
                "<member><ResourceArn>{arn}</ResourceArn><Tags><member><Key>a</Key><Value>b</Value></member>\
                 <member><Key>empty</Key><Value/></member></Tags></member>"
            )
        });
        Reply::ok(format!(
            "<DescribeTagsResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
             <DescribeTagsResult><TagDescriptions>{}</TagDescriptions></DescribeTagsResult></DescribeTagsResponse>",
            tags.collect::<String>()
        ))
    });
    let server = server.await;
    let (account, _) = account(&server.url, Setup::default());
    let mut arns: Vec<Arn> = (0..39)
        .map(|number| Arn(format!("arn:{number}").into()))
        .collect();
    arns.insert(7, Arn("arn:x/gone".into()));
    let tags = account.tags(&arns).await.unwrap();
    assert_eq!(tags.len(), 39);
    let one = &tags[&Arn("arn:0".into())];
    assert_eq!(
        one.iter()
            .map(|(key, value)| (&**key, &**value))
            .collect::<Vec<_>>(),
        [("a", "b"), ("empty", "")]
    );
    // 40 in two calls; then halves of 20: 10 and 10, 5 and 5, 2 and 3, 1 and 1 or 2.
    assert!(server.received().len() <= 11, "{}", server.received().len());
}
