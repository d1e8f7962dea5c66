//! Thrift's two protocols, written.

/// Which protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thrift {
    /// Ports 6831 and 5775.
    Compact,
    /// Port 6832.
    Binary,
}

/// A type's codes: compact, binary.
pub(super) type Kind = (u8, u8);
pub(super) const I32: Kind = (5, 8);
pub(super) const I64: Kind = (6, 10);
pub(super) const STRING: Kind = (8, 11);
pub(super) const LIST: Kind = (9, 15);
pub(super) const STRUCT: Kind = (12, 12);
const DOUBLE: Kind = (7, 4);

/// Says "oneway" in either protocol.
const ONEWAY: u8 = 4;

/// A message being written.
pub(super) struct Writer {
    thrift: Thrift,
    out: Vec<u8>,
    /// The last field's number of each open struct.
    last: Vec<i16>,
}

impl Writer {
    /// Begins a oneway message.
    pub(super) fn message(thrift: Thrift, name: &str) -> Self {
        let mut new = Self { thrift, out: Vec::new(), last: Vec::new() };
        match thrift {
            Thrift::Compact => {
                new.out.extend([0x82, ONEWAY << 5 | 1, 0]);
                new.bytes(name.as_bytes());
            }
            Thrift::Binary => {
                new.out.extend([0x80, 1, 0, ONEWAY]);
                new.bytes(name.as_bytes());
                new.out.extend([0; 4]);
            }
        }
        new
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    pub(super) fn begin_struct(&mut self) {
        self.last.push(0);
    }

    pub(super) fn end_struct(&mut self) {
        self.out.push(0);
        self.last.pop();
    }

    /// A field's head; its value follows.
    pub(super) fn field(&mut self, id: i16, (compact, binary): Kind) {
        match self.thrift {
            Thrift::Binary => {
                self.out.push(binary);
                self.out.extend(id.to_be_bytes());
            }
            Thrift::Compact => self.compact_field(id, compact),
        }
    }

    fn compact_field(&mut self, id: i16, code: u8) {
        let last = self.last.last_mut().expect("fields stand in structs");
        let step = u8::try_from(id - *last).expect("numbers rise, and by less than 15 in these structs");
        *last = id;
        self.out.push(step << 4 | code);
    }

    pub(super) fn bool_field(&mut self, id: i16, truth: bool) {
        match self.thrift {
            Thrift::Compact => self.compact_field(id, if truth { 1 } else { 2 }),
            Thrift::Binary => {
                self.field(id, (1, 2));
                self.out.push(u8::from(truth));
            }
        }
    }

    pub(super) fn double_field(&mut self, id: i16, double: f64) {
        self.field(id, DOUBLE);
        match self.thrift {
            Thrift::Compact => self.out.extend(double.to_le_bytes()),
            Thrift::Binary => self.out.extend(double.to_be_bytes()),
        }
    }

    pub(super) fn list(&mut self, (compact, binary): Kind, count: usize) {
        match (self.thrift, u8::try_from(count)) {
            (Thrift::Compact, Ok(few @ 0..15)) => self.out.push(few << 4 | compact),
            (Thrift::Compact, _) => {
                self.out.push(0xf0 | compact);
                self.varint(count as u64);
            }
            (Thrift::Binary, _) => {
                self.out.push(binary);
                self.length(count);
            }
        }
    }

    pub(super) fn i32(&mut self, value: i32) {
        match self.thrift {
            Thrift::Compact => self.zigzag(value.into()),
            Thrift::Binary => self.out.extend(value.to_be_bytes()),
        }
    }

    pub(super) fn i64(&mut self, value: i64) {
        match self.thrift {
            Thrift::Compact => self.zigzag(value),
            Thrift::Binary => self.out.extend(value.to_be_bytes()),
        }
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        match self.thrift {
            Thrift::Compact => self.varint(value.len() as u64),
            Thrift::Binary => self.length(value.len()),
        }
        self.out.extend(value);
    }

    fn length(&mut self, length: usize) {
        let length = i32::try_from(length).expect("datagrams are small");
        self.out.extend(length.to_be_bytes());
    }

    fn zigzag(&mut self, value: i64) {
        self.varint((value << 1 ^ value >> 63).cast_unsigned());
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.out.push(value.to_le_bytes()[0]);
    }
}
