//! When customers were last written, by ranges of their ids, so that a listing of recent changes passes over the ranges that
//! have none.

use carnelian_domain::{CustomerId, Timestamp};

/// How many ids a zone has: reading one takes about a tenth of a millisecond.
const ZONE: u64 = 1024;

/// The largest number of zones, which are of a thousand million ids; all higher ones are in the last zone.
const ZONES: u64 = 1 << 20;

/// The latest moment at which a customer of each zone was written. A customer may have been erased or rolled back since.
#[derive(Default)]
pub(crate) struct ChangeZones(Vec<i64>);

impl ChangeZones {
    /// Notes a write.
    pub(crate) fn note(&mut self, id: u64, at: i64) {
        let zone = zone_of(id);
        if zone >= self.0.len() {
            self.0.resize(zone + 1, i64::MIN);
        }
        self.0[zone] = self.0[zone].max(at);
    }

    /// The first id from `first` on in a zone with a write at or after a moment.
    pub(crate) fn next_written_since(&self, first: CustomerId, since: Timestamp) -> Option<CustomerId> {
        let zone = zone_of(first.0);
        let written = self.0.get(zone..)?.iter().position(|at| *at >= since.0)?;
        Some(CustomerId(first.0.max((zone + written) as u64 * ZONE)))
    }
}

fn zone_of(id: u64) -> usize {
    (id / ZONE).min(ZONES - 1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_passes_over_zones_without_a_recent_write() {
        let mut zones = ChangeZones::default();
        for (id, at) in [(1, 10), (5, 30), (ZONE * 3, 20), (ZONE * 3 + 1, 15), (u64::MAX / 4, 40)] {
            zones.note(id, at);
        }
        let next = |first, since| zones.next_written_since(CustomerId(first), Timestamp(since)).map(|id| id.0);
        assert_eq!(next(0, 10), Some(0));
        assert_eq!(next(7, 30), Some(7));
        assert_eq!(next(ZONE, 10), Some(ZONE * 3));
        assert_eq!(next(ZONE * 3 + 9, 20), Some(ZONE * 3 + 9));
        assert_eq!(next(0, 31), Some(ZONE * (ZONES - 1)));
        assert_eq!(next(ZONE * ZONES * 9, 31), Some(ZONE * ZONES * 9));
        assert_eq!(next(0, 41), None);
        assert_eq!(ChangeZones::default().next_written_since(CustomerId(5), Timestamp(0)), None);
    }
}
