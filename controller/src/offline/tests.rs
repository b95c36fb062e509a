use super::Offline;
use crate::cli::options::{InputOptions, SchemaOptions};
use crate::output::yaml;
use gatewright_core::backend::ExternalNames;
use gatewright_core::snapshot::{Kind, Object};
use gatewright_crds::bundle::{Bundle, Channel};
use gatewright_crds::convert;
use gatewright_validation::{Mode, Validator};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn load(path: PathBuf, bundle: Bundle, channel: Channel) -> Offline {
    let input = InputOptions {
        paths: vec![path],
        schema: SchemaOptions {
            bundle,
            channel,
            max_file_size: 32,
            max_total_size: 256,
        },
    };
    Offline::load(&input, ExternalNames::Refuse, jiff::Timestamp::UNIX_EPOCH).unwrap()
}

/// An object as it is printed, read again by who is strict.
fn read_again(shown: &Value, validator: &Validator) -> Object {
    let text = yaml(shown).unwrap();
    let again = validator.load("printed", text.as_bytes());
    let errors: Vec<String> = again
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .map(ToString::to_string)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    let loaded = again.objects.into_iter().next().unwrap();
    let kind = Kind::find(&loaded.gvk.group, &loaded.gvk.kind).unwrap();
    Object::read(kind, loaded.value).unwrap()
}

/// Whatever a release takes is printed so that it takes it again, with the same meaning: every valid manifest of the
/// validation's corpus, in every release and channel.
#[test]
fn what_is_printed_is_accepted_by_the_release_it_is_printed_for() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds/validation/corpus/valid");
    let files = std::fs::read_dir(&corpus).unwrap();
    let files: Vec<Vec<u8>> = files
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    for (bundle, channel) in Bundle::ALL
        .iter()
        .flat_map(|bundle| Channel::ALL.iter().map(|channel| (*bundle, *channel)))
    {
        let validator = Validator::new(bundle, channel, Mode::Strict);
        let mut seen = 0;
        for loaded in files.iter().flat_map(|file| validator.load("file", file).objects) {
            let Some(kind) = Kind::find(&loaded.gvk.group, &loaded.gvk.kind) else {
                continue;
            };
            let known = Object::read(kind, loaded.value).unwrap();
            let shown = convert::present(known.to_value().unwrap(), bundle, channel);
            assert_eq!(read_again(&shown, &validator), known, "{bundle} {channel}");
            seen += 1;
        }
        assert!(seen > 80, "{bundle} {channel}: {seen}");
        // With the statuses that were computed.
        for shown in load(corpus.clone(), bundle, channel).objects() {
            read_again(&shown, &validator);
        }
    }
}

#[test]
fn older_shapes_are_printed_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: default}
spec:
  rules:
  - sessionPersistence: {type: Cookie, sessionName: sid, absoluteTimeout: 1h, cookieConfig: {lifetimeType: Permanent}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: calls, namespace: default}
spec:
  rules:
  - sessionPersistence: {type: Header, sessionName: x-session}
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: out, namespace: default}
spec: {type: ExternalHostname, protocol: HTTP, port: {port: 80}, externalHostname: {hostname: shop.example.com}}
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TLSRoute
metadata: {name: any, namespace: default}
spec: {rules: [{backendRefs: [{name: a, port: 443}]}]}
";
    std::fs::write(folder.path().join("all.yaml"), manifest).unwrap();
    let shown = |bundle| -> String {
        let offline = load(folder.path().to_owned(), bundle, Channel::Experimental);
        let texts = offline.objects().map(|object| yaml(&object).unwrap());
        texts.collect::<Vec<_>>().join("---\n")
    };
    let old = shown(Bundle::V1_6_3);
    for line in [
        "sessionName: sid",
        "lifetimeType: Permanent",
        "sessionName: x-session",
        "port: 80",
    ] {
        assert!(old.contains(line), "{line} is not in\n{old}");
    }
    assert!(!old.contains("cookie:") && !old.contains("number: 80"), "{old}");
    assert!(
        old.contains("apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: TLSRoute"),
        "{old}"
    );
    let new = shown(Bundle::V1_7_0);
    assert!(!old.contains("hostnames") && !new.contains("hostnames"), "{new}");
    assert!(new.contains("kind: TLSRoute"), "{new}");
}
