//! Faults: kills, power cuts, failing operations, full disks.

mod full_disks;
mod io_errors;
mod kills;
mod power_cuts;
mod restarts;
