//! Reproducible draws: a seeded generator, and the service's forms of ids and secrets made with it.
//!
//! Own code rather than a crate, because the organization of a seed must stay the same across upgrades.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The characters of an API key's id, in ASCII order: a larger number is a later id.
const ID_ALPHABET: &[u8; 32] = b"234567ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const SECRET_ALPHABET: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const SHORT_ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Bits in the id of an API key: 16 characters of 5 bits.
const ID_BITS: u32 = 80;

/// SplitMix64 (Steele, Lea and Flood 2014): tiny, quick, and good enough to invent an organization.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a number below `bound`, which must not be 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// Returns an index into something of length `len`.
    pub(super) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Returns an index into something of length `len`, low ones far more often than high ones.
    pub(super) fn skewed(&mut self, len: usize) -> usize {
        let first = self.index(len);
        let second = self.index(first + 1);
        self.index(second + 1)
    }

    /// Returns true `percent` times of a hundred.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.index(from.len())]
    }

    /// Returns six lower-case letters and digits, as in `sa-1jjv26`.
    pub(super) fn short_id(&mut self) -> String {
        self.characters(SHORT_ALPHABET, 6)
    }

    /// Returns 32 hexadecimal digits, the form of request and error ids.
    pub(super) fn hex32(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    /// Returns a random UUID, the form of an organization's id.
    pub(super) fn uuid(&mut self) -> String {
        let hex = self.hex32();
        format!(
            "{}-{}-4{}-a{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..]
        )
    }

    /// Returns the id of an API key: 16 characters of `A-Z2-7`.
    pub(super) fn key_id(&mut self) -> String {
        self.key_id_in(0, 1)
    }

    /// Returns the id of an API key that sorts behind every one drawn for a smaller `place` of the same `places`.
    pub(super) fn key_id_in(&mut self, place: usize, places: usize) -> String {
        let share = (1u128 << ID_BITS) / places as u128;
        let offset = (u128::from(self.next()) << 64 | u128::from(self.next())) % share;
        let number = share * place as u128 + offset;
        (0..ID_BITS / 5)
            .rev()
            .map(|digit| ID_ALPHABET[(number >> (5 * digit)) as usize % 32] as char)
            .collect()
    }

    /// Returns a secret as the service makes them since July 2025: `cflt`, 54 characters, and 6 of checksum.
    pub(super) fn secret(&mut self) -> String {
        let middle = self.characters(SECRET_ALPHABET, 54);
        format!("cflt{middle}{}", checksum(&middle))
    }

    fn characters(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count)
            .map(|_| alphabet[self.index(alphabet.len())] as char)
            .collect()
    }
}

/// Returns the last 6 characters of a secret: the CRC-32 of the 54 before them, little-endian, in Base64.
///
/// Source: Confluent's "Use API Keys to Authenticate to Confluent Cloud", and its example.
fn checksum(middle: &str) -> String {
    STANDARD_NO_PAD.encode(crc32fast::hash(middle.as_bytes()).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::config::{DEMO_SECRET, LEAKED_SECRET};
    use super::*;

    fn is_well_formed(secret: &str) -> bool {
        secret.len() == 64 && secret.starts_with("cflt") && checksum(&secret[4..58]) == secret[58..]
    }

    #[test]
    fn secrets_end_with_the_checksum_of_their_middle() {
        let mut draw = Random::new(7);
        for _ in 0..100 {
            let secret = draw.secret();
            assert!(is_well_formed(&secret), "{secret}");
        }
        assert!(is_well_formed(DEMO_SECRET) && is_well_formed(LEAKED_SECRET));
    }

    #[test]
    fn ids_sort_by_their_place() {
        let mut draw = Random::new(7);
        let ids: Vec<_> = (0..1000).map(|place| draw.key_id_in(place, 1000)).collect();
        assert!(ids.is_sorted());
        assert!(
            ids.iter()
                .all(|id| id.len() == 16 && id.bytes().all(|byte| ID_ALPHABET.contains(&byte)))
        );
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let (mut a, mut b) = (Random::new(3), Random::new(3));
        assert_eq!(a.key_id(), b.key_id());
        assert_eq!(a.uuid(), b.uuid());
        assert_eq!(Random::new(1).next(), 0x910A_2DEC_8902_5CC1);
    }

    #[test]
    fn skewed_draws_favour_the_front() {
        let mut draw = Random::new(9);
        let front = (0..1000).filter(|_| draw.skewed(40) < 10).count();
        assert!(front > 600, "{front} of 1000");
    }
}
