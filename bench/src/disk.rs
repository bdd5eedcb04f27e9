//! How fast the disk under the registry syncs: what one sync for every create would allow.

use std::{
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

/// Appends 4 KiB and syncs the data, again and again; says how often in a second.
pub fn sync_rate(directory: &Path, length: Duration) -> io::Result<f64> {
    let mut file = tempfile::tempfile_in(directory)?;
    let page = [0xa5; 4096];
    let start = Instant::now();
    let mut syncs = 0_u32;
    while start.elapsed() < length {
        file.write_all(&page)?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(f64::from(syncs) / start.elapsed().as_secs_f64())
}
