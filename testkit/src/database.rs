//! Real MariaDB and MySQL servers on loopback, each with a data directory of its own copied from an
//! initialised one.
//!
//! Commits are durable as in production (`innodb_flush_log_at_trx_commit=1`), so that tests with
//! [`Server::kill9`] are realistic. Features that no test needs (binary log, performance schema, a
//! large cache) are off.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{Connection, MySqlConnection, Row};
use tokio::sync::OnceCell;

use crate::{cache_dir, free_port, spawn_tied, wait_for};

/// Kind of database, named like its folder in the cache.
#[derive(Clone, Copy)]
enum Kind {
    MariaDb,
    MySql,
}

impl Kind {
    fn folder(self) -> PathBuf {
        crate::machine::prepared(match self {
            Kind::MariaDb => "mariadb/.stamp",
            Kind::MySql => "mysql/.stamp",
        })
        .parent()
        .expect("a file lies in a folder")
        .to_owned()
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Kind::MariaDb => &["--skip-name-resolve", "--aria-pagecache-buffer-size=8M"],
            Kind::MySql => &["--mysqlx=OFF", "--skip-log-bin"],
        }
    }
}

/// A running database server with its data; dropping it removes both.
pub struct Server {
    kind: Kind,
    folder: PathBuf,
    port: u16,
    password: String,
    process: Child,
    /// Held while the data directory is in use, see [`claim_folder`].
    _claim: File,
}

/// Starts a MariaDB server for one test.
pub async fn mariadb() -> Server {
    Server::start(Kind::MariaDb).await
}

/// Starts a MySQL server for one test.
pub async fn mysql() -> Server {
    Server::start(Kind::MySql).await
}

/// The MariaDB server that all tests of this process share; create a database for each test.
pub async fn shared_mariadb() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    SERVER.get_or_init(mariadb).await
}

/// The MySQL server that all tests of this process share; create a database for each test.
pub async fn shared_mysql() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    SERVER.get_or_init(mysql).await
}

impl Server {
    async fn start(kind: Kind) -> Server {
        let template = kind.folder().join("template");
        let (folder, claim) = claim_folder();
        let data = folder.join("data");
        // `cp` keeps holes: most of a new data directory consists of zeros.
        let copied = Command::new("cp")
            .args(["-a", "--sparse=always", "--reflink=auto"])
            .arg(template)
            .arg(&data)
            .status();
        assert!(
            copied.is_ok_and(|status| status.success()),
            "cannot copy the data directory to {}",
            data.display()
        );

        let password = random_hex();
        // A user with a password over TCP, as in production, and no root without a password.
        let accounts = format!(
            "CREATE USER IF NOT EXISTS flow@'%' IDENTIFIED BY '{password}';\n\
             GRANT ALL ON *.* TO flow@'%' WITH GRANT OPTION;\n\
             DROP USER IF EXISTS root@localhost;\n"
        );
        std::fs::write(folder.join("accounts.sql"), accounts).expect("the folder is writable");
        let port = free_port();
        let process = spawn(kind, &folder, port);
        let mut server = Server { kind, folder, port, password, process, _claim: claim };
        server.ready().await;
        server
    }

    /// `mysql://…` of the server without a database, for a user with all permissions.
    pub fn url(&self) -> String {
        format!("mysql://flow:{}@127.0.0.1:{}", self.password, self.port)
    }

    /// Creates an empty database and returns its URL.
    pub async fn create_database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection =
            MySqlConnection::connect(&self.url()).await.expect("the server takes connections");
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"));
        sqlx::query(create).execute(&mut connection).await.expect("the name is new");
        format!("{}/{name}", self.url())
    }

    /// The loopback port; [`Server::restart`] keeps it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process, for signals other than [`Server::kill9`].
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Kills the server with SIGKILL and waits for its end.
    pub fn kill9(&mut self) {
        // An error means that the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Restarts the server with the same data and port, and waits until it is ready. Kills a
    /// running server first.
    pub async fn restart(&mut self) {
        self.kill9();
        self.process = spawn(self.kind, &self.folder, self.port);
        self.ready().await;
    }

    async fn ready(&mut self) {
        let url = self.url();
        let process = &mut self.process;
        let log = self.folder.join("log");
        wait_for(
            &format!("the database server (log: {})", log.display()),
            Duration::from_secs(60),
            async || {
                if let Ok(Some(status)) = process.try_wait() {
                    panic!(
                        "the database server ended with {status}:\n{}",
                        std::fs::read_to_string(&log).unwrap_or_default()
                    );
                }
                let mut connection = MySqlConnection::connect(&url).await.ok()?;
                let row = sqlx::query("SELECT @@port").fetch_one(&mut connection).await.ok()?;
                row.try_get::<u64, _>(0).ok()
            },
        )
        .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill9();
        // The next `claim_folder` removes leftovers.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn spawn(kind: Kind, folder: &Path, port: u16) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .expect("the folder is writable");
    let mut command = Command::new(kind.folder().join("server"));
    command
        .arg(format!("--datadir={}", folder.join("data").display()))
        .arg(format!("--init-file={}", folder.join("accounts.sql").display()))
        .arg(format!("--port={port}"))
        .args([
            "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-buffer-pool-size=64M",
        ])
        .args(["--performance-schema=OFF", "--max-connections=500"])
        // Relative to the data directory, because the absolute path may exceed the limit for socket
        // names.
        .args(["--socket=socket", "--pid-file=pid"])
        .args(kind.options())
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file can be cloned"))
        .stderr(log);
    spawn_tied(command).expect("the prepared server can be executed")
}

/// Creates a folder in the cache with a lock that ends with this process. Removes unlocked folders
/// of ended processes first: shared servers are never dropped, and a killed test drops nothing.
pub(crate) fn claim_folder() -> (PathBuf, File) {
    let root = cache_dir().join("servers");
    std::fs::create_dir_all(&root).expect("the cache can be written");
    let lock_of = |path: &Path| File::options().create(true).append(true).open(path.join("lock"));
    let turn = lock_of(&root).expect("the cache can be written");
    turn.lock().expect("a lock on a local file");
    for entry in std::fs::read_dir(&root).expect("it was just made").flatten() {
        if entry.path().is_dir() && lock_of(&entry.path()).is_ok_and(|lock| lock.try_lock().is_ok())
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let folder = root.join(random_hex());
    std::fs::create_dir(&folder).expect("the name is new");
    let claim = lock_of(&folder).expect("the folder is writable");
    claim.lock().expect("the folder is new");
    (folder, claim)
}

fn random_hex() -> String {
    use std::io::Read;
    let mut bytes = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .expect("every Unix has random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
