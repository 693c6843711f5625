//! Connection slots per source address, so that one address cannot take all slots of a listener.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

/// Bits of an IPv6 address that identify its network: one subscriber has at least a /64.
const IPV6_PREFIX: u32 = 64;

/// Open connections by source: an IPv4 address, or an IPv6 network of 64 bits.
#[derive(Debug, Clone)]
pub(super) struct SourceSlots {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    max: usize,
}

impl SourceSlots {
    pub(super) fn new(max: usize) -> Self {
        Self { open: Arc::default(), max }
    }

    /// Takes a slot for a connection from `address`; `None` if the source has no free slot.
    pub(super) fn enter(&self, address: IpAddr) -> Option<SourceSlot> {
        let source = source_of(address);
        let mut open = self.lock();
        let count = open.entry(source).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(SourceSlot { slots: self.clone(), source })
    }

    /// True if a connection from `address` would get a slot.
    pub(super) fn has_room(&self, address: IpAddr) -> bool {
        self.lock().get(&source_of(address)).is_none_or(|count| *count < self.max)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock()
    }
}

/// The slot of one connection; released on drop.
#[derive(Debug)]
pub(super) struct SourceSlot {
    slots: SourceSlots,
    source: IpAddr,
}

impl Drop for SourceSlot {
    fn drop(&mut self) {
        let mut open = self.slots.lock();
        if let Some(count) = open.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.source);
            }
        }
    }
}

pub(crate) fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - IPV6_PREFIX))).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_is_an_ipv4_address_or_an_ipv6_network_of_64_bits() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(
                source_of(address.parse().unwrap()),
                expected.parse::<IpAddr>().unwrap(),
                "{address}"
            );
        }
    }

    #[test]
    fn slots_are_limited_per_source_and_released() {
        let slots = SourceSlots::new(2);
        let enter = |address: &str| slots.enter(address.parse().unwrap());
        let held = [enter("2001:db8::1"), enter("2001:db8::2")];
        assert!(held.iter().all(Option::is_some));
        assert!(enter("2001:db8::3").is_none());
        assert!(enter("2001:db8:0:1::1").is_some(), "another network");
        drop(held);
        assert!(enter("2001:db8::3").is_some());
        assert!(slots.lock().is_empty(), "slots without a connection take no memory");
    }
}
