//! A load balancer and its listeners.

use super::{fixed, import, map, marks};
use crate::Account;
use gatewright_aws::cloud::{
    Action, Arn, Balancers, Capacities, Certificates, Clients, ListenerSettings, ListenerTls, Listeners,
    NewBalancer, NewListener, Seen as Known, Standing, State, SubnetDetails,
};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::Transport;
use gatewright_aws_core::alb::rule::Redirect;
use gatewright_aws_core::network::{BalancerKind, IpAddressType, Scheme};
use gatewright_provider_api::contract::ErrorKind;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

pub(super) async fn balancer(cloud: &Account, subnets: &[SubnetDetails], group: &Arn) -> Arn {
    // One for each zone.
    let public = subnets.iter().filter(|subnet| subnet.public);
    let by_zone: BTreeMap<&Str, &Str> = public.map(|subnet| (&subnet.zone, &subnet.id)).collect();
    let two: BTreeSet<Str> = by_zone.values().take(2).map(|id| (*id).clone()).collect();
    let new = NewBalancer {
        name: "gw-web".into(),
        kind: BalancerKind::Application,
        scheme: Scheme::InternetFacing,
        ip_address_type: IpAddressType::Ipv4,
        ipam_pool: None,
        customer_owned_pool: None,
        subnets: two.clone(),
        addresses: BTreeMap::new(),
        ipv6: gatewright_aws_core::network::Ipv6::default(),
        security_groups: BTreeSet::from([group.clone()]),
        tags: marks(),
    };
    let arn = cloud.create_balancer(&new).await.unwrap();
    assert_eq!(cloud.create_balancer(&new).await.as_ref(), Ok(&arn));
    let other = NewBalancer {
        scheme: Scheme::Internal,
        ..new
    };
    assert_eq!(
        cloud.create_balancer(&other).await.unwrap_err().kind,
        ErrorKind::NotOurs
    );

    let wanted = map(&[
        ("idle_timeout.timeout_seconds", "61"),
        ("deletion_protection.enabled", "true"),
    ]);
    cloud.set_balancer_attributes(&arn, &wanted).await.unwrap();
    let read = cloud.balancer_attributes(&arn).await.unwrap();
    assert!(
        wanted.iter().all(|(key, value)| read.get(key) == Some(value)),
        "{read:?}"
    );
    cloud
        .set_security_groups(&arn, &BTreeSet::from([group.clone()]), None)
        .await
        .unwrap();
    let standing = Standing {
        subnets: two.clone(),
        ..Standing::default()
    };
    cloud.set_subnets(&arn, &standing).await.unwrap();
    cloud
        .set_ip_address_type(&arn, IpAddressType::Ipv4)
        .await
        .unwrap();

    let deadline = Instant::now() + Duration::from_secs(60);
    let read = loop {
        let mut read = cloud
            .balancers(&[Arn(format!("{arn}0").into()), arn.clone()])
            .await
            .unwrap();
        assert_eq!(read.len(), 1);
        let read = read.remove(0);
        if read.state == State::Active {
            break read;
        }
        assert_eq!(read.state, State::Provisioning);
        assert!(Instant::now() < deadline, "never active");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(
        (&read.subnets, &read.security_groups),
        (&two, &BTreeSet::from([group.clone()]))
    );
    assert_eq!(
        (read.scheme, read.ip_address_type),
        (Scheme::InternetFacing, IpAddressType::Ipv4)
    );
    assert!(read.dns_name.contains(".elb."), "{}", read.dns_name);
    assert_eq!(cloud.balancer_named("gw-web").await, Ok(Some(read)));
    assert_eq!(cloud.balancer_named("nobody").await, Ok(None));
    reserve(cloud, &arn).await;
    let pool = "ipam-pool-0123456789abcdef0";
    for wanted in [Some(pool), None] {
        cloud.set_ipam_pool(&arn, wanted).await.unwrap();
        let read = cloud.balancer_named("gw-web").await.unwrap().unwrap();
        assert_eq!(read.ipam_pool.as_deref(), wanted);
    }
    arn
}

/// Capacity is reserved and let go.
async fn reserve(cloud: &Account, balancer: &Arn) {
    assert_eq!(cloud.capacity(balancer).await, Ok(None));
    cloud.set_capacity(balancer, Some(200)).await.unwrap();
    let found = cloud.capacity(balancer).await.unwrap().unwrap();
    assert_eq!((found.units, found.failed), (200, None));
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Err(error) = cloud.set_capacity(balancer, None).await {
        // The first request is pending yet.
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
        assert!(Instant::now() < deadline, "never there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(cloud.capacity(balancer).await, Ok(None));
}

pub(super) async fn listeners(cloud: &Account, balancer: &Arn, certificate: &Arn) -> (Arn, Arn) {
    let new = |port, tls| NewListener {
        balancer: balancer.clone(),
        port,
        settings: ListenerSettings {
            transport: Transport::Http,
            tls,
            default: fixed(404),
        },
        tags: marks(),
    };
    let tls = ListenerTls {
        policy: "ELBSecurityPolicy-TLS13-1-2-2021-06".into(),
        certificate: certificate.clone(),
        alpn: None,
        clients: Clients::Off,
    };
    let http = cloud.create_listener(&new(8080, None)).await.unwrap();
    let https = cloud
        .create_listener(&new(8443, Some(tls.clone())))
        .await
        .unwrap();
    let mut other = new(8080, None);
    other.settings.default = fixed(503);
    assert_eq!(
        cloud.create_listener(&other).await.unwrap_err().kind,
        ErrorKind::NotOurs
    );

    let redirect = Action::Redirect(Redirect {
        protocol: "HTTPS".into(),
        host: "#{host}".into(),
        port: "443".into(),
        path: "/#{path}".into(),
        query: "#{query}".into(),
        status: 301,
    });
    let changed = ListenerSettings {
        transport: Transport::Http,
        tls: None,
        default: redirect.clone(),
    };
    cloud.modify_listener(&http, &changed).await.unwrap();
    let kept = ListenerSettings {
        transport: Transport::Http,
        tls: Some(tls.clone()),
        default: fixed(404),
    };
    cloud.modify_listener(&https, &kept).await.unwrap();
    let second = cloud
        .import_certificate(&import("other.example.com"), &marks())
        .await
        .unwrap();
    let more = BTreeSet::from([second.clone()]);
    cloud.add_listener_certificate(&https, &second).await.unwrap();
    assert_eq!(cloud.listener_certificates(&https).await.as_ref(), Ok(&more));
    assert_eq!(
        cloud.delete_certificate(&second).await.unwrap_err().kind,
        ErrorKind::InUse
    );
    cloud.remove_listener_certificate(&https, &second).await.unwrap();
    assert_eq!(cloud.listener_certificates(&https).await, Ok(BTreeSet::new()));
    cloud.delete_certificate(&second).await.unwrap();
    cloud.delete_certificate(&second).await.unwrap();
    assert_eq!(cloud.certificate(&second).await, Ok(None));

    let wanted = map(&[("routing.http.response.server.enabled", "false")]);
    cloud.set_listener_attributes(&http, &wanted).await.unwrap();
    let read = cloud.listener_attributes(&http).await.unwrap();
    assert!(
        wanted.iter().all(|(key, value)| read.get(key) == Some(value)),
        "{read:?}"
    );

    let mut read = cloud.listeners(balancer).await.unwrap();
    read.sort_by_key(|listener| listener.port);
    assert_eq!(read.iter().map(|one| one.port).collect::<Vec<_>>(), [8080, 8443]);
    assert_eq!(
        (&read[0].arn, &read[0].tls, &read[0].default),
        (&http, &None, &Known::Known(redirect))
    );
    assert_eq!(
        (&read[1].arn, &read[1].tls, &read[1].default),
        (&https, &Some(tls), &Known::Known(fixed(404)))
    );
    (http, https)
}
