//! `IflearnerJob`: one party's part in one training, as one Pod of a role, reachable by the other side.
//!
//! A look at an object goes dereference → validate → build → apply → status. Reading what the object refers to comes
//! first; checking and building are pure functions of it; only `apply` and `status` write. What each step keeps true:
//!
//! - The Job is created once. Its name follows from the object's UID, so a second creation finds the first; once its UID
//!   is recorded in the status, a Job that is gone means that the run is over (`JobDeleted`), never that it begins again.
//!   An operator that ends between creation and record leaves nothing but the name: who deletes such a Job by hand
//!   before the next one's first look has it created again.
//! - A status that is terminal stays, and nothing of its job runs on.
//! - Every other child is compared with what is desired at every look, and written only when it differs.
//! - The status is written once at the end of a look, and only if it says something new. The first one of an object may
//!   wait while many others get their Jobs.

mod apply;
pub mod build;
mod consent;
pub mod controller;
mod dereference;
pub mod names;
pub mod observe;
mod pods;
pub mod policy;
mod reconcile;
pub mod status;
mod unreadable;
mod unrecorded;
pub mod validate;
