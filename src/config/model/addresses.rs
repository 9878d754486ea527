//! Ranges of network addresses.

use std::net::IpAddr;

/// One address, or all that begin with the same bits (`10.0.0.0/8`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    first: IpAddr,
    bits: u8,
}

impl AddressRange {
    /// Reads `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let first: IpAddr = address.parse().ok()?;
        let whole = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(whole), |bits| bits.parse().ok())?;
        (bits <= whole).then_some(AddressRange { first, bits })
    }

    /// Whether the address is one of them. An IPv4 address inside IPv6 counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                // A range written as `::ffff:10.0.0.0/104` counts from the end of the 96 bits before it.
                let bits = if self.first.is_ipv6() { self.bits.saturating_sub(96) } else { self.bits };
                let differ = first.to_bits() ^ address.to_bits();
                differ.leading_zeros() >= u32::from(bits)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let differ = first.to_bits() ^ address.to_bits();
                differ.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_begins_like_them() {
        let within = |range: &str, address: &str| {
            AddressRange::parse(range).unwrap().contains(address.parse().unwrap())
        };
        assert!(within("10.0.0.0/8", "10.255.0.1") && !within("10.0.0.0/8", "11.0.0.1"));
        assert!(within("192.0.2.7", "192.0.2.7") && !within("192.0.2.7", "192.0.2.8"));
        assert!(within("0.0.0.0/0", "203.0.113.9") && !within("0.0.0.0/0", "2001:db8::1"));
        assert!(within("2001:db8::/32", "2001:db8:1::5") && !within("2001:db8::/32", "2001:db9::"));
        assert!(within("127.0.0.1", "::ffff:127.0.0.1") && within("::ffff:10.0.0.0/104", "10.1.2.3"));
        for bad in ["", "localhost", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.1/-1", "1.2.3.4/"] {
            assert_eq!(AddressRange::parse(bad), None, "{bad}");
        }
    }
}
