//! Changed copies of known inputs for tests with the stable compiler: no search for new paths as a
//! fuzzer does, but the same bodies, run thousands of times, the same each time.

use std::path::Path;

/// Runs a target's body on its committed seeds and on `count` changed copies of them. The seeds are those of
/// the crate whose test this is.
pub fn on_changed_seeds(target: &str, count: usize, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut seeds: Vec<_> = std::fs::read_dir(folder.join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    seeds.sort();
    let seeds: Vec<_> = seeds
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    let changed = mutations(&seeds, 1, count);
    for input in seeds.iter().cloned().chain(changed) {
        run(&input);
    }
}

/// Inputs made of `corpus`, as many as asked for.
fn mutations(corpus: &[Vec<u8>], seed: u64, count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut random = Random(seed);
    (0..count).map(move |_| {
        let mut input = corpus
            .get(random.below(corpus.len()))
            .cloned()
            .unwrap_or_default();
        for _ in 0..=random.below(4) {
            change(&mut input, corpus, &mut random);
        }
        input
    })
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    match random.below(6) {
        0 => input.truncate(at),
        1 => input.insert(at, random.byte()),
        2 => {
            let end = (at + 1 + random.below(8)).min(input.len());
            input.drain(at..end);
        }
        3 => {
            // The front of one and the tail of another.
            let other = corpus
                .get(random.below(corpus.len()))
                .map_or(&[][..], Vec::as_slice);
            input.truncate(at);
            input.extend(other.get(at.min(other.len())..).unwrap_or_default());
        }
        4 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        _ => {
            if let Some(byte) = input.get_mut(at) {
                // Edges are where parsers slip.
                let edges = [0, 1, 0x7f, 0x80, 0xfe, 0xff, random.byte()];
                *byte = edges.get(random.below(edges.len())).copied().unwrap_or(0);
            }
        }
    }
}

/// Sebastiano Vigna's splitmix64: a few lines, and the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}
