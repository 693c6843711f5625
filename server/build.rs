//! Rebuilds the crate when a migration is added: `sqlx::migrate!` reads the folders at compile
//! time, but does not register them with Cargo.

fn main() {
    println!("cargo:rerun-if-changed=../migrations/sqlite");
    println!("cargo:rerun-if-changed=../migrations/mysql");
}
