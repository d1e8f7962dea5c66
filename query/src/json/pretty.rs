//! Compact JSON indented by four spaces, piece by piece, as Go's `json.MarshalIndent` does it.

/// What has to be known from one piece to the next.
#[derive(Default)]
pub(super) struct Pretty {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Behind an opening bracket: an empty list or map stays on its line.
    opened: bool,
}

impl Pretty {
    /// Indents a whole document.
    pub(super) fn whole(compact: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(compact.len() * 2);
        Self::default().write(&mut out, compact);
        out
    }

    /// Appends the next piece of a compact document; pieces may end anywhere.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, compact: &[u8]) {
        for &byte in compact {
            if self.in_string {
                self.within_string(byte);
                out.push(byte);
            } else {
                self.outside(out, byte);
            }
        }
    }

    fn within_string(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
    }

    fn outside(&mut self, out: &mut Vec<u8>, byte: u8) {
        let closing = matches!(byte, b']' | b'}');
        if closing {
            self.depth = self.depth.saturating_sub(1);
        }
        if self.opened != closing {
            self.new_line(out);
        }
        self.opened = false;
        out.push(byte);
        match byte {
            b'{' | b'[' => {
                self.depth += 1;
                self.opened = true;
            }
            b',' => self.new_line(out),
            b':' => out.push(b' '),
            b'"' => self.in_string = true,
            _ => {}
        }
    }

    fn new_line(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
        out.resize(out.len() + 4 * self.depth, b' ');
    }
}
