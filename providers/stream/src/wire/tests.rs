//! The types agree with the .proto file, which is read here as far as it goes.

use crate::key::PartKey;
use crate::wire::{self, Kind};
use gatewright_model::key::{
    BackendKey, BackendKind, CertificateKey, ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind,
};
use std::collections::BTreeMap;

const PROTO: &str = include_str!("../../proto/gatewright/config/v1/configuration.proto");
const TYPES: &str = include_str!("../wire.rs");

/// Fields by message and number: name and type, `Kind` and messages as such.
type Fields = BTreeMap<(String, u32), (String, String)>;

fn proto() -> Fields {
    let mut fields = Fields::new();
    let mut message = String::new();
    for line in PROTO.lines().map(str::trim) {
        let words: Vec<&str> = line.split([' ', ';']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            ["message", name, ..] => message = (*name).to_owned(),
            ["enum", ..] => message.clear(),
            [kind @ .., name, "=", number] if !message.is_empty() && !line.starts_with("//") => {
                let kind = kind.join(" ").replace("Kind", "enumeration");
                let kind = match kind.rsplit(' ').next().unwrap() {
                    last if last.starts_with(char::is_uppercase) => kind.replace(last, "message"),
                    _ => kind,
                };
                let number = number.parse().unwrap();
                fields.insert((message.clone(), number), ((*name).to_owned(), kind));
            }
            _ => {}
        }
    }
    fields
}

fn types() -> Fields {
    let mut fields = Fields::new();
    let (mut message, mut attribute, mut module) = (String::new(), String::new(), String::new());
    for line in TYPES.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("pub mod ") {
            module = name.trim_end_matches(" {").to_owned();
        } else if let Some(rest) = line.strip_prefix("pub struct ") {
            module.clear();
            message = rest.split([' ', '{']).next().unwrap().to_owned();
        } else if line.starts_with("#[prost(") {
            attribute = line.to_owned();
        } else if attribute.contains(" tag = ") || attribute.contains("(message, tag") {
            let tag = attribute.split("tag = \"").nth(1).unwrap();
            let number = tag.split('"').next().unwrap().parse().unwrap();
            let list = attribute.trim_start_matches("#[prost(");
            let kind = list.split([',', ' ', '=']).next().unwrap();
            let kind = match kind {
                _ if list.contains(", repeated") => format!("repeated {kind}"),
                // Messages are optional anyway.
                kind if list.contains(", optional") && kind != "message" => format!("optional {kind}"),
                kind => kind.to_owned(),
            };
            let (of, name) = if module.is_empty() {
                let name = line.trim_start_matches("pub ").split(':').next().unwrap();
                (message.clone(), name.to_owned())
            } else {
                let of = module.split('_').map(capital).collect::<String>();
                (of, line.split('(').next().unwrap().to_ascii_lowercase())
            };
            fields.insert((of, number), (name, kind));
            attribute.clear();
        }
    }
    fields
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}

#[test]
fn the_types_agree_with_the_proto_file() {
    let (proto, types) = (proto(), types());
    assert!(proto.len() > 30, "the file was read: {proto:#?}");
    assert_eq!(proto, types);
}

#[test]
fn the_kinds_agree_with_the_proto_file() {
    let mut count = 0;
    for line in PROTO
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("KIND_"))
    {
        let (name, number) = line.trim_end_matches(';').split_once(" = ").unwrap();
        let kind = Kind::try_from(number.parse::<i32>().unwrap()).unwrap();
        let words: String = name
            .split('_')
            .skip(1)
            .map(|word| capital(&word.to_ascii_lowercase()))
            .collect();
        assert_eq!(format!("{kind:?}"), words);
        count += 1;
    }
    assert!(Kind::try_from(count).is_err(), "no kind beyond those of the file");
}

#[test]
fn identities_survive_the_way() {
    let object = ObjectName::new("a", "b");
    let listener = |parent| {
        PartKey::Listener(ListenerKey {
            parent,
            name: "web".into(),
        })
    };
    let mut keys = vec![
        PartKey::Head,
        PartKey::Settings,
        listener(ListenerParent::Gateway(object.clone())),
        listener(ListenerParent::ListenerSet(object.clone())),
        PartKey::Certificate(CertificateKey(object.clone())),
    ];
    for kind in [
        RouteKind::Http,
        RouteKind::Grpc,
        RouteKind::Tls,
        RouteKind::Tcp,
        RouteKind::Udp,
    ] {
        let object = object.clone();
        keys.push(PartKey::Route(RouteKey { kind, object }));
    }
    for kind in [
        BackendKind::Service,
        BackendKind::ServiceUdp,
        BackendKind::XBackend,
    ] {
        let object = object.clone();
        keys.push(PartKey::Backend(BackendKey {
            kind,
            object,
            port: 80,
        }));
    }
    for key in &keys {
        assert_eq!(PartKey::from_wire(&key.to_wire()).as_ref(), Ok(key));
    }
    assert_eq!(keys.len(), 13, "one for each kind of the protocol");
    for wrong in [
        wire::PartKey::default(),
        wire::PartKey {
            kind: 14,
            ..wire::PartKey::default()
        },
        wire::PartKey {
            kind: Kind::Service.into(),
            port: 65_536,
            ..wire::PartKey::default()
        },
    ] {
        assert!(PartKey::from_wire(&wrong).is_err(), "{wrong:?}");
    }
}
