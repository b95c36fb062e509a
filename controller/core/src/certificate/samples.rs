//! Certificates for tests: fixed ones for the kinds that cannot be made here, and fresh ones.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SignatureAlgorithm};

macro_rules! sample {
    ($($name:ident = $file:literal),* $(,)?) => {
        $(pub(crate) const $name: &str = include_str!(concat!("testdata/", $file));)*
    };
}

sample! {
    RSA1024_CRT = "rsa1024.crt", RSA1024_KEY = "rsa1024.key",
    RSA2048_CRT = "rsa2048.crt", RSA2048_PKCS1_KEY = "rsa2048-pkcs1.key",
    P256_CRT = "p256.crt", P256_SEC1_KEY = "p256-sec1.key",
    ED448_CRT = "ed448.crt", ED448_KEY = "ed448.key",
    SECP256K1_KEY = "secp256k1.key",
    ENCRYPTED_PKCS8_KEY = "encrypted-pkcs8.key", ENCRYPTED_PKCS1_KEY = "encrypted-pkcs1.key",
    V1_CRT = "v1.crt",
}

/// A self-signed certificate and its key in PEM.
pub(crate) fn self_signed(names: &[&str], algorithm: &'static SignatureAlgorithm) -> (String, String) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// Leaf, authority and the leaf's key in PEM.
pub(crate) fn issued(name: &str) -> (String, String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "test authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    (leaf.pem(), authority.pem(), key.serialize_pem())
}

/// A Secret `ns/tls` of the usual type.
pub(crate) fn secret(certificate: &str, key: &str) -> Secret {
    Secret {
        metadata: ObjectMeta {
            namespace: Some("ns".into()),
            name: Some("tls".into()),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/tls".into()),
        data: Some(
            [("tls.crt", certificate), ("tls.key", key)]
                .map(|(name, text)| (name.to_owned(), ByteString(text.as_bytes().to_vec())))
                .into(),
        ),
        ..Secret::default()
    }
}
