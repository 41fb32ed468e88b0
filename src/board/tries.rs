//! How many wrong codes an address may try: a code has thirty bits, so a few a minute never find it, and a room of
//! people who mistype behind one address is not locked out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Wrong tries that an address has at once.
const BURST: u64 = 20;
/// Milliseconds after which it has one more.
const AGAIN: u64 = 3_000;
/// Addresses that are remembered.
const ADDRESSES: usize = 8_192;

/// What is left to each address.
#[derive(Debug, Default)]
pub struct Tries {
    /// The moment at which the address has all of its tries again: each wrong one moves it on.
    whole: Mutex<HashMap<IpAddr, u64>>,
}

impl Tries {
    /// Whether this address may try now.
    ///
    /// # Errors
    /// Not before so many seconds.
    pub fn may(&self, from: IpAddr, now: u64) -> Result<(), u64> {
        let whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = whole.get(&group(from)).map_or(0, |whole| whole.saturating_sub(now));
        match spent.saturating_add(AGAIN).checked_sub(BURST * AGAIN) {
            None | Some(0) => Ok(()),
            Some(wait) => Err(wait.div_ceil(1000)),
        }
    }

    /// It tried, and was wrong.
    pub fn wrong(&self, from: IpAddr, now: u64) {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if whole.len() >= ADDRESSES {
            whole.retain(|_, whole| *whole > now);
        }
        let known = whole.contains_key(&group(from));
        if known || whole.len() < ADDRESSES {
            let at = whole.entry(group(from)).or_insert(now);
            *at = (*at).max(now) + AGAIN;
        }
    }
}

/// A machine can have any address of its IPv6 network, so it is the network that counts.
fn group(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(from) => IpAddr::V6((u128::from(from) >> 64 << 64).into()),
        from => from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_tries_and_then_one_every_few_seconds() {
        let tries = Tries::default();
        let (from, other): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let mut now = 1_000_000;
        for _ in 0..BURST {
            assert_eq!(tries.may(from, now), Ok(()));
            tries.wrong(from, now);
        }
        assert_eq!(tries.may(from, now), Err(3));
        assert_eq!(tries.may(other, now), Ok(()));
        now += AGAIN;
        assert_eq!(tries.may(from, now), Ok(()));
        tries.wrong(from, now);
        assert_eq!(tries.may(from, now), Err(3));
        now += 1_000 * AGAIN;
        assert_eq!(tries.may(from, now), Ok(()));
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let tries = Tries::default();
        for host in 0..BURST {
            let from: IpAddr = format!("2001:db8::{host:x}").parse().unwrap();
            tries.wrong(from, 1_000);
        }
        assert!(tries.may("2001:db8::ffff".parse().unwrap(), 1_000).is_err());
        assert!(tries.may("2001:db8:0:1::1".parse().unwrap(), 1_000).is_ok());
    }
}
