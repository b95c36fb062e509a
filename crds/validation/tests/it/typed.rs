//! What is accepted fits the program's types, from every bundle and channel.

use std::collections::BTreeSet;
use std::path::Path;

use gatewright_crds::{api, own};
use gatewright_validation::{Bundle, Channel, LoadedObject, Mode, Validator};
use serde::de::DeserializeOwned;

/// Reads the object as its type. `None` for kinds without one.
fn read(object: &LoadedObject) -> Option<Result<(), String>> {
    fn of<T: DeserializeOwned>(object: &LoadedObject) -> Result<(), String> {
        serde_json::from_value::<T>(object.value.clone())
            .map(drop)
            .map_err(|error| error.to_string())
    }
    Some(match object.gvk.kind.as_str() {
        "GatewayClass" => of::<api::GatewayClass>(object),
        "Gateway" => of::<api::Gateway>(object),
        "ListenerSet" => of::<api::ListenerSet>(object),
        "HTTPRoute" => of::<api::HttpRoute>(object),
        "GRPCRoute" => of::<api::GrpcRoute>(object),
        "TLSRoute" => of::<api::TlsRoute>(object),
        "TCPRoute" => of::<api::TcpRoute>(object),
        "UDPRoute" => of::<api::UdpRoute>(object),
        "ReferenceGrant" => of::<api::ReferenceGrant>(object),
        "BackendTLSPolicy" => of::<api::BackendTlsPolicy>(object),
        "XBackend" => of::<api::XBackend>(object),
        "XBackendTrafficPolicy" => of::<api::XBackendTrafficPolicy>(object),
        "XTelemetryPolicy" => of::<api::XTelemetryPolicy>(object),
        "XMesh" => of::<api::XMesh>(object),
        "SoftwareGatewayParameters" => of::<own::SoftwareGatewayParameters>(object),
        "AwsLoadBalancerParameters" => of::<own::AwsLoadBalancerParameters>(object),
        "AwsTargetGroupParameters" => of::<own::AwsTargetGroupParameters>(object),
        _ => return None,
    })
}

#[test]
fn what_is_accepted_fits_the_types() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files = Vec::new();
    for directory in ["valid", "invalid"] {
        let entries = std::fs::read_dir(corpus.join(directory)).unwrap();
        files.extend(entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()));
    }
    let (mut count, mut kinds) = (0, BTreeSet::new());
    for bundle in Bundle::ALL {
        for channel in Channel::ALL {
            for mode in [Mode::Strict, Mode::Lenient] {
                let validator = Validator::new(*bundle, *channel, mode);
                for object in files.iter().flat_map(|file| validator.load("file", file).objects) {
                    match read(&object) {
                        Some(Ok(())) => {
                            count += 1;
                            kinds.insert(object.gvk.kind.clone());
                        }
                        Some(Err(error)) => panic!("{bundle}/{channel} {mode:?}: {error}: {}", object.value),
                        None => panic!("no type for {}", object.gvk.kind),
                    }
                }
            }
        }
    }
    assert!(count > 1_000, "{count}");
    assert_eq!(kinds.len(), 17, "{kinds:?}");
}

/// Larger than anything that is read: refused at once, by its size.
#[test]
fn a_file_of_100_megabytes_is_refused() {
    let file = vec![b'#'; 100 << 20];
    let loaded = Validator::default().load("huge.yaml", &file);
    assert_eq!(loaded.diagnostics.len(), 1);
    assert_eq!(
        loaded.diagnostics[0].to_string(),
        "error: huge.yaml: the file has 104857600 bytes, more than the 67108864 that are read from one file; split it [file-too-large]"
    );
}
