//! The harness of the fault tests: it injects faults under a running server and checks that nothing acknowledged is lost.
//!
//! - [`seed`]: random choices that a printed seed repeats;
//! - [`load`]: clients that record the answers they get;
//! - [`crowd`]: many connections at once;
//! - [`model`]: what must, may and must not be stored according to these answers;
//! - [`checker`]: compares what is stored with the model;
//! - [`keys`]: operators who change keys and users, and the expected result;
//! - [`again`]: sends requests without an answer again, which must take effect once;
//! - [`test_registry`]: a registry, its server, and the check of both;
//! - [`shim`]: the preloaded library that kills, fails and records (`shim/shim.c`);
//! - [`recording`], [`disk`]: the operations that the shim has recorded, and what a power cut may leave of them;
//! - [`process`]: the resources that a server uses, and limits on them;
//! - [`races`]: clients that race for few names, and whether their answers are linearizable.

pub mod again;
pub mod checker;
pub mod crowd;
pub mod disk;
pub mod keys;
pub mod load;
pub mod model;
pub mod process;
pub mod races;
pub mod recording;
pub mod seed;
pub mod shim;
pub mod test_registry;

pub use blackbox::gaps;
pub use checker::Violation;
pub use disk::{Disk, Unsynced};
pub use load::{Load, Progress, Report};
pub use model::{CustomerHistory, Model, Outcome};
pub use recording::{Event, Recording};
pub use seed::Random;
pub use shim::{Action, Rule, Shim};
pub use test_registry::TestRegistry;
