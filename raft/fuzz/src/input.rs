//! The bytes of one input, taken from the front; what is missing is zero.

/// What is left of an input.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl Input<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn half_word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A number as they occur: small, beside an edge, a bit.
    pub(crate) fn number(&mut self) -> u64 {
        let (how, value) = (self.byte(), u64::from(self.byte()));
        match how % 6 {
            0 => value,
            1 => u64::MAX - value,
            2 => 1 << (value % 64),
            3 => (1 << (value % 64)) - 1,
            // As lives of members are numbered.
            4 => u64::from(self.byte()) << 32 | value,
            _ => value << 8 | u64::from(self.byte()),
        }
    }

    /// Bytes of the input itself.
    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes.to_vec()
    }

    /// Changes `bytes` in a few places.
    pub(crate) fn change(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.byte() % 6 {
            let (how, at) = (self.byte(), usize::from(self.half_word()));
            let at = at % (bytes.len() + 1);
            match how % 5 {
                0 => bytes.truncate(at),
                1 => {
                    let more = self.bytes();
                    bytes.splice(at..at, more);
                }
                2 => {
                    let end = (at + usize::from(self.byte())).min(bytes.len());
                    bytes.drain(at..end);
                }
                // A number in postcard's or in protobuf's form in the place of whatever is there.
                3 => {
                    let mut number = self.number();
                    let mut form = Vec::new();
                    while number >= 0x80 {
                        form.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
                        number >>= 7;
                    }
                    form.push(u8::try_from(number).unwrap());
                    let end = (at + 1).min(bytes.len());
                    bytes.splice(at..end, form);
                }
                _ => {
                    let value = self.byte();
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= value;
                    }
                }
            }
        }
    }
}
