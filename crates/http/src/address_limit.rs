//! Limits the connections of each client address.

use carnelian_domain::network_of;
use parking_lot::Mutex;
use std::{collections::HashMap, net::IpAddr, sync::Arc};

/// Counts the open connections of each address; an address without any is not kept.
pub(crate) struct AddressLimit {
    connections: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// Counts as a connection of its address until it is dropped.
pub(crate) struct AddressPermit {
    limit: Arc<AddressLimit>,
    address: IpAddr,
}

impl AddressLimit {
    /// Allows that many connections of each address.
    pub(crate) fn new(connections: usize) -> AddressLimit {
        AddressLimit { connections, open: Mutex::default() }
    }

    /// Counts a connection; `None` if the address has too many. The addresses of an IPv6 network count as one.
    pub(crate) fn acquire(self: &Arc<Self>, address: IpAddr) -> Option<AddressPermit> {
        let address = network_of(address);
        let mut open = self.open.lock();
        let count = open.entry(address).or_default();
        // A limit is at least 1, so a count of 0 is always increased.
        if *count >= self.connections {
            return None;
        }
        *count += 1;
        Some(AddressPermit { limit: self.clone(), address })
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut open = self.limit.open.lock();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_address_has_so_many_connections_and_none_is_remembered_after_its_last() {
        let limit = Arc::new(AddressLimit::new(2));
        let open = |text| limit.acquire(address(text));
        let first = [open("192.0.2.1"), open("192.0.2.1")];
        assert!(first.iter().all(Option::is_some) && open("192.0.2.1").is_none());
        assert!(open("192.0.2.2").is_some(), "another address");
        let [one, other] = first;
        drop(one);
        let third = open("192.0.2.1");
        assert!(third.is_some(), "a closed connection makes room");
        drop((other, third));
        assert!(limit.open.lock().is_empty());
    }

    #[test]
    fn the_addresses_of_an_ipv6_network_count_as_one() {
        let limit = Arc::new(AddressLimit::new(1));
        let _open = limit.acquire(address("2001:db8:1:1::1")).expect("the first one");
        assert!(limit.acquire(address("2001:db8:1:1:ffff::2")).is_none());
        assert!(limit.acquire(address("2001:db8:1:2::1")).is_some());
    }
}
