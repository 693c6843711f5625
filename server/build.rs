//! Rebuilds when a migration is added: `sqlx::migrate!` reads the folders at compile time and cannot say so itself.

fn main() {
    println!("cargo:rerun-if-changed=../migrations/sqlite");
    println!("cargo:rerun-if-changed=../migrations/mysql");
}
