//! Who we are, by the SDK's own chain: IRSA, EKS Pod Identity, roles on top of either, instances.
//!
//! An environment is a whole process's, so that each case is this program again, as in a pod, with one test of it.

use super::simulator::simulator;
use super::{Received, Reply, Server};
use crate::{AssumeRole, Connector, Settings, Timing};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::region::Region;
use gatewright_aws_simulator::run::Running;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

const ROLE: &str = "arn:aws:iam::210987654321:role/gatewright";
const OTHER: &str = "arn:aws:iam::333333333333:role/far/gatewright";

/// Claims of a ServiceAccount of EKS until 2100; a signature that nobody looks at.
const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL29pZGMuZXhhbXBsZSIsInN1YiI6InN5c3RlbTpzZXJ2aWNlYWNjb3VudD\
                     pnYXRld3JpZ2h0LXN5c3RlbTpnYXRld3JpZ2h0LWNvbnRyb2xsZXIiLCJhdWQiOlsic3RzLmFtYXpvbmF3cy5jb20iXSwiZXhw\
                     Ijo0MTAyNDQ0ODAwfQ.c2ln";
/// One that expired in 2023.
const OLD_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDB9.c2ln";

/// Credentials that last no longer than one call: whoever gives them is asked again for the next.
const AT_ONCE: &str = "2020-01-01T00:00:00Z";

type Environment<'a> = BTreeMap<&'a str, String>;

/// A pod's, without anything that tells who it is.
fn environment<'a>(endpoint: &str, more: &[(&'a str, &str)]) -> Environment<'a> {
    let base = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ROLE_SESSION_NAME", "pod"),
    ];
    let all = base.iter().chain(more);
    all.map(|(name, value)| (*name, (*value).to_owned())).collect()
}

/// What a process with this environment says.
async fn process(test: &'static str, environment: &Environment<'_>) -> String {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            &format!("testing::identity::{test}"),
            "--ignored",
            "--nocapture",
        ])
        .env_clear()
        .envs(environment);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    text
}

/// Connects, asks for VPCs twice, and says what came of it.
async fn run() {
    let connector = Connector::new(Timing::default(), BTreeMap::new(), Arc::new(()));
    let role = std::env::var("GATEWRIGHT_TEST_ROLE").ok();
    let settings = Settings {
        role: role.map(|arn| AssumeRole {
            arn,
            external_id: None,
        }),
        ..Settings::default()
    };
    let begun = Instant::now();
    match connector.connect(&settings).await {
        Ok(account) => {
            println!("we are {} in {}", account.identity().arn, account.region());
            for _ in 0..2 {
                println!("VPCs: {}", account.ec2().vpcs(&[]).await.is_ok());
            }
        }
        Err(error) => {
            let kind = match &error {
                crate::ConnectError::Identity(error) => format!("{:?}", error.kind),
                _ => "Settings".to_owned(),
            };
            println!("{kind}: {error}");
        }
    }
    println!("took {} s", begun.elapsed().as_secs());
}

#[tokio::test]
#[ignore = "run by the others here, each in an environment of its own"]
async fn child() {
    run().await;
}

/// The same by a clock that does not wait for those who do not answer.
#[tokio::test(start_paused = true)]
#[ignore = "run by the others here, each in an environment of its own"]
async fn hurried_child() {
    run().await;
}

fn has(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

/// A file with a token, as kubelet has it in a volume.
fn token_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// <https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html>.
#[tokio::test]
async fn irsa_gives_an_identity_and_roles_on_top_of_it() {
    let simulator = simulator(None).await;
    let file = token_file(TOKEN);
    let url = format!("http://{}", simulator.services);
    let irsa = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", text(file.path())),
    ];
    let mut environment = environment(&url, &irsa);
    let said = process("child", &environment).await;
    let own = "we are arn:aws:sts::210987654321:assumed-role/gatewright/pod in eu-west-1";
    has(&said, &[own, "VPCs: true\nVPCs: true"]);

    environment.insert("GATEWRIGHT_TEST_ROLE", OTHER.to_owned());
    let said = process("child", &environment).await;
    let other = "we are arn:aws:sts::333333333333:assumed-role/gatewright/gatewright in eu-west-1";
    has(&said, &[other, "VPCs: true\nVPCs: true"]);
    simulator.stop().await.unwrap();
}

fn refuse(simulator: &Running, account: &str, region: &str, role: &str) {
    let mut inner = simulator.simulator.inner();
    let place = inner
        .world
        .accounts
        .entry(format!("{account}/{region}"))
        .or_default();
    place.sts.refused_roles.insert(role.to_owned());
}

