//! Faults: kills, power cuts, failing operations, full and read-only disks, races, malformed messages and overload.

mod backups;
mod directories;
mod erasures;
mod first_starts;
mod framing;
mod full_disks;
mod imports;
mod io_errors;
mod keys;
mod kills;
mod load_balancer;
mod mounts;
mod postgres;
mod power_cuts;
mod races;
mod read_only;
mod replays;
mod resources;
mod restarts;
mod restores;
mod slow_disks;
mod trial;
