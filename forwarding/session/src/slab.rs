//! Storage that grows in chunks: nothing moves when it grows, so no packet ever waits for a copy of a
//! million sessions.

/// Elements of a chunk. Large enough to be rare, small enough to be quick to allocate.
const CHUNK: usize = 1024;

/// A vector that never moves its elements.
#[derive(Debug)]
pub(crate) struct Chunked<T> {
    chunks: Vec<Vec<T>>,
    len: u32,
}

impl<T> Chunked<T> {
    pub(crate) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }

    #[inline]
    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        let at = at as usize;
        self.chunks.get(at / CHUNK)?.get(at % CHUNK)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        let at = at as usize;
        self.chunks.get_mut(at / CHUNK)?.get_mut(at % CHUNK)
    }

    /// Appends; returns the element's place for ever.
    pub(crate) fn push(&mut self, value: T) -> u32 {
        let place = self.len;
        if let Some(chunk) = self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            chunk.push(value);
        } else {
            let mut chunk = Vec::with_capacity(CHUNK);
            chunk.push(value);
            self.chunks.push(chunk);
        }
        self.len += 1;
        place
    }

    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

/// Values at places that are used again after a removal.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    cells: Chunked<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            cells: Chunked::new(),
            free: Vec::new(),
        }
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.cells.len() as usize - self.free.len()
    }

    /// How many places there are, used and free.
    pub(crate) const fn places(&self) -> u32 {
        self.cells.len()
    }

    #[inline]
    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        self.cells.get(at)?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.cells.get_mut(at)?.as_mut()
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(at) = self.free.pop()
            && let Some(cell) = self.cells.get_mut(at)
        {
            *cell = Some(value);
            return at;
        }
        self.cells.push(Some(value))
    }

    pub(crate) fn remove(&mut self, at: u32) -> Option<T> {
        let value = self.cells.get_mut(at)?.take()?;
        self.free.push(at);
        Some(value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..)
            .zip(self.cells.iter())
            .filter_map(|(at, cell)| Some((at, cell.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again_and_nothing_else_moves() {
        let mut slab = Slab::new();
        let places: Vec<u32> = (0..3000).map(|value| slab.insert(value)).collect();
        assert_eq!(slab.remove(places[1500]), Some(1500));
        assert_eq!(slab.remove(places[1500]), None);
        assert_eq!(slab.len(), 2999);
        assert_eq!(slab.insert(7), places[1500]);
        assert_eq!(slab.get(places[2999]), Some(&2999));
        assert_eq!(slab.get(3000), None);
        assert_eq!(
            slab.iter().map(|(_, value)| *value).sum::<i32>(),
            2999 * 1500 - 1500 + 7
        );
    }
}
