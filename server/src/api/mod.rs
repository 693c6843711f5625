//! The REST API.
//!
//! ```text
//!  guard (request id, limits, panics, problem+json) ─▶ authenticate ─▶ v2/<resource>: params, handler, documentation
//! ```
//!
//! A handler parses the request, calls the engine or the store, and converts the result; it has no
//! rules. The engine completes a change even if the client disconnects. `routes!` registers every
//! route, so no route is without documentation; a route needs a token unless [`PUBLIC`] lists it.

mod bodies;
mod extract;
mod front;
mod guard;
mod json;
mod list;
mod openapi;
mod probes;
mod problem;
mod public;
mod reference;
mod router;
mod serve;
mod service;
mod v2;

pub use probes::serve as serve_probes;
pub use public::PUBLIC;
pub use router::{document, openapi_json, router};
pub use serve::{ALPN, serve};
