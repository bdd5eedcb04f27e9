//! Faults: kills, power cuts, failing operations, full disks; and what others send: messages that are none, and too much.

mod framing;
mod full_disks;
mod io_errors;
mod kills;
mod power_cuts;
mod restarts;
