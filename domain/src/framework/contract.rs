//! The environment contract of all workloads: a set of `FED_*` variables, so that images do not
//! depend on the platform.
//!
//! | variable | meaning | set by |
//! | --- | --- | --- |
//! | `FED_RUN_ID` | the run | spec |
//! | `FED_ROLE` | `server` (aggregator) or `client` (trainer) | spec |
//! | `FED_PARTY`, `FED_PARTY_INDEX` | own party name; position in the task, from 0 | spec |
//! | `FED_PARTIES` | comma-separated: the own party and its peers (server: all parties; client: the server, and other clients with `FED_PEERS`) | spec |
//! | `FED_TRAINERS` | number of trainers in this run | spec |
//! | `FED_EPOCHS`, `FED_PARAMS` | rounds of training; parameters as a JSON object with text values | spec |
//! | `FED_LISTEN_ADDR`, `FED_HTTP_ADDR` | addresses to listen on (server; client with peers) | spec |
//! | `FED_SERVER_ADDR` | address of the server, for clients | spec |
//! | `FED_PEERS` | `name=host:port,…`, only if the task has links between trainers | spec |
//! | `FED_TASK_ID`, `FED_DATA_DIR`, `FED_OUTPUT_DIR`, `FED_WORK_DIR`, `HOME` | the task; read-only data; directory for results; scratch directory | agent |

use std::collections::BTreeMap;

use super::{GRPC, HTTP, PEER, Start};
use crate::bindings::{Hole, literal};
use crate::member::Role;
use crate::task::{TaskBody, TaskMember};
use crate::variables::PREFIX;

/// Exit status of a workload that lost the connection to its peers: a new run may succeed.
pub const EXIT_PEER_LOST: i32 = 71;

/// Adds the variables of the contract for this member.
pub(super) fn add_variables(
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
