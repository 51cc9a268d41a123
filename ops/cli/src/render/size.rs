//! Bytes as people read them.

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Rounded down, so that nothing seems to be enough that is not: `15.9 MiB`, `42.0 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    let (unit, word) = if bytes < 10 * GIB {
        (MIB, "MiB")
    } else {
        (GIB, "GiB")
    };
    let tenths = u128::from(bytes) * 10 / u128::from(unit);
    format!("{}.{} {word}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_choose_their_unit_and_never_seem_more_than_they_are() {
        let sizes = [0, 16 * MIB - 1, 16 * MIB, 10 * GIB - 1, 10 * GIB, u64::MAX].map(size);
        let expected = [
            "0.0 MiB",
            "15.9 MiB",
            "16.0 MiB",
            "10239.9 MiB",
            "10.0 GiB",
            "17179869183.9 GiB",
        ];
        assert_eq!(sizes, expected);
    }
}
