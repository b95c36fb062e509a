//! Client certificates: the guide's page "Mutual authentication with TLS in Application Load Balancer".

use super::backend::Backend;
use super::client::{Tls, get};
use super::world::{World, all};
use crate::traffic::config::{Certificate, ClientCertificates};
use http::Request;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};

/// An authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn sign(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        params.extended_key_usages = vec![usage];
        let signed = params.signed_by(&key, &self.0).unwrap();
        (signed.pem(), key.serialize_pem())
    }

    fn client(&self, name: &str) -> (String, String) {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn former_client(&self, name: &str) -> (String, String) {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth)
    }
}

struct Bench {
    world: World,
    servers: Authority,
    _backend: Backend,
}

impl Bench {
    async fn new(clients: ClientCertificates) -> Self {
        let servers = Authority::new("servers");
        let backend = Backend::start("a").await;
        let mut world = World::start(all("tg")).await;
        let names = CertificateParams::new(["a.example.com".to_owned()]).unwrap();
        let (chain, key) = servers.sign(names, ExtendedKeyUsagePurpose::ServerAuth);
        world.listener().protocol = "HTTPS".to_owned();
        world.listener().ssl_policy = Some("ELBSecurityPolicy-TLS13-1-2-2021-06".to_owned());
        world.listener().certificates = vec![Certificate {
            arn: "arn".to_owned(),
            chain,
            key,
        }];
        world.listener().clients = Some(clients);
        world.publish().await;
        assert_eq!(world.plane.problems(), []);
        world.healthy_group("tg", &[&backend]).await;
        Self {
            world,
            servers,
            _backend: backend,
        }
    }

    /// A header field that the target got from a client; `Err` when the client is refused.
    async fn told(&self, identity: Option<(String, String)>, field: &str) -> Result<Option<String>, ()> {
        let tls = Tls {
            root: self.servers.0.der().clone(),
            name: "a.example.com",
            protocol: b"http/1.1",
            identity,
        };
        // With TLS 1.3 a client learns that it is refused when it reads.
        let mut connection = tls.try_open(self.world.at).await.map_err(|_| ())?;
        let mut request: Request<_> = get("/");
        let own = http::HeaderValue::from_static("forged");
        for name in ["x-amzn-mtls-clientcert-subject", "x-amzn-mtls-clientcert"] {
            request.headers_mut().insert(name, own.clone());
        }
        let answer = connection.send(request).await.map_err(|_| ())?;
        assert_eq!(answer.status, 200);
        Ok(answer.got(field))
    }
}

const SUBJECT: &str = "x-amzn-mtls-clientcert-subject";
const WHOLE: &str = "x-amzn-mtls-clientcert";

#[tokio::test]
async fn whom_the_trust_store_vouches_for_comes_in_and_nobody_else() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let clients = |ignore_expiry| ClientCertificates::Verify {
        bundle: ours.0.pem(),
        ignore_expiry,
        advertise: false,
    };
    let mut bench = Bench::new(clients(false)).await;
    let subject = bench.told(Some(ours.client("shop")), SUBJECT).await;
    assert_eq!(subject, Ok(Some("CN=shop".to_owned())));
    let leaf = bench
        .told(Some(ours.client("shop")), "x-amzn-mtls-clientcert-leaf")
        .await;
    assert!(
        leaf.unwrap()
            .unwrap()
            .starts_with("-----BEGIN%20CERTIFICATE-----%0A"),
        "the PEM is encoded"
    );
    assert_eq!(bench.told(None, SUBJECT).await, Err(()));
    assert_eq!(bench.told(Some(others.client("shop")), SUBJECT).await, Err(()));
    assert_eq!(
        bench.told(Some(ours.former_client("shop")), SUBJECT).await,
        Err(())
    );
    // `IgnoreClientCertificateExpiry`.
    bench.world.listener().clients = Some(clients(true));
    bench.world.publish().await;
    let subject = bench.told(Some(ours.former_client("old")), SUBJECT).await;
    assert_eq!(subject, Ok(Some("CN=old".to_owned())));
    assert_eq!(
        bench.told(Some(others.former_client("old")), SUBJECT).await,
        Err(())
    );
}

#[tokio::test]
async fn passed_through_certificates_are_not_checked_and_reach_targets_whole() {
    let bench = Bench::new(ClientCertificates::Passthrough).await;
    let anybody = Authority::new("anybody");
    let whole = bench
        .told(Some(anybody.client("shop")), WHOLE)
        .await
        .unwrap()
        .unwrap();
    assert!(whole.contains("BEGIN%20CERTIFICATE"), "{whole}");
    assert_eq!(bench.told(None, WHOLE).await, Ok(None));
    assert_eq!(bench.told(Some(anybody.client("shop")), SUBJECT).await, Ok(None));
}
