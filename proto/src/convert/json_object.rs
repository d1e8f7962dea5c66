//! Hot path: JSON objects of protobuf messages, written key by key into one buffer. Fields with their default are left out.

use spoor_model::{json, write_base64};

/// An object that is being written.
pub(crate) struct JsonObject<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl JsonObject<'_> {
    /// Appends an object with the fields that `body` writes.
    pub(crate) fn write(out: &mut Vec<u8>, body: impl FnOnce(&mut JsonObject<'_>)) {
        out.push(b'{');
        body(&mut JsonObject { out, is_empty: true });
        out.push(b'}');
    }

    /// Begins a field; its value goes to the buffer. `key` needs no escapes.
    pub(crate) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A text, unless it is empty.
    pub(crate) fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            json::write_string(self.key(key), text.as_bytes());
        }
    }

    /// A number, unless it is zero.
    pub(crate) fn number(&mut self, key: &str, number: u32) {
        if number != 0 {
            json::write_int(self.key(key), number);
        }
    }

    /// A 64-bit number as text, which is how protobuf's JSON keeps it exact.
    pub(crate) fn long(&mut self, key: &str, number: impl itoa::Integer) {
        let out = self.key(key);
        out.push(b'"');
        json::write_int(out, number);
        out.push(b'"');
    }

    /// Bytes in base64.
    pub(crate) fn base64(&mut self, key: &str, bytes: &[u8]) {
        let out = self.key(key);
        out.push(b'"');
        write_base64(out, bytes);
        out.push(b'"');
    }

    /// A nested object.
    pub(crate) fn object(&mut self, key: &str, body: impl FnOnce(&mut JsonObject<'_>)) {
        JsonObject::write(self.key(key), body);
    }

    /// A list of objects, unless there are none.
    pub(crate) fn objects<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut body: impl FnMut(&mut JsonObject<'_>, T),
    ) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_some() {
            write_list(self.key(key), items, |out, item| JsonObject::write(out, |object| body(object, item)));
        }
    }
}

/// Appends a list.
pub(crate) fn write_list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}