#[tokio::test]
async fn irsa_that_is_refused_says_what_to_do() {
    let simulator = simulator(None).await;
    let url = format!("http://{}", simulator.services);
    let file = token_file(OLD_TOKEN);
    let irsa = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", text(file.path())),
    ];
    let mut environment = environment(&url, &irsa);
    let beginning = "Forbidden: who we are on AWS is not known: GetCallerIdentity: no credentials: ";
    let said = process("child", &environment).await;
    let expired = "STS answered ExpiredTokenException to AssumeRoleWithWebIdentity: the token in the file of";
    has(&said, &[&format!("{beginning}{expired}")]);

    std::fs::write(file.path(), "not a token").unwrap();
    let said = process("child", &environment).await;
    has(
        &said,
        &[
            &format!("{beginning}STS answered InvalidIdentityToken to AssumeRoleWithWebIdentity: "),
            "(Terraform: variable `oidc_provider_arn` of terraform/aws/irsa)",
        ],
    );

    // Whoever sends no signature has no account: it is the role's that refuses.
    std::fs::write(file.path(), TOKEN).unwrap();
    refuse(&simulator, "123456789012", "us-east-1", ROLE);
    let said = process("child", &environment).await;
    has(
        &said,
        &[
            &format!("{beginning}STS answered AccessDenied to AssumeRoleWithWebIdentity: "),
            "must allow `sts:AssumeRoleWithWebIdentity` to this cluster's issuer, namespace and ServiceAccount",
            "(Terraform: output `role_arn` of terraform/aws/irsa)",
        ],
    );
    // It is not the role on top that is to blame.
    environment.insert("GATEWRIGHT_TEST_ROLE", OTHER.to_owned());
    let said = process("child", &environment).await;
    has(
        &said,
        &["STS answered AccessDenied to AssumeRoleWithWebIdentity: "],
    );

    simulator.simulator.inner().world.accounts.clear();
    refuse(&simulator, "210987654321", "eu-west-1", OTHER);
    let said = process("child", &environment).await;
    has(
        &said,
        &[
            &format!("{beginning}STS answered AccessDenied to AssumeRole: "),
            "the permission `sts:AssumeRole` on it (Terraform: variable `assumable_role_arns` of terraform/aws/irsa",
        ],
    );

    environment.insert("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token".to_owned());
    let said = process("child", &environment).await;
    has(
        &said,
        &[
            beginning,
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "cannot be read (entity not found)",
        ],
    );
    simulator.stop().await.unwrap();
}

fn sts(operation: &str, result: &str) -> Reply {
    Reply::ok(format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>{result}\
         </{operation}Result><ResponseMetadata><RequestId>c6104cbe</RequestId></ResponseMetadata></{operation}Response>"
    ))
}

/// STS and EC2 as far as [`run`] needs them, with sessions that are over at once.
fn short_sessions(request: &Received, number: usize) -> Reply {
    match request.parameter("Action").as_deref() {
        Some(operation @ "AssumeRoleWithWebIdentity") => sts(
            operation,
            &format!(
                "<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
                 <SessionToken>session-{number}</SessionToken><Expiration>{AT_ONCE}</Expiration></Credentials>\
                 <AssumedRoleUser><Arn>arn:aws:sts::210987654321:assumed-role/gatewright/pod</Arn>\
                 <AssumedRoleId>AROAEXAMPLE:pod</AssumedRoleId></AssumedRoleUser>"
            ),
        ),
        Some(operation @ "GetCallerIdentity") => sts(
            operation,
            "<Account>210987654321</Account><Arn>arn:aws:sts::210987654321:assumed-role/gatewright/pod</Arn>\
             <UserId>AROAEXAMPLE:pod</UserId>",
        ),
        _ => Reply::ok("<DescribeVpcsResponse><vpcSet/></DescribeVpcsResponse>"),
    }
}

