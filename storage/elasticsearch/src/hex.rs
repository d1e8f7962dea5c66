//! Lower-case hexadecimal digits into places that are there already.

/// Writes two digits a byte; `out` has twice the length of `bytes`.
#[inline]
pub(crate) fn write(out: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}
