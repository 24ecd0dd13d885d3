//! The only source of randomness: the operating system's generator.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Fills an array from the system's CSPRNG.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system's random generator works");
    bytes
}

/// A token of 132 bits in 22 characters, safe in XML attributes, URLs and file names.
pub fn token() -> String {
    bytes::<22>().iter().map(|byte| char::from(ALPHABET[usize::from(byte & 63)])).collect()
}

/// A random number.
pub fn number() -> u64 {
    u64::from_le_bytes(bytes())
}