/// Kubelet writes a new token into the file before the old one expires; nothing is restarted for it.
#[tokio::test]
async fn a_token_that_changed_in_its_file_is_used_for_the_next_session() {
    let file = token_file("token-0");
    let path = file.path().to_path_buf();
    let server = Server::start(move |number, request| {
        if request.parameter("Action").as_deref() == Some("AssumeRoleWithWebIdentity") {
            std::fs::write(&path, format!("token-{}", number + 1)).unwrap();
        }
        short_sessions(request, number)
    });
    let server = server.await;
    let irsa = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", text(file.path())),
    ];
    let said = process("child", &environment(&server.url, &irsa)).await;
    has(
        &said,
        &["we are arn:aws:sts::210987654321", "VPCs: true\nVPCs: true"],
    );
    let received = server.received();
    let told: Vec<_> = received
        .iter()
        .map(|request| {
            let token = request.parameter("WebIdentityToken");
            token.unwrap_or_else(|| request.header("x-amz-security-token").to_owned())
        })
        .collect();
    assert_eq!(
        told,
        [
            "token-0",
            "session-0",
            "token-1",
            "session-2",
            "token-3",
            "session-4"
        ]
    );
}

/// The EKS Pod Identity agent: gives these credentials to who has the token that is in the file now, and has a new one
/// written there.
async fn agent(file: &Path, given: Credentials) -> Server {
    let path = file.to_path_buf();
    let expected = Mutex::new("token-0".to_owned());
    Server::start(move |number, request| {
        let mut expected = expected.lock().unwrap();
        if request.line != "GET /v1/credentials" || request.header("authorization") != *expected {
            return Reply::Answer(403, "no".into());
        }
        *expected = format!("token-{}", number + 1);
        std::fs::write(&path, &*expected).unwrap();
        Reply::ok(format!(
            r#"{{"AccessKeyId": "{}", "SecretAccessKey": "{}", "Token": "{}", "AccountId": "210987654321",
                 "Expiration": "{AT_ONCE}"}}"#,
            given.access_key_id(),
            given.secret_access_key(),
            given.session_token().unwrap()
        ))
    })
    .await
}

/// What EKS takes on for a pod.
async fn session(url: &str) -> Credentials {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new("210987654321", "none", None, None, "test"));
    let client = aws_sdk_sts::Client::from_conf(config.build());
    let taken = client
        .assume_role()
        .role_arn(ROLE)
        .role_session_name("eks-cluster-pod");
    let given = taken.send().await.unwrap().credentials.unwrap();
    Credentials::new(
        given.access_key_id,
        given.secret_access_key,
        Some(given.session_token),
        None,
        "test",
    )
}

/// <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html>.
#[tokio::test]
async fn eks_pod_identity_gives_an_identity_and_roles_on_top_of_it() {
    let simulator = simulator(None).await;
    let url = format!("http://{}", simulator.services);
    let given = session(&url).await;
    let own = "we are arn:aws:sts::210987654321:assumed-role/gatewright/eks-cluster-pod in eu-west-1";
    let other = "we are arn:aws:sts::333333333333:assumed-role/gatewright/gatewright in eu-west-1";
    for (role, who, asked) in [(None, own, 3), (Some(OTHER), other, 1)] {
        let file = token_file("token-0");
        let agent = agent(file.path(), given.clone()).await;
        let uri = format!("{}/v1/credentials", agent.url);
        let pod = [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", text(file.path())),
        ];
        let mut environment = environment(&url, &pod);
        environment.extend(role.map(|role| ("GATEWRIGHT_TEST_ROLE", role.to_owned())));
        let said = process("child", &environment).await;
        has(&said, &[who, "VPCs: true\nVPCs: true"]);
        // Once for each call, with the token of that time; the role that was taken on lasts.
        assert_eq!(agent.received().len(), asked, "{said}");
    }
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn eks_pod_identity_that_is_refused_says_what_to_do() {
    let beginning = "who we are on AWS is not known: GetCallerIdentity: no credentials: ";
    let nobody = Credentials::new("a", "b", Some("c".into()), None, "test");
    let file = token_file("another-token");
    let agent = agent(file.path(), nobody).await;
    let uri = format!("{}/v1/credentials", agent.url);
    let pod = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", text(file.path())),
    ];
    let mut environment = environment("http://127.0.0.1:9", &pod);
    let said = process("child", &environment).await;
    has(
        &said,
        &[
            &format!("Forbidden: {beginning}the EKS Pod Identity agent answered HTTP 403: "),
            "`sts:AssumeRole` and `sts:TagSession`",
            "(Terraform: outputs `association_id` and `role_arn` of terraform/aws/pod-identity)",
        ],
    );
    assert_eq!(agent.received().len(), 1);

    std::fs::write(file.path(), "two\nlines").unwrap();
    let said = process("child", &environment).await;
    has(
        &said,
        &[
            &format!("Forbidden: {beginning}their configuration is wrong: "),
            "a token must be one line",
        ],
    );
    assert!(!said.contains("two"), "{said}");

    // Tokens are sent nowhere else than to the agent or this machine.
    std::fs::write(file.path(), "token-0").unwrap();
    environment.insert(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "http://192.0.2.1/v1/credentials".to_owned(),
    );
    let said = process("child", &environment).await;
    has(
        &said,
        &[&format!("Forbidden: {beginning}their configuration is wrong: ")],
    );

    // No agent on the node.
    environment.insert(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "http://127.0.0.1:9/v1/credentials".to_owned(),
    );
    let said = process("hurried_child", &environment).await;
    has(
        &said,
        &[
            &format!("Unavailable: {beginning}the EKS Pod Identity agent, "),
            "does it run on this node?",
        ],
    );
}

