//! Who a request comes from, whatever stands in its head.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

/// Who asks, where this peer sends these fields and these networks are trusted.
fn client(trusted: &str, peer: &str, fields: &[(&'static str, &str)]) -> String {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    let proxies: TrustedProxies = trusted.parse().unwrap();
    let mut extensions = Extensions::new();
    let peer: IpAddr = peer.parse().unwrap();
    extensions.insert(ConnectInfo(SocketAddr::from((peer, 80))));
    let client = Client::resolve(&proxies, &extensions, &headers);
    client.ip().unwrap().to_string()
}

#[test]
fn nobody_but_a_trusted_proxy_says_for_whom_it_asks() {
    for field in [
        ("x-forwarded-for", "192.0.2.9"),
        ("forwarded", "for=192.0.2.9"),
    ] {
        assert_eq!(client("", "192.0.2.1", &[field]), "192.0.2.1");
        assert_eq!(client("10.0.0.0/8", "192.0.2.1", &[field]), "192.0.2.1");
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &[field]), "192.0.2.9");
        assert_eq!(
            client("10.0.0.0/8", "::ffff:10.1.2.3", &[field]),
            "192.0.2.9"
        );
    }
    assert_eq!(client("10.0.0.0/8", "10.1.2.3", &[]), "10.1.2.3");
}

#[test]
fn the_first_from_the_right_that_is_no_proxy_is_the_client_whatever_the_client_wrote() {
    let trusted = "10.0.0.0/8, ::1, 2001:db8:1::/48";
    for (chain, expected) in [
        ("192.0.2.9", "192.0.2.9"),
        ("203.0.113.1, 192.0.2.9", "192.0.2.9"),
        ("10.9.9.9, 192.0.2.9, 10.0.0.2", "192.0.2.9"),
        ("203.0.113.1, 192.0.2.9:4711, 2001:db8:1::2", "192.0.2.9"),
        ("[2001:db8::9]:4711, ::1", "2001:db8::9"),
        ("2001:db8::9", "2001:db8::9"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        // What a trusted proxy passed on without an address counts as that proxy.
        ("192.0.2.9, unknown, 10.0.0.2", "10.0.0.2"),
        ("192.0.2.9, ", "10.1.2.3"),
        ("", "10.1.2.3"),
        ("192.0.2.9, 10.0.0.2 ,, 10.0.0.4", "10.0.0.4"),
    ] {
        let asked = client(trusted, "10.1.2.3", &[("x-forwarded-for", chain)]);
        assert_eq!(asked, expected, "{chain:?}");
    }
}

#[test]
fn forwarded_is_read_with_its_quotes_and_parameters() {
    for (chain, expected) in [
        ("for=192.0.2.9", "192.0.2.9"),
        ("For=192.0.2.9;proto=https;by=10.0.0.1", "192.0.2.9"),
        ("proto=https; for=\"192.0.2.9:80\"", "192.0.2.9"),
        ("for=\"[2001:db8::9]:80\"", "2001:db8::9"),
        ("for=203.0.113.1, for=\"[2001:db8::9]\"", "2001:db8::9"),
        ("for=192.0.2.9;ext=\"a, for=203.0.113.1\"", "192.0.2.9"),
        ("for=192.0.2.9;ext=\"a\\\", for=203.0.113.1\"", "192.0.2.9"),
        ("for=192.0.2.9, for=10.0.0.2", "192.0.2.9"),
        ("for=192.0.2.9, for=_hidden", "10.1.2.3"),
        ("for=192.0.2.9, by=10.0.0.2", "10.1.2.3"),
    ] {
        let asked = client("10.0.0.0/8", "10.1.2.3", &[("forwarded", chain)]);
        assert_eq!(asked, expected, "{chain:?}");
    }
}

#[test]
fn the_lines_of_a_field_are_one_list() {
    let lines = [
        ("x-forwarded-for", "203.0.113.1"),
        ("x-forwarded-for", "192.0.2.9"),
    ];
    assert_eq!(client("10.0.0.0/8", "10.1.2.3", &lines), "192.0.2.9");
}

/// A proxy that writes one of the fields lets the other through as the client wrote it.
#[test]
fn two_fields_that_disagree_name_nobody() {
    let x = ("x-forwarded-for", "192.0.2.9");
    for (forwarded, expected) in [
        ("for=192.0.2.9", "192.0.2.9"),
        ("for=192.0.2.8", "10.1.2.3"),
    ] {
        let both = [x, ("forwarded", forwarded)];
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &both), expected);
    }
}

#[test]
fn an_ipv6_client_is_its_network() {
    let key = |ip: &str| ClientAddress::from(ip.parse::<IpAddr>().unwrap()).to_string();
    assert_eq!(key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::"));
    assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    assert_eq!(key("::ffff:192.0.2.1"), "192.0.2.1");
    assert_eq!(ClientAddress::default().to_string(), "-");
}

#[test]
fn networks_are_listed_with_commas() {
    let trusted: TrustedProxies = "10.1.2.3/8,::1 , ".parse().unwrap();
    assert_eq!(trusted.to_string(), "10.0.0.0/8, ::1/128");
    assert_eq!("".parse::<TrustedProxies>().unwrap().to_string(), "-");
    for bad in [
        "localhost",
        "10.0.0.0/33",
        "10.0.0.0 /8 x",
        "10.0.0.0/8;::1",
    ] {
        assert!(bad.parse::<TrustedProxies>().is_err(), "{bad}");
    }
}
