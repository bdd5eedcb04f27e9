//! The harness that breaks the ground under a running server and checks that nothing acknowledged is lost.
//!
//! - [`seed`]: random choices that a printed number replays;
//! - [`load`]: clients that remember what they were told;
//! - [`crowd`]: many connections at once;
//! - [`model`]: what must, may and must not be stored, as far as they can tell;
//! - [`checker`]: compares what is stored with that;
//! - [`keys`]: operators who work on keys and users, and what they must find;
//! - [`again`]: what has no answer is sent again, and takes effect once;
//! - [`scene`]: a registry, its server, and the verdict over it;
//! - [`shim`]: the preloaded library that kills, fails and records (`shim/shim.c`);
//! - [`recording`], [`disk`]: what it has recorded, and what a power cut may leave of it;
//! - [`gaps`]: what cannot be tested on a machine;
//! - [`process`]: what a server uses, and what it may use;
//! - [`races`]: clients that race for few names, and whether what they were told could be.

pub mod again;
pub mod checker;
pub mod crowd;
pub mod disk;
pub mod gaps;
pub mod keys;
pub mod load;
pub mod model;
pub mod process;
pub mod races;
pub mod recording;
pub mod scene;
pub mod seed;
pub mod shim;

pub use checker::Violation;
pub use disk::{Disk, Unsynced};
pub use load::{Load, Progress, Report};
pub use model::{Model, Outcome, Story};
pub use recording::{Event, Recording};
pub use scene::Scene;
pub use seed::Random;
pub use shim::{Action, Rule, Shim};
