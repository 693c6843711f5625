//! The REST API.
//!
//! ```text
//!  guard (request id, limits, panics, problem+json) ─▶ authorize ─▶ v2/<resource>: params, handler, documentation
//!                                                                └─▶ v1/<resource>: the API of iflearner-flow
//! ```
//!
//! A handler parses the request, calls the engine or the store, and converts the result; it has no
//! rules. The engine completes a change even if the client disconnects. `routes!` registers every
//! route of v2, so no route is without documentation; `access::matrix` has the rule of each operation, and a
//! route without a rule is rejected.

mod authorize;
mod bodies;
mod extract;
mod front;
mod guard;
mod json;
mod keys;
mod list;
mod openapi;
mod peer;
mod probes;
mod problem;
mod project;
mod reference;
mod router;
mod serve;
mod service;
mod v1;
mod v2;

pub use probes::serve as serve_probes;
pub use router::{document, openapi_json, router};
pub use serve::{ALPN, serve};
