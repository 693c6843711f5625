//! The contract of the store: written once, run on SQLite, MariaDB and MySQL.

#[path = "store_contract/support.rs"]
mod support;

#[path = "store_contract/access.rs"]
mod access;
#[path = "store_contract/apply.rs"]
mod apply;
#[path = "store_contract/audit.rs"]
mod audit;
#[path = "store_contract/crash.rs"]
mod crash;
#[path = "store_contract/leases.rs"]
mod leases;
#[path = "store_contract/lists.rs"]
mod lists;
#[path = "store_contract/lock.rs"]
mod lock;
#[path = "store_contract/orphans.rs"]
mod orphans;
#[path = "store_contract/parties.rs"]
mod parties;
#[path = "store_contract/progress.rs"]
mod progress;
#[path = "store_contract/schema.rs"]
mod schema;
#[path = "store_contract/templates.rs"]
mod templates;
#[path = "store_contract/webhooks.rs"]
mod webhooks;
