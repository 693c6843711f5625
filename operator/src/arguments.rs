//! Parsers for names on the command line and in the configuration: namespaces, DNS names,
//! addresses.
//!
//! With `--out` a namespace becomes part of a file name, so it is never a path.

use std::net::{IpAddr, Ipv6Addr};

/// Longest zone in bytes: a DNS name of 253 bytes minus the label of a job.
const ZONE_BYTES_MAX: usize = 240;
/// Longest DNS name in bytes (RFC 1035).
const HOST_BYTES_MAX: usize = 253;

/// Splits `LEFT=RIGHT`; neither side is empty.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((left, right)) if !left.is_empty() && !right.is_empty() => {
            Ok((left.to_owned(), right.to_owned()))
        }
        _ => Err("write it as LEFT=RIGHT".to_owned()),
    }
}

/// Returns whether the text is a lower-case DNS label (RFC 1123).
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Returns whether the text is a lower-case DNS name. Its last label is not a number: clients parse
/// such a name as an IPv4 address.
fn is_host(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= HOST_BYTES_MAX
        && text.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// Parses a zone: a lower-case DNS name without a wildcard.
pub fn domain(text: &str) -> Result<String, String> {
    if text.len() <= ZONE_BYTES_MAX && is_host(text) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} must be a lower-case DNS name such as server.example.org, without a wildcard"
        ))
    }
}

/// Parses a namespace of Kubernetes.
pub fn namespace(text: &str) -> Result<String, String> {
    if is_label(text) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} must be a namespace: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'"
        ))
    }
}

/// Parses a host of a certificate: a DNS name or an IP address, without scheme, port and brackets.
pub fn host(text: &str) -> Result<String, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        // Addresses have one form: names are compared as text with those of the certificate.
        return Ok(address.to_string());
    }
    if is_host(text) {
        return Ok(text.to_owned());
    }
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let bare = bare.split('/').next().unwrap_or_default().to_ascii_lowercase();
    let inner = bare
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next())
        .filter(|inner| inner.parse::<Ipv6Addr>().is_ok());
    let bare = inner.unwrap_or_else(|| bare.split(':').next().unwrap_or_default());
    let hint = if is_host(bare) || inner.is_some() {
        format!("; did you mean {bare}?")
    } else {
        String::new()
    };
    Err(format!(
        "{text:?} must be a lower-case DNS name such as hub.example.org, or an IP address, without scheme, port and brackets{hint}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_is_a_dns_name_without_wildcard() {
        for good in ["server.iflearner.com", "a", "a-1.b"] {
            assert_eq!(domain(good).unwrap(), good);
        }
        for bad in [
            "",
            "*.a",
            "A.b",
            "a..b",
            "-a.b",
            "a_b",
            "https://a",
            "10.0.0.1",
            "10.0.0.1:80",
            &"a.".repeat(130),
        ] {
            assert!(domain(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn b11_host_of_a_certificate_is_a_dns_name_or_an_address() {
        for (good, form) in [
            ("hub.example.org", "hub.example.org"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
        ] {
            assert_eq!(host(good).unwrap(), form);
        }
        for (bad, hint) in [
            ("https://hub.example.org:1234", "did you mean hub.example.org?"),
            ("hub:1234", "did you mean hub?"),
            ("Hub.Example.org", "did you mean hub.example.org?"),
            ("[::1]:80", "did you mean ::1?"),
            ("", "without scheme"),
            ("300.1.1.1", "without scheme"),
            ("*.example.org", "without scheme"),
            ("a b", "without scheme"),
        ] {
            let error = host(bad).unwrap_err();
            assert!(error.contains(hint), "{bad}: {error}");
        }
    }

    #[test]
    fn b11_namespace_is_never_a_path() {
        namespace("hospital-a").unwrap();
        for bad in
            ["../../../escaped", "a/b", "", ".", "..", "Hospital_B", "a.b", "-a", &"a".repeat(64)]
        {
            assert!(namespace(bad).is_err(), "{bad}");
        }
    }
}
