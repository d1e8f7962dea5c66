//! Which partition a key belongs to, as Jaeger's producer has it: the same key must land where a Jaeger would put it.

/// The partition of a key in a topic of `count` partitions: FNV-1a of 32 bits, taken as a signed number, its remainder by the
/// count, without its sign (the hash partitioner of Sarama, the client library of Jaeger v1; Jaeger v2 calls it `sarama_compat`).
///
/// # Panics
/// When `count` is not positive.
#[must_use]
pub fn partition_of_key(key: &[u8], count: i32) -> i32 {
    assert!(count > 0, "a topic has at least one partition");
    // The remainder is less than the count, so that it has an absolute value.
    (fnv1a(key).cast_signed() % count).abs()
}

fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        // From the test vectors of the hash's authors.
        for (text, hash) in [("", 0x811c_9dc5), ("a", 0xe40c_292c), ("foobar", 0xbf9c_f968)] {
            assert_eq!(fnv1a(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn negative_hashes_lose_their_sign_after_the_remainder() {
        // 0xe40c292c is -468,965,076; 0xbf9cf968 is -1,080,231,576.
        assert_eq!(partition_of_key(b"a", 10), 6);
        assert_eq!(partition_of_key(b"a", 7), 468_965_076 % 7);
        assert_eq!(partition_of_key(b"foobar", 1_000), 576);
    }

    #[test]
    fn keys_have_their_partitions_whatever_the_sign_of_their_hash() {
        // Computed apart from this code: the absolute value of the signed hash, modulo 1, 3, 10 and 12.
        for (key, partitions) in [
            ("", [0, 0, 5, 3]),
            ("1", [0, 1, 4, 4]),
            ("cart", [0, 0, 3, 9]),
            ("0000000000000001", [0, 0, 0, 6]),
            ("5b8efff798038103d269b633813fc60c", [0, 2, 5, 5]),
        ] {
            let computed = [1, 3, 10, 12].map(|count| partition_of_key(key.as_bytes(), count));
            assert_eq!(computed, partitions, "{key}");
        }
    }

    #[test]
    fn every_partition_is_used_and_none_beyond() {
        let mut seen = [0_u32; 3];
        for number in 0..3_000_u32 {
            let key = format!("{number:016x}");
            seen[usize::try_from(partition_of_key(key.as_bytes(), 3)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|&count| count > 800), "{seen:?}");
    }
}
