//! `flow-server serve` as a process: one hub per database, nothing to wait for after one was killed, and an end in two
//! steps.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flow_server::store::{Store, StoreOptions};
use flow_testkit::{free_port, spawn_tied, wait_for};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(30);

/// Where a hub keeps its things, and which database it uses.
struct Place {
    folder: tempfile::TempDir,
    /// Keys that are set, and to what.
    set: Vec<String>,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), set: Vec::new() }
    }

    /// With a database on a server instead of the embedded one.
    fn on(url: &str) -> Self {
        let mut place = Self::new();
        let (login, rest) = url.split_once('@').expect("user@host");
        let (user, password) = login.rsplit_once(':').expect("user:password");
        let file = place.folder.path().join("password");
        let mut made = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&file)
            .expect("the folder is ours");
        made.write_all(password.as_bytes()).expect("the folder is ours");
        place.set = vec![
            format!("store.url={user}@{rest}"),
            format!("store.password_file={}", file.display()),
        ];
        place
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Its configuration file, if it is written.
    fn file(&self) -> PathBuf {
        self.folder.path().join("hub.toml")
    }

    fn hub(&self) -> Hub {
        let port = free_port();
        let log = self.folder.path().join(format!("log-{port}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-server"));
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(std::fs::File::create(&log).expect("the folder is ours"));
        let own = [
            format!("data_dir={}", self.data().display()),
            format!("rest.listen=127.0.0.1:{port}"),
            "grpc.listen=127.0.0.1:0".to_owned(),
            "health.listen=127.0.0.1:0".to_owned(),
            "hub_agent.enabled=false".to_owned(),
        ];
        for pair in own.iter().chain(&self.set) {
            command.args(["--set", pair]);
        }
        if self.file().exists() {
            command.arg("--config").arg(self.file());
        }
        Hub { process: spawn_tied(command).expect("the program was built"), port, log }
    }
}

struct Hub {
    process: Child,
    port: u16,
    log: PathBuf,
}

impl Hub {
    async fn is_ready(&self) -> bool {
        let answer = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream
                .write_all(b"GET /readyz HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
                .await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        answer.await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    }

    async fn ready(&mut self) {
        wait_for("the hub to be ready", SOON, async || {
            if let Ok(Some(status)) = self.process.try_wait() {
                panic!("the hub ended with {status}: {}", said(&self.log));
            }
            self.is_ready().await
        })
        .await;
    }

    /// Its exit status and what it said.
    async fn ended(&mut self) -> (Option<i32>, String) {
        let status = wait_for("the hub to end", SOON, async || {
            self.process.try_wait().expect("a child of ours")
        })
        .await;
        (status.code(), said(&self.log))
    }

    fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let told = Command::new("kill").arg(signal).arg(self.process.id().to_string()).status();
        assert!(told.is_ok_and(|status| status.success()), "a child of ours");
    }

    async fn says(&self, sentence: &str) {
        wait_for(sentence, SOON, async || said(&self.log).contains(sentence)).await;
    }

