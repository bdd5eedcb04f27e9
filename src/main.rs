//! The binary: the library, and the allocator that it runs on.

use std::process::ExitCode;

/// Requests are answered on one thread and their writes freed on another, which this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    forgo_huge_pages();
    carnelian::run()
}

/// Asks the system for small pages of memory alone, as the allocator is built to do (`no_thp`).
///
/// Huge ones, of 2 MB, count whole as soon as a byte of them is used, and with them a server under load took half as much
/// memory again. Some systems give them without being asked, hence this.
fn forgo_huge_pages() {
    // Where that is not possible everything works as well, and takes more memory.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(true);
}
