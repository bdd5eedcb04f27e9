//! Reproducible randomness.

use carnelian_app::Entropy;

/// Fills every buffer with the same bytes, over and over.
pub struct Repeating<'a>(
    /// The bytes; zeros stand in for none.
    pub &'a [u8],
);

impl Entropy for Repeating<'_> {
    fn fill(&self, bytes: &mut [u8]) {
        let given = self.0.iter().cycle();
        for (byte, value) in bytes.iter_mut().zip(given.chain(&[])) {
            *byte = *value;
        }
    }
}
