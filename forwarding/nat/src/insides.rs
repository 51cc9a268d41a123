//! The port of each inside endpoint, without keeping the endpoint again: its holder has it.
//!
//! Open addressing with linear probing over ports. A mapping costs four bytes here; a map with the
//! endpoint as key costs fifty, and a busy address has sixty thousand mappings.

use ahash::RandomState;
use types::Endpoint;

/// No mapping has port zero.
const EMPTY: u16 = 0;
/// Slots of the first table.
const FIRST: usize = 64;

/// From inside endpoint to port. Whoever asks says who holds a port; what is in here must be held.
#[derive(Debug)]
pub(crate) struct Insides {
    slots: Vec<u16>,
    len: usize,
    hasher: RandomState,
}

impl Insides {
    pub(crate) const fn new(hasher: RandomState) -> Self {
        Self {
            slots: Vec::new(),
            len: 0,
            hasher,
        }
    }

    /// The port of `inside`.
    pub(crate) fn find(
        &self,
        inside: Endpoint,
        holder: impl Fn(u16) -> Option<Endpoint>,
    ) -> Option<u16> {
        let (at, _) = self.probe(inside, |port| holder(port) == Some(inside))?;
        self.slots.get(at).copied()
    }

    /// From now on `port`, which `inside` holds, is its port.
    pub(crate) fn set(
        &mut self,
        inside: Endpoint,
        port: u16,
        holder: impl Fn(u16) -> Option<Endpoint>,
    ) {
        if let Some((at, _)) = self.probe(inside, |other| holder(other) == Some(inside)) {
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = port;
            }
            return;
        }
        if (self.len + 1) * 3 > self.slots.len() * 2 {
            self.grow(holder);
        }
        self.put(inside, port);
        self.len += 1;
    }

    /// `port`, which `inside` held, is nobody's. Nothing happens if its port is another one.
    pub(crate) fn remove(
        &mut self,
        inside: Endpoint,
        port: u16,
        holder: impl Fn(u16) -> Option<Endpoint>,
    ) {
        let Some((mut gap, _)) = self.probe(inside, |other| other == port) else {
            return;
        };
        self.len -= 1;
        // Ports behind the gap move up as long as that brings them no further than their home.
        let mask = self.slots.len() - 1;
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let moved = self.slots.get(at).copied().unwrap_or(EMPTY);
            if moved == EMPTY {
                break;
            }
            let home = holder(moved).map_or(at, |inside| self.home(inside));
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(gap) & mask {
                self.write(gap, moved);
                gap = at;
            }
        }
        self.write(gap, EMPTY);
    }

    fn home(&self, inside: Endpoint) -> usize {
        let hash = self.hasher.hash_one(inside) & 0xffff_ffff;
        usize::try_from(hash).unwrap_or(0) & (self.slots.len().max(1) - 1)
    }

    fn probe(&self, inside: Endpoint, is_it: impl Fn(u16) -> bool) -> Option<(usize, u16)> {
        let mut at = self.home(inside);
        loop {
            // A third of the slots is empty, so this ends.
            match self.slots.get(at).copied() {
                None | Some(EMPTY) => return None,
                Some(port) if is_it(port) => return Some((at, port)),
                Some(_) => at = (at + 1) & (self.slots.len() - 1),
            }
        }
    }

    fn put(&mut self, inside: Endpoint, port: u16) {
        let mut at = self.home(inside);
        while self.slots.get(at).is_some_and(|slot| *slot != EMPTY) {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.write(at, port);
    }

    fn write(&mut self, at: usize, port: u16) {
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = port;
        }
    }

    fn grow(&mut self, holder: impl Fn(u16) -> Option<Endpoint>) {
        let size = (self.slots.len() * 2).max(FIRST);
        let old = core::mem::replace(&mut self.slots, vec![EMPTY; size]);
        for port in old.into_iter().filter(|port| *port != EMPTY) {
            if let Some(inside) = holder(port) {
                self.put(inside, port);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn endpoint(number: u16) -> Endpoint {
        Endpoint::new([192, 0, 2, 1].into(), number)
    }

    proptest! {
        /// Against a map: inside endpoints come, change their port and go.
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0_u16..40, 1_u16..60, any::<bool>()), 0..400)) {
            let mut insides = Insides::new(RandomState::with_seeds(1, 2, 3, 4));
            let mut holders = HashMap::<u16, Endpoint>::new();
            let mut model = HashMap::<Endpoint, u16>::new();
            for (number, port, comes) in steps {
                let inside = endpoint(number);
                if comes && !holders.contains_key(&port) {
                    holders.insert(port, inside);
                    insides.set(inside, port, |port| holders.get(&port).copied());
                    model.insert(inside, port);
                } else if !comes && let Some(inside) = holders.remove(&port) {
                    insides.remove(inside, port, |port| holders.get(&port).copied());
                    if model.get(&inside) == Some(&port) {
                        model.remove(&inside);
                    }
                }
                for number in 0..40 {
                    let inside = endpoint(number);
                    let found = insides.find(inside, |port| holders.get(&port).copied());
                    prop_assert_eq!(found, model.get(&inside).copied());
                }
            }
        }
    }
}