    /// A request of which the last byte, `}`, is still to come, and which the hub is waiting for.
    async fn ask(&self, token: &str) -> TcpStream {
        let mut stream =
            TcpStream::connect(("127.0.0.1", self.port)).await.expect("the hub listens");
        let head = format!(
            "POST /api/v2/tasks HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("the hub reads");
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).await.expect("the hub answers");
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"{").await.expect("the hub reads");
        stream
    }

    fn kill9(&mut self) {
        self.process.kill().expect("a child of ours");
        self.process.wait().expect("a child of ours");
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn said(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

/// A second hub is refused while the first lives, and takes over when that was killed.
async fn one_at_a_time(first: &Place, second: &Place, refusal: &str) {
    let mut hub = first.hub();
    hub.ready().await;
    let (status, said) = second.hub().ended().await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(refusal), "{said}");
    assert!(hub.is_ready().await, "the first does not notice");
    hub.kill9();
    second.hub().ready().await;
}

#[tokio::test]
async fn a_data_directory_has_one_hub() {
    let place = Place::new();
    one_at_a_time(&place, &place, "another flow-server is using").await;
}

#[tokio::test]
async fn a_mariadb_database_has_one_hub() {
    on_a_server(flow_testkit::shared_mariadb().await).await;
}

#[tokio::test]
async fn a_mysql_database_has_one_hub() {
    on_a_server(flow_testkit::shared_mysql().await).await;
}

#[tokio::test]
async fn a4_a_hub_on_mysql_ends_when_its_data_directory_is_replaced() {
    let url = flow_testkit::shared_mysql().await.create_database().await;
    let store = Store::open(&url, StoreOptions::default()).await.expect("it opens");
    store.migrate().await.expect("it migrates");
    drop(store);
    let place = Place::on(&url);
    let mut hub = place.hub();
    hub.ready().await;
    std::fs::rename(place.data(), place.folder.path().join("moved")).expect("the folder is ours");
    std::fs::create_dir(place.data()).expect("the folder is ours");
    let (status, log) = hub.ended().await;
    assert_eq!(status, Some(1), "{log}");
    assert!(log.contains("was deleted or replaced"), "{log}");
}

async fn on_a_server(server: &flow_testkit::Server) {
    let url = server.create_database().await;
    let store = Store::open(&url, StoreOptions::default()).await.expect("it opens");
    store.migrate().await.expect("it migrates");
    one_at_a_time(&Place::on(&url), &Place::on(&url), "another flow-server uses this database")
        .await;
    hub_without_its_place_ends(&url).await;
}

/// Somebody takes the lock while the hub cannot hold it.
async fn hub_without_its_place_ends(url: &str) {
    use sqlx::Connection as _;
    let place = Place::on(url);
    let mut hub = place.hub();
    hub.ready().await;
    let mut thief =
        sqlx::MySqlConnection::connect(url).await.expect("the database takes connections");
    let lock = "CONCAT('flow-server:', DATABASE())";
    let used = sqlx::AssertSqlSafe(format!("SELECT CAST(IS_USED_LOCK({lock}) AS SIGNED)"));
    let number: i64 = sqlx::query_scalar(used).fetch_one(&mut thief).await.expect("the hub has it");
    // In one go, so that the hub does not come first.
    let steal = sqlx::AssertSqlSafe(format!("KILL {number}; SELECT GET_LOCK({lock}, 30)"));
    sqlx::raw_sql(steal).execute(&mut thief).await.expect("it is free now");
    let (status, said) = hub.ended().await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("lost its lock"), "{said}");
}

/// What comes until the connection ends, however it ends.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // Cut is an end as well.
    let _ = flow_common::clock::timeout(SOON, stream.read_to_end(&mut answer))
        .await
        .expect("the connection ends in time");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_first_signal_lets_requests_finish_and_the_second_waits_for_none() {
    let mut place = Place::new();
    place.set.push("shutdown.grace_s=600".to_owned());
    let mut hub = place.hub();
    hub.ready().await;
    let token = std::fs::read_to_string(place.data().join("bootstrap-token"))
        .expect("made at the first start");
    let (mut finished, held) = (hub.ask(token.trim()).await, hub.ask(token.trim()).await);
    hub.terminate();
    wait_for("the first signal to be heard", SOON, async || {
        said(&hub.log).contains("shutting down")
    })
    .await;
    finished.write_all(b"}").await.expect("the hub still reads");
    let answer = rest(finished).await;
    assert!(answer.starts_with("HTTP/1.1 422 "), "{answer}");
    assert!(
        hub.process.try_wait().expect("a child of ours").is_none(),
        "one request is still open: {}",
        said(&hub.log)
    );
    hub.terminate();
    let (status, said) = hub.ended().await;
    assert_eq!(status, Some(128 + 15), "{said}");
    assert!(said.contains("exiting at once"), "{said}");
    assert_eq!(rest(held).await, "", "nobody waited for it");
}

#[tokio::test]
async fn b9_sighup_reloads_what_can_be_reloaded_and_names_the_rest() {
    let mut place = Place::new();
    place.set.push("hub_agent.enabled=true".to_owned());
    let write = |text: &str| std::fs::write(place.file(), text).expect("the folder is ours");
    write("[contact]\naway_after_s = 31\n");
    let mut hub = place.hub();
    hub.ready().await;
    let images = place.folder.path().display().to_string();
    write(&format!(
        "[contact]\naway_after_s = 32\n[hub_agent.images.mine]\nroot = \"{images}\"\nallow = true\n"
    ));
    hub.signal("-HUP");
    hub.says("changed keys that need a restart of the hub: contact.away_after_s").await;
    let token = std::fs::read_to_string(place.data().join("bootstrap-token"))
        .expect("made at the first start");
    wait_for("the hub's own party to offer the image", SOON, async || {
        let mut stream = TcpStream::connect(("127.0.0.1", hub.port)).await.expect("the hub listens");
        let ask =
            format!("GET /api/v2/parties/hub HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n", token.trim());
        stream.write_all(ask.as_bytes()).await.expect("the hub reads");
        rest(stream).await.contains("\"mine\"")
    })
    .await;
    write("[contact]\naway_after_s = \"soon\"\n");
    hub.signal("-HUP");
    hub.says("cannot reload the configuration; keeping the old one").await;
    assert!(hub.is_ready().await);
}
