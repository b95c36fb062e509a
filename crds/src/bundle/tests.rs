use super::*;

#[test]
fn every_bundle_unpacks_and_says_which_it_is() {
    for (bundle, channel, count) in [
        (Bundle::V1_6_3, Channel::Standard, 10),
        (Bundle::V1_6_3, Channel::Experimental, 13),
        (Bundle::V1_7_0, Channel::Standard, 10),
        (Bundle::V1_7_0, Channel::Experimental, 14),
    ] {
        let crds = crds(bundle, channel);
        assert_eq!(crds.len(), count, "{bundle} {channel}");
        for crd in crds {
            let value: serde_json::Value = serde_json::from_str(&crd.json).unwrap();
            let annotations = &value["metadata"]["annotations"];
            assert_eq!(
                annotations["gateway.networking.k8s.io/bundle-version"],
                bundle.as_str()
            );
            assert_eq!(annotations["gateway.networking.k8s.io/channel"], channel.as_str());
            assert_eq!(
                crd.versions.iter().filter(|version| version.storage).count(),
                1,
                "{}",
                crd.kind
            );
        }
    }
}

/// The verdict-deciding parts survive the removal of prose: CEL rules with their words, defaults,
/// and a property that happens to be called `description`.
#[test]
fn only_prose_is_removed() {
    let mesh = crd(
        Bundle::V1_7_0,
        Channel::Experimental,
        "gateway.networking.x-k8s.io",
        "XMesh",
    )
    .unwrap();
    let value: serde_json::Value = serde_json::from_str(&mesh.json).unwrap();
    let schema = &value["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    assert_eq!(
        schema["properties"]["spec"]["properties"]["description"]["type"],
        "string"
    );
    assert!(schema.get("description").is_none());

    let gateway = crd(
        Bundle::V1_7_0,
        Channel::Standard,
        "gateway.networking.k8s.io",
        "Gateway",
    )
    .unwrap();
    assert!(gateway.json.contains("x-kubernetes-validations"));
    assert!(
        gateway
            .json
            .contains("tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']")
    );
    assert!(gateway.json.contains("\"default\":"));
}

/// gateway-api.md 1.2: the old versions of the L4 kinds are served by the experimental channel alone.
#[test]
fn served_versions_come_from_the_crds() {
    let served = |channel, kind| {
        crd(Bundle::V1_7_0, channel, "gateway.networking.k8s.io", kind)
            .unwrap()
            .served()
            .collect::<Vec<_>>()
    };
    assert_eq!(served(Channel::Standard, "TCPRoute"), ["v1"]);
    assert_eq!(served(Channel::Experimental, "TCPRoute"), ["v1", "v1alpha2"]);
    assert_eq!(served(Channel::Standard, "HTTPRoute"), ["v1", "v1beta1"]);
}

#[test]
fn names_are_read_back() {
    assert_eq!("1.6.3".parse(), Ok(Bundle::V1_6_3));
    assert_eq!("v1.7.0".parse(), Ok(Bundle::V1_7_0));
    assert_eq!("standard".parse(), Ok(Channel::Standard));
    let error = "v1.5.0".parse::<Bundle>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"v1.5.0\" is not a Gateway API bundle; accepted: v1.6.3, v1.7.0"
    );
}
