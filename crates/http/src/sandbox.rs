//! `/sandbox/v1/…` and injected faults: what a sandbox adds to the pipeline.
//!
//! * [`layer`]: handles a sandbox's own requests, and injects faults into the others
//! * [`control`]: the sandbox and its registry
//! * [`reset`], [`clock`], [`faults`]: the handlers
//! * [`fields`]: reads their requests
//!
//! These operations need no sign-in. A server that is not a sandbox does not have them.

mod clock;
mod control;
mod faults;
mod fields;
mod layer;
mod reset;

pub(crate) use layer::{ConnectionCut, SandboxLayer};