/// How long a process took by its own clock.
fn took(said: &str) -> u64 {
    let number = said.split("took ").nth(1).and_then(|rest| rest.split(' ').next());
    number.unwrap().parse().unwrap()
}

/// Instances have a server that tells who they are; elsewhere nobody may answer at its address.
#[tokio::test]
async fn instance_metadata_is_left_alone_where_it_is_switched_off_and_waited_for_briefly_elsewhere() {
    let metadata = Server::start(|_, _| Reply::Silence).await;
    let mut environment = environment(
        "http://127.0.0.1:9",
        &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url.as_str())],
    );
    let nobody =
        "Forbidden: who we are on AWS is not known: GetCallerIdentity: no credentials: neither environment";
    let said = process("child", &environment).await;
    has(&said, &[nobody]);
    environment.remove("AWS_REGION");
    let said = process("child", &environment).await;
    has(&said, &["Settings: no region is set: set AWS_REGION"]);
    assert!(metadata.received().is_empty());

    // Nobody answers, not even for the region.
    environment.remove("AWS_EC2_METADATA_DISABLED");
    let said = process("hurried_child", &environment).await;
    has(&said, &["Settings: no region is set"]);
    assert!(took(&said) <= 60, "{said}");
    environment.insert("AWS_REGION", "eu-west-1".to_owned());
    let said = process("hurried_child", &environment).await;
    has(
        &said,
        &["who we are on AWS is not known: GetCallerIdentity: no credentials: "],
    );
    assert!(took(&said) <= 60, "{said}");
}

#[tokio::test]
async fn an_instance_tells_who_it_is_and_where() {
    let simulator = simulator(None).await;
    let url = format!("http://{}", simulator.services);
    let given = session(&url).await;
    // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
    let metadata = Server::start(move |_, request| match request.line.as_str() {
        "PUT /latest/api/token" => Reply::Token("a-session-of-metadata"),
        _ if request.header("x-aws-ec2-metadata-token") != "a-session-of-metadata" => {
            Reply::Answer(401, "".into())
        }
        "GET /latest/meta-data/placement/region" => Reply::ok("eu-south-2"),
        "GET /latest/meta-data/iam/security-credentials/" => Reply::ok("node"),
        "GET /latest/meta-data/iam/security-credentials/node" => Reply::ok(format!(
            r#"{{"Code": "Success", "LastUpdated": "2026-01-01T00:00:00Z", "Type": "AWS-HMAC", "AccessKeyId": "{}",
                 "SecretAccessKey": "{}", "Token": "{}", "Expiration": "2100-01-01T00:00:00Z"}}"#,
            given.access_key_id(),
            given.secret_access_key(),
            given.session_token().unwrap()
        )),
        _ => Reply::Answer(404, "".into()),
    });
    let metadata = metadata.await;
    let mut environment = environment(
        &url,
        &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url.as_str())],
    );
    environment.remove("AWS_REGION");
    environment.remove("AWS_EC2_METADATA_DISABLED");
    let said = process("child", &environment).await;
    let who = "we are arn:aws:sts::210987654321:assumed-role/gatewright/eks-cluster-pod in eu-south-2";
    has(&said, &[who, "VPCs: true\nVPCs: true"]);
    simulator.stop().await.unwrap();
}

/// An STS that takes the request and says nothing.
#[tokio::test]
async fn an_sts_that_does_not_answer_is_not_waited_for_long() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let file = token_file(TOKEN);
    let irsa = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", text(file.path())),
    ];
    let said = process("hurried_child", &environment(&server.url, &irsa)).await;
    has(
        &said,
        &["Timeout: who we are on AWS is not known: GetCallerIdentity: no credentials: "],
    );
    assert!(
        Duration::from_secs(took(&said)) <= Timing::default().call,
        "{said}"
    );
}
