use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::json;

const NOW: u64 = 1_800_000_000_000;

struct World {
    account: Account,
    context: Context,
}

struct Pem {
    certificate: String,
    key: String,
    chain: Option<String>,
}

impl World {
    fn new() -> Self {
        let mut context = Context::for_test("123456789012", "eu-central-1", NOW);
        context.settings.certificate_validation_ms = 1000;
        Self {
            account: Account::default(),
            context,
        }
    }

    fn call(&mut self, operation: &str, input: Value) -> Result<Value, ApiError> {
        let (_, handler) = OPERATIONS.iter().find(|(name, _)| *name == operation).unwrap();
        handler(&mut self.account, &self.context, &input)
    }

    fn code(&mut self, operation: &str, input: Value) -> String {
        self.call(operation, input).unwrap_err().code
    }

    fn import(&mut self, pem: &Pem, arn: Option<&str>) -> Result<String, ApiError> {
        let made = self.call("ImportCertificate", input(pem, arn))?;
        Ok(made["CertificateArn"].as_str().unwrap().to_owned())
    }

    fn describe(&mut self, arn: &str) -> Value {
        self.call("DescribeCertificate", json!({"CertificateArn": arn}))
            .unwrap()["Certificate"]
            .clone()
    }

    fn listed(&mut self, input: Value) -> Vec<String> {
        let answer = self.call("ListCertificates", input).unwrap();
        let rows = answer["CertificateSummaryList"].as_array().unwrap();
        rows.iter()
            .map(|row| row["DomainName"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn input(pem: &Pem, arn: Option<&str>) -> Value {
    let mut input = json!({
        "Certificate": STANDARD.encode(&pem.certificate),
        "PrivateKey": STANDARD.encode(&pem.key),
    });
    if let Some(chain) = &pem.chain {
        input["CertificateChain"] = json!(STANDARD.encode(chain));
    }
    if let Some(arn) = arn {
        input["CertificateArn"] = json!(arn);
    }
    input
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, names.first().map_or("nobody", String::as_str));
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    params
}

fn own(params: CertificateParams, key: &KeyPair) -> Pem {
    let certificate = params.self_signed(key).unwrap();
    Pem {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        chain: None,
    }
}

fn self_signed(names: &[&str]) -> Pem {
    own(params(names), &KeyPair::generate().unwrap())
}

/// A leaf below an intermediate below a root.
fn chained(names: &[&str]) -> (Pem, [String; 2]) {
    let mut root = params(&["root.example"]);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let root = Issuer::new(root, root_key);
    let mut middle = params(&["middle.example"]);
    middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let middle_key = KeyPair::generate().unwrap();
    let middle_pem = middle.signed_by(&middle_key, &root).unwrap().pem();
    let middle = Issuer::new(middle, middle_key);
    let key = KeyPair::generate().unwrap();
    let leaf = params(names).signed_by(&key, &middle).unwrap();
    let pem = Pem {
        certificate: leaf.pem(),
        key: key.serialize_pem(),
        chain: Some(middle_pem.clone()),
    };
    (pem, [middle_pem, root_pem])
}

#[test]
fn what_is_imported_fits_together() {
    let mut world = World::new();
    let good = self_signed(&["a.example", "*.b.example"]);
    let arn = world.import(&good, None).unwrap();
    let told = world.describe(&arn);
    assert_eq!(told["Status"], "ISSUED");
    assert_eq!(told["Type"], "IMPORTED");
    assert_eq!(told["KeyAlgorithm"], "EC_prime256v1");
    assert_eq!(told["SignatureAlgorithm"], "SHA256WITHECDSA");
    assert_eq!(
        told["SubjectAlternativeNames"],
        json!(["a.example", "*.b.example"])
    );
    assert!(!told.to_string().contains("PRIVATE KEY"));
    let got = world
        .call("GetCertificate", json!({"CertificateArn": arn}))
        .unwrap();
    assert_eq!(got["Certificate"], good.certificate);
    assert!(!got.to_string().contains("PRIVATE KEY"));
    assert!(!format!("{:?}", world.account.acm).contains("PRIVATE KEY"));

    let other = KeyPair::generate().unwrap().serialize_pem();
    let (leaf, [middle, root]) = chained(&["leaf.example"]);
    let with = |chain: Option<String>| Pem {
        certificate: leaf.certificate.clone(),
        key: leaf.key.clone(),
        chain,
    };
    world.import(&with(Some(middle.clone())), None).unwrap();
    world
        .import(&with(Some(format!("{middle}{root}"))), None)
        .unwrap();
    let mut old = params(&["old.example"]);
    old.not_after = rcgen::date_time_ymd(2026, 2, 1);
    let mut young = params(&["young.example"]);
    young.not_before = rcgen::date_time_ymd(2029, 2, 1);
    let key = KeyPair::generate().unwrap();
    for (bad, what) in [
        (
            Pem {
                certificate: "x".into(),
                key: good.key.clone(),
                chain: None,
            },
            "no PEM",
        ),
        (
            Pem {
                certificate: good.certificate.repeat(2),
                key: good.key.clone(),
                chain: None,
            },
            "two certificates",
        ),
        (
            Pem {
                certificate: good.certificate.clone(),
                key: other,
                chain: None,
            },
            "another key",
        ),
        (
            Pem {
                certificate: good.certificate.clone(),
                key: good.certificate.clone(),
                chain: None,
            },
            "no key",
        ),
        (
            Pem {
                certificate: good.certificate.clone(),
                key: good.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
                chain: None,
            },
            "an encrypted key",
        ),
        (
            Pem {
                certificate: good.certificate.clone(),
                key: format!("{}{}", good.key, "\n".repeat(6000)),
                chain: None,
            },
            "a large key",
        ),
        (with(None), "a leaf alone"),
        (with(Some(root.clone())), "another authority"),
        (
            with(Some(format!("{root}{middle}"))),
            "a chain in the wrong order",
        ),
        (
            with(Some(format!("{}{middle}", leaf.certificate))),
            "the leaf in its chain",
        ),
        (with(Some("x".into())), "no chain"),
        (own(old, &key), "an expired one"),
        (own(young, &key), "one that is not valid yet"),
    ] {
        let refused = world.import(&bad, None).expect_err(what);
        assert_eq!(refused.code, "ValidationException", "{what}");
    }
}

#[test]
fn a_certificate_is_replaced_in_place() {
    let mut world = World::new();
    let usages = |list: &[ExtendedKeyUsagePurpose]| {
        let mut params = params(&["a.example"]);
        params.extended_key_usages = list.to_vec();
        params
    };
    let key = KeyPair::generate().unwrap();
    let both = [
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let arn = world.import(&own(usages(&both), &key), None).unwrap();
    let serial = world.describe(&arn)["Serial"].clone();
    world.context.now += 5000;
    let mut more = usages(&[ExtendedKeyUsagePurpose::ServerAuth]);
    more.subject_alt_names
        .push(rcgen::SanType::DnsName("b.example".try_into().unwrap()));
    more.serial_number = Some(vec![7].into());
    assert_eq!(world.import(&own(more, &key), Some(&arn)).unwrap(), arn);
    let told = world.describe(&arn);
    assert_ne!(told["Serial"], serial);
    assert_eq!(told["SubjectAlternativeNames"], json!(["a.example", "b.example"]));
    assert_eq!(told["ImportedAt"], json!((NOW + 5000) as f64 / 1000.0));
    assert_eq!(told["CreatedAt"], json!(NOW as f64 / 1000.0));

    let large = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let refused = world.import(&own(usages(&both), &large), Some(&arn)).unwrap_err();
    assert!(refused.message.contains("key type and size"), "{refused}");
    let none = own(usages(&[ExtendedKeyUsagePurpose::ClientAuth]), &key);
    let refused = world.import(&none, Some(&arn)).unwrap_err();
    assert!(
        refused.message.contains("TLS_WEB_SERVER_AUTHENTICATION"),
        "{refused}"
    );
    let mut tagged = input(&own(usages(&both), &key), Some(&arn));
    tagged["Tags"] = json!([{"Key": "a", "Value": "b"}]);
    assert_eq!(world.code("ImportCertificate", tagged), "ValidationException");
    let gone = arn.replace(":certificate/", ":certificate/0");
    let refused = world.import(&own(usages(&both), &key), Some(&gone)).unwrap_err();
    assert_eq!(refused.code, "ResourceNotFoundException");
}

#[test]
fn lists_hold_rsa_unless_told_otherwise() {
    let mut world = World::new();
    let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    for name in ["r1.example", "r2.example", "r3.example"] {
        world.import(&own(params(&[name]), &rsa), None).unwrap();
    }
    world.import(&self_signed(&["e1.example"]), None).unwrap();
    assert_eq!(
        world.listed(json!({})),
        ["r1.example", "r2.example", "r3.example"]
    );
    assert_eq!(
        world.listed(json!({"Includes": {"keyTypes": ["EC_prime256v1"]}})),
        ["e1.example"]
    );
    let both = json!(["EC_prime256v1", "RSA_2048"]);
    assert_eq!(world.listed(json!({"Includes": {"keyTypes": both}})).len(), 4);
    assert!(
        world
            .listed(json!({"CertificateStatuses": ["EXPIRED"]}))
            .is_empty()
    );
    for (order, expected) in [
        ("ASCENDING", ["r1.example", "r2.example", "r3.example"]),
        ("DESCENDING", ["r3.example", "r2.example", "r1.example"]),
    ] {
        let sorted = json!({"SortBy": "CREATED_AT", "SortOrder": order, "MaxItems": 2});
        let page = world.call("ListCertificates", sorted.clone()).unwrap();
        let mut next = sorted;
        next["NextToken"] = page["NextToken"].clone();
        let mut names = vec![page["CertificateSummaryList"][0]["DomainName"].clone()];
        names.push(page["CertificateSummaryList"][1]["DomainName"].clone());
        let last = world.call("ListCertificates", next).unwrap();
        names.push(last["CertificateSummaryList"][0]["DomainName"].clone());
        assert_eq!(json!(names), json!(expected));
        assert!(last.get("NextToken").is_none());
    }
    world.context.now = 1_900_000_000_000;
    assert_eq!(world.listed(json!({"CertificateStatuses": ["EXPIRED"]})).len(), 3);
    assert_eq!(
        world.code("ListCertificates", json!({"SortBy": "CREATED_AT"})),
        "ValidationException"
    );
    assert_eq!(
        world.code("ListCertificates", json!({"NextToken": "x"})),
        "InvalidArgsException"
    );
}

#[test]
fn what_is_requested_is_issued_in_time() {
    let mut world = World::new();
    let input = json!({"DomainName": "www.example.com", "SubjectAlternativeNames": ["*.example.com"],
        "ValidationMethod": "DNS", "KeyAlgorithm": "EC_prime256v1", "IdempotencyToken": "t1"});
    let made = world.call("RequestCertificate", input.clone()).unwrap();
    assert_eq!(world.call("RequestCertificate", input).unwrap(), made);
    let arn = made["CertificateArn"].as_str().unwrap().to_owned();
    let told = world.describe(&arn);
    assert_eq!(told["Status"], "PENDING_VALIDATION");
    assert!(told.get("Serial").is_none());
    let options = told["DomainValidationOptions"].as_array().unwrap();
    assert_eq!(options[0]["ValidationStatus"], "PENDING_VALIDATION");
    assert!(
        options[1]["ResourceRecord"]["Name"]
            .as_str()
            .unwrap()
            .ends_with(".example.com.")
    );
    assert_eq!(
        world.code("GetCertificate", json!({"CertificateArn": arn})),
        "RequestInProgressException"
    );
    world.context.now += 1000;
    let told = world.describe(&arn);
    assert_eq!(told["Status"], "ISSUED");
    assert_eq!(told["DomainValidationOptions"][0]["ValidationStatus"], "SUCCESS");
    let certificate = world.account.acm.certificate(&arn).unwrap().clone();
    // What the data plane serves: key and certificate fit, the authority signed it.
    let material = inspect::Material {
        certificate: certificate.certificate.as_bytes(),
        key: certificate.key.reveal().as_bytes(),
        chain: Some(certificate.chain.as_bytes()),
    };
    inspect::inspect(&material, world.context.now).unwrap();
    world
        .account
        .acm
        .force_status(&arn, Some("FAILED".into()))
        .unwrap();
    assert_eq!(world.describe(&arn)["FailureReason"], "OTHER");
    for (bad, code) in [
        (json!({"DomainName": "nodot"}), "InvalidParameterException"),
        (json!({"DomainName": "a.*.example"}), "InvalidParameterException"),
        (
            json!({"DomainName": format!("{}.example.com", "a".repeat(60))}),
            "InvalidParameterException",
        ),
        (
            json!({"DomainName": "a.example", "CertificateAuthorityArn": "arn:aws:acm-pca:x"}),
            "InvalidArnException",
        ),
        (
            json!({"DomainName": "a.example", "SubjectAlternativeNames":
                (0..10).map(|n| format!("b{n}.example")).collect::<Vec<_>>()}),
            "LimitExceededException",
        ),
    ] {
        assert_eq!(world.code("RequestCertificate", bad), code);
    }
}

#[test]
fn one_in_use_is_not_deleted() {
    let mut world = World::new();
    let arn = world.import(&self_signed(&["a.example"]), None).unwrap();
    let balancer = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/x/1";
    world
        .account
        .acm
        .set_used_by(balancer, BTreeSet::from([arn.clone()]));
    assert_eq!(world.describe(&arn)["InUseBy"], json!([balancer]));
    let input = json!({"CertificateArn": arn});
    assert_eq!(
        world.code("DeleteCertificate", input.clone()),
        "ResourceInUseException"
    );
    world.account.acm.set_used_by(balancer, BTreeSet::new());
    world.call("DeleteCertificate", input.clone()).unwrap();
    assert_eq!(
        world.code("DeleteCertificate", input),
        "ResourceNotFoundException"
    );
    let foreign = json!({"CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1"});
    assert_eq!(world.code("DescribeCertificate", foreign), "InvalidArnException");
}

#[test]
fn tags_are_few_and_not_of_aws() {
    let mut world = World::new();
    let arn = world.import(&self_signed(&["a.example"]), None).unwrap();
    let on = |tags: Value| json!({"CertificateArn": arn, "Tags": tags});
    let many: Vec<Value> = (0..50)
        .map(|n| json!({"Key": format!("k{n}"), "Value": "v"}))
        .collect();
    world.call("AddTagsToCertificate", on(json!(many))).unwrap();
    assert_eq!(
        world.code("AddTagsToCertificate", on(json!([{"Key": "one more"}]))),
        "TooManyTagsException"
    );
    assert_eq!(
        world.code("AddTagsToCertificate", on(json!([{"Key": "aws:x"}]))),
        "InvalidTagException"
    );
    let some = json!([{"Key": "k0"}, {"Key": "k1", "Value": "other"}, {"Key": "k2", "Value": "v"}]);
    world.call("RemoveTagsFromCertificate", on(some)).unwrap();
    let left = world
        .call("ListTagsForCertificate", json!({"CertificateArn": arn}))
        .unwrap();
    assert_eq!(left["Tags"].as_array().unwrap().len(), 48);
}
