//! The environment contract of all workloads: one set of `FED_*` variables, so that an image needs no knowledge of the
//! platform.
//!
//! | variable | meaning | set by |
//! | --- | --- | --- |
//! | `FED_RUN_ID` | the run | spec |
//! | `FED_ROLE` | `server` (aggregator) or `client` (trainer) | spec |
//! | `FED_PARTY`, `FED_PARTY_INDEX` | own name; its place in the task, from 0 | spec |
//! | `FED_PARTIES` | comma-separated: itself and whom it deals with (a server: all; a client: the server, and its peers) | spec |
//! | `FED_TRAINERS` | how many trainers this run has | spec |
//! | `FED_EPOCHS`, `FED_PARAMS` | rounds; JSON object of the parameters, all values text | spec |
//! | `FED_LISTEN_ADDR`, `FED_HTTP_ADDR` | what to bind (server; client with peers) | spec |
//! | `FED_SERVER_ADDR` | what a client dials | spec |
//! | `FED_PEERS` | `name=host:port,…`, only when the task asks for peers | spec |
//! | `FED_TASK_ID`, `FED_DATA_DIR`, `FED_OUTPUT_DIR`, `FED_WORK_DIR`, `HOME` | the task; read-only data; results to keep; scratch | agent |

use std::collections::BTreeMap;

use super::{GRPC, HTTP, PEER, Start};
use crate::bindings::literal;
use crate::member::Role;
use crate::spec::Hole;
use crate::task::{TaskBody, TaskMember};

/// Every variable of this prefix belongs to the contract.
pub const PREFIX: &str = "FED_";

/// What a spec may set of the contract; the rest is the agent's.
const IN_SPECS: [&str; 12] = [
    "FED_RUN_ID",
    "FED_ROLE",
    "FED_PARTY",
    "FED_PARTY_INDEX",
    "FED_PARTIES",
    "FED_TRAINERS",
    "FED_EPOCHS",
    "FED_PARAMS",
    "FED_LISTEN_ADDR",
    "FED_HTTP_ADDR",
    "FED_SERVER_ADDR",
    "FED_PEERS",
];
/// Variables by which a program loads code. The list is a second line only: which names a template may set at all is each
/// party's allow-list (`crate::policy`), and this keeps a careless entry there from handing over the dynamic linker.
const LOADERS: [&str; 6] =
    ["GCONV_PATH", "BASH_ENV", "ENV", "PYTHONSTARTUP", "PYTHONHOME", "PERL5OPT"];

/// Whether a template may not set this variable: it is the contract's, or the agent's, or makes an allowed program load
/// something that is not; or a proxy's, through which the workload would dial its own aggregator (hazard L14) and which
/// only the party's network can know.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.starts_with(PREFIX)
        || upper == "HOME"
        || upper.ends_with("_PROXY")
        || upper.starts_with("LD_")
        || upper.starts_with("DYLD_")
        || LOADERS.contains(&upper.as_str())
}

/// Whether the contract puts this variable into specs.
#[must_use]
pub fn is_contract_variable(name: &str) -> bool {
    IN_SPECS.contains(&name)
}

/// Whether a spec may set this variable: what a template may, and the contract's own.
#[must_use]
pub fn is_spec_variable(name: &str) -> bool {
    is_contract_variable(name) || !is_reserved(name)
}

/// Exit status by which a workload says that it lost the other side: a new run may go better.
pub const EXIT_PEER_LOST: i32 = 71;

/// Adds what the contract promises this member.
pub(super) fn dress(
    task: &TaskBody,
    member: &TaskMember,
    parameters: &BTreeMap<String, String>,
    peers: bool,
    start: &mut Start,
) {
    let names: Vec<&str> = start.parties.iter().map(|other| other.party.as_str()).collect();
    let names = names.join(",");
    let index =
        task.members.iter().position(|other| other.party == member.party).unwrap_or_default();
    let role = match member.role {
        Role::Aggregator => "server",
        Role::Trainer => "client",
    };
    let parameters = serde_json::json!(parameters).to_string();
    let run = start.hole("run_id".to_owned(), Hole::RunId);
    let mut set = vec![
        ("RUN_ID", run),
        ("ROLE", role.to_owned()),
        ("PARTY", member.party.to_string()),
        ("PARTY_INDEX", index.to_string()),
        ("PARTIES", names),
        ("TRAINERS", start.trainers(task)),
        ("EPOCHS", task.epochs.to_string()),
        ("PARAMS", literal(&parameters)),
    ];
    match member.role {
        Role::Aggregator => {
            set.push(("LISTEN_ADDR", start.listen(GRPC)));
            set.push(("HTTP_ADDR", start.listen(HTTP)));
        }
        Role::Trainer => {
            if let Some(aggregator) = task.aggregator() {
                set.push(("SERVER_ADDR", start.endpoint(&aggregator.party, GRPC)));
            }
            if peers {
                set.push(("LISTEN_ADDR", start.listen(PEER)));
                let others: Vec<String> = task
                    .peers(member)
                    .map(|m| format!("{}={}", m.party, start.endpoint(&m.party, PEER)))
                    .collect();
                set.push(("PEERS", others.join(",")));
            }
        }
    }
    start.env.extend(set.into_iter().map(|(name, value)| (format!("{PREFIX}{name}"), value)));
}
