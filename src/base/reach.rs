//! Which network addresses a URL may lead to, by who has chosen it.
//!
//! A name says little: whoever owns it decides at every look-up what it stands for. So the judgement is made of the
//! address that a connection is opened to, and of a URL's text only to say no early.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far a URL reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Everywhere: whoever runs the machine wrote it.
    Anywhere,
    /// Not to the addresses at which clouds hand out credentials to machines: an admin wrote it through the API.
    /// Other private addresses are where people run models of their own.
    NoMetadata,
    /// Only to the internet: a caller brought it along.
    Public,
}

impl Reach {
    /// Whether a connection to this address may be made.
    pub fn allows(self, address: IpAddr) -> bool {
        match self {
            Reach::Anywhere => true,
            Reach::NoMetadata => all_meanings(address, |address| !is_metadata(address)),
            Reach::Public => all_meanings(address, |address| !is_metadata(address) && is_public(address)),
        }
    }
}

/// Whether it holds for an address, and for the IPv4 one that an IPv6 one may carry inside.
fn all_meanings(address: IpAddr, holds: impl Fn(IpAddr) -> bool) -> bool {
    let inner = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => carried(v6),
    };
    holds(address) && inner.is_none_or(|v4| holds(IpAddr::V4(v4)))
}

/// The IPv4 address in a mapped or compatible one, in one of NAT64 (64:ff9b::/96) and of 6to4 (2002::/16).
fn carried(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = v6.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        [0x64, 0xff9b, 0, 0, 0, 0] => Some(of(high, low)),
        [0x2002, ..] => Some(of(b, c)),
        _ => v6.to_ipv4(),
    }
}

/// Link-local addresses, and those of metadata servers that are not: Alibaba's, Azure's WireServer, Oracle's old one,
/// Amazon's and Google's of IPv6.
fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_link_local()
                || [[100, 100, 100, 200], [168, 63, 129, 16], [192, 0, 0, 192]].contains(&v4.octets())
        }
        IpAddr::V6(v6) => {
            let amazons = v6.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254];
            let googles = v6.segments() == [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254];
            amazons || googles || v6.is_unicast_link_local()
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let reserved = a == 0 || a >= 240 || (a == 192 && b == 0) || (a == 198 && (b == 18 || b == 19));
            let local = v4.is_private() || v4.is_loopback() || v4.is_link_local();
            !(local || v4.is_multicast() || shared || reserved)
        }
        IpAddr::V6(v6) => {
            // Site-local addresses are no longer given, but some networks still route them.
            let site_local = (v6.segments()[0] & 0xffc0) == 0xfec0;
            let local = v6.is_unique_local() || v6.is_unicast_link_local() || site_local;
            // An address that carries an IPv4 one is judged by that.
            !(local || v6.is_loopback() || v6.is_unspecified() || v6.is_multicast())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(reach: Reach, addresses: &[&str]) -> Vec<bool> {
        addresses.iter().map(|address| reach.allows(address.parse().unwrap())).collect()
    }

    #[test]
    fn credentials_are_handed_out_to_nobody_elses_url() {
        let bad = [
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "fe80::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ];
        assert_eq!(allowed(Reach::NoMetadata, &bad), [false; 11]);
        assert_eq!(allowed(Reach::Public, &bad), [false; 11]);
        assert_eq!(allowed(Reach::Anywhere, &bad), [true; 11]);
    }

    #[test]
    fn private_networks_are_the_admins_and_not_the_callers() {
        let private = [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "::",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:c0a8:101::",
        ];
        assert_eq!(allowed(Reach::Public, &private), [false; 12]);
        assert_eq!(allowed(Reach::NoMetadata, &private), [true; 12]);
        let public = ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"];
        assert_eq!(allowed(Reach::Public, &public), [true; 4]);
    }
}
