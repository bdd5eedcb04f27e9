//! The binary: the library, and the allocator that it runs on.

use std::process::ExitCode;

/// Requests are answered on one thread and their writes freed on another, which this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    carnelian::run()
}
