//! The process runtime with real sidecars and real processes. One program, so that it is linked once.

mod end;
mod environment;
mod hold;
mod log;
mod outputs;
mod progress;
mod start;
mod support;
mod survive;
mod unstoppable;
