//! `flow-server serve` as a process: one hub per database, no wait after a killed hub, and a
//! shutdown in two steps.

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

/// The data directory of a hub, and its database.
struct Place {
    folder: tempfile::TempDir,
    /// Overrides of configuration keys.
    set: Vec<String>,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), set: Vec::new() }
    }

    /// With a database server instead of the embedded database.
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
            .expect("the folder is writable");
        made.write_all(password.as_bytes()).expect("the folder is writable");
        place.set = vec![
            format!("store.url={user}@{rest}"),
            format!("store.password_file={}", file.display()),
        ];
        place
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A token of its hub.
    fn token(&self) -> String {
        flow_testkit::admin_token(
            env!("CARGO_BIN_EXE_flow-server"),
            &["--set", &format!("data_dir={}", self.data().display())],
        )
    }

    /// The path of its configuration file.
    fn file(&self) -> PathBuf {
        self.folder.path().join("hub.toml")
    }

    fn hub(&self) -> Hub {
        let port = free_port();
        let log = self.folder.path().join(format!("log-{port}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow-server"));
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(std::fs::File::create(&log).expect("the folder is writable"));
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
                panic!("the hub ended with {status}: {}", log_text(&self.log));
            }
            self.is_ready().await
        })
        .await;
    }

    /// Waits for its end; returns exit status and output.
    async fn ended(&mut self) -> (Option<i32>, String) {
        let status = wait_for("the hub to end", SOON, async || {
            self.process.try_wait().expect("a child process")
        })
        .await;
        (status.code(), log_text(&self.log))
    }

    fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let signalled =
            Command::new("kill").arg(signal).arg(self.process.id().to_string()).status();
        assert!(signalled.is_ok_and(|status| status.success()), "a child process");
    }

    async fn logs(&self, sentence: &str) {
        wait_for(sentence, SOON, async || log_text(&self.log).contains(sentence)).await;
    }

    /// Sends a request without its last byte, `}`, which the hub waits for.
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
        self.process.kill().expect("a child process");
        self.process.wait().expect("a child process");
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // The process may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn log_text(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

/// A second hub is rejected while the first runs, and starts after the first was killed.
async fn one_at_a_time(first: &Place, second: &Place, refusal: &str) {
    let mut hub = first.hub();
    hub.ready().await;
    let (status, output) = second.hub().ended().await;
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains(refusal), "{output}");
    assert!(hub.is_ready().await, "the first does not notice");
    hub.kill9();
    second.hub().ready().await;
}

#[tokio::test]
async fn data_directory_has_one_hub() {
    let place = Place::new();
    one_at_a_time(&place, &place, "another flow-server is using").await;
}

#[tokio::test]
async fn mariadb_database_has_one_hub() {
    on_a_server(flow_testkit::shared_mariadb().await).await;
}

#[tokio::test]
async fn mysql_database_has_one_hub() {
    on_a_server(flow_testkit::shared_mysql().await).await;
}

#[tokio::test]
async fn a4_hub_on_mysql_ends_when_its_data_directory_is_replaced() {
    let url = flow_testkit::shared_mysql().await.create_database().await;
    let store = Store::open(&url, StoreOptions::default()).await.expect("it opens");
    store.migrate().await.expect("it migrates");
    drop(store);
    let place = Place::on(&url);
    let mut hub = place.hub();
    hub.ready().await;
    std::fs::rename(place.data(), place.folder.path().join("moved"))
        .expect("the folder is writable");
    std::fs::create_dir(place.data()).expect("the folder is writable");
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
    hub_without_its_lock_ends(&url).await;
}

/// Another connection takes the lock while the hub cannot hold it.
async fn hub_without_its_lock_ends(url: &str) {
    use sqlx::Connection as _;
    let place = Place::on(url);
    let mut hub = place.hub();
    hub.ready().await;
    let mut thief =
        sqlx::MySqlConnection::connect(url).await.expect("the database takes connections");
    let lock = "CONCAT('flow-server:', DATABASE())";
    let used = sqlx::AssertSqlSafe(format!("SELECT CAST(IS_USED_LOCK({lock}) AS SIGNED)"));
    let number: i64 = sqlx::query_scalar(used).fetch_one(&mut thief).await.expect("the hub has it");
    // One statement, so that the hub cannot take the lock first.
    let steal = sqlx::AssertSqlSafe(format!("KILL {number}; SELECT GET_LOCK({lock}, 30)"));
    sqlx::raw_sql(steal).execute(&mut thief).await.expect("it is free now");
    let (status, output) = hub.ended().await;
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("lost its lock"), "{output}");
}

/// Reads until the connection ends in any way.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A closed connection is an end, too.
    let _ = flow_common::clock::timeout(SOON, stream.read_to_end(&mut answer))
        .await
        .expect("the connection ends in time");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn first_signal_finishes_requests_and_second_ends_at_once() {
    let mut place = Place::new();
    place.set.push("shutdown.grace_s=600".to_owned());
    let mut hub = place.hub();
    hub.ready().await;
    let token = place.token();
    let (mut finished, held) = (hub.ask(&token).await, hub.ask(&token).await);
    hub.terminate();
    wait_for("the first signal to be handled", SOON, async || {
        log_text(&hub.log).contains("shutting down")
    })
    .await;
    finished.write_all(b"}").await.expect("the hub still reads");
    let answer = rest(finished).await;
    assert!(answer.starts_with("HTTP/1.1 422 "), "{answer}");
    assert!(
        hub.process.try_wait().expect("a child process").is_none(),
        "one request is still open: {}",
        log_text(&hub.log)
    );
    hub.terminate();
    let (status, output) = hub.ended().await;
    assert_eq!(status, Some(128 + 15), "{output}");
    assert!(output.contains("exiting at once"), "{output}");
    assert_eq!(rest(held).await, "", "the hub did not wait for it");
}

#[tokio::test]
async fn b9_sighup_reloads_reloadable_keys_and_names_the_others() {
    let mut place = Place::new();
    place.set.push("hub_agent.enabled=true".to_owned());
    let write = |text: &str| std::fs::write(place.file(), text).expect("the folder is writable");
    write("[contact]\naway_after_s = 31\n");
    let mut hub = place.hub();
    hub.ready().await;
    let images = place.folder.path().display().to_string();
    write(&format!(
        "[contact]\naway_after_s = 32\n[hub_agent.images.mine]\nroot = \"{images}\"\nallow = true\n"
    ));
    hub.signal("-HUP");
    hub.logs("changed keys that need a restart of the hub: contact.away_after_s").await;
    let token = place.token();
    wait_for("the hub's own party to offer the image", SOON, async || {
        let mut stream = TcpStream::connect(("127.0.0.1", hub.port)).await.expect("the hub listens");
        let ask =
            format!("GET /api/v2/parties/hub HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n", &token);
        stream.write_all(ask.as_bytes()).await.expect("the hub reads");
        rest(stream).await.contains("\"mine\"")
    })
    .await;
    write("[contact]\naway_after_s = \"soon\"\n");
    hub.signal("-HUP");
    hub.logs("cannot reload the configuration; keeping the old one").await;
    assert!(hub.is_ready().await);
}

#[tokio::test]
async fn account_that_admin_token_creates_ends_the_setup_of_a_running_hub() {
    let place = Place::new();
    let mut hub = place.hub();
    hub.ready().await;
    let me = async |token: &str| {
        let request = format!(
            "GET /api/v2/me HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        let mut stream =
            TcpStream::connect(("127.0.0.1", hub.port)).await.expect("the hub listens");
        stream.write_all(request.as_bytes()).await.expect("the hub reads");
        rest(stream).await
    };
    let code = place.data().join("setup-code");
    assert!(code.exists(), "a hub without accounts waits for its setup");
    let answer = me(&place.token()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(!code.exists(), "the code is not valid any more");
    let refused = me("wrong").await;
    assert!(refused.contains("\"unauthenticated\""), "{refused}");
}

#[tokio::test]
async fn passwords_and_tokens_are_in_no_log_and_setup_survives_a_restart() {
    let mut place = Place::new();
    place.set.push("log.level=trace".to_owned());
    let mut hub = place.hub();
    hub.ready().await;
    let code = std::fs::read_to_string(place.data().join("setup-code")).expect("a new hub");
    let send = async |hub: &Hub, method: &str, path: &str, headers: &str, body: String| {
        let mut stream =
            TcpStream::connect(("127.0.0.1", hub.port)).await.expect("the hub listens");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n{headers}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("the hub reads");
        rest(stream).await
    };
    let password = "correct-horse-battery-staple";
    let setup =
        format!("{{\"code\":\"{}\",\"name\":\"alice\",\"password\":\"{password}\"}}", code.trim());
    let done = send(&hub, "POST", "/api/v2/setup", "", setup.clone()).await;
    assert!(done.starts_with("HTTP/1.1 201 "), "{done}");
    let text_after = |text: &str, mark: &str, end: char| {
        let (_, rest) = text.split_once(mark).unwrap_or_else(|| panic!("{mark} in {text}"));
        rest.split(end).next().unwrap_or_default().to_owned()
    };
    let token = text_after(&done, "\"secret\":\"", '"');
    assert!(!place.data().join("setup-code").exists(), "the code was used");
    let sign_in = |password: &str| format!("{{\"name\":\"alice\",\"password\":\"{password}\"}}");
    let opened = send(&hub, "POST", "/api/v2/sessions", "", sign_in(password)).await;
    assert!(opened.starts_with("HTTP/1.1 201 "), "{opened}");
    let cookie = text_after(&opened, "flow_session=", ';');
    let wrong = "not-the-password-of-alice";
    let refused = send(&hub, "POST", "/api/v2/sessions", "", sign_in(wrong)).await;
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    let mistyped = format!("flp_{}", "0".repeat(36));
    for (credential, status) in [
        (format!("Authorization: Bearer {token}\r\n"), "200"),
        (format!("Cookie: flow_session={cookie}\r\n"), "200"),
        (format!("Authorization: Bearer {mistyped}\r\n"), "401"),
    ] {
        let me = send(&hub, "GET", "/api/v2/me", &credential, String::new()).await;
        assert!(me.starts_with(&format!("HTTP/1.1 {status} ")), "{me}");
        assert!(!me.contains(&token) && !me.contains(&mistyped), "{me}");
    }
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let page = send(&hub, "GET", "/metrics", &bearer, String::new()).await;
    hub.kill9();
    let first = log_text(&hub.log);
    let mut hub = place.hub();
    hub.ready().await;
    let me = format!("Authorization: Bearer {token}\r\n");
    let me = send(&hub, "GET", "/api/v2/me", &me, String::new()).await;
    assert!(me.starts_with("HTTP/1.1 200 "), "{me}");
    let again = send(&hub, "POST", "/api/v2/setup", "", setup).await;
    assert!(again.starts_with("HTTP/1.1 409 "), "{again}");
    hub.kill9();
    for secret in [code.trim(), password, wrong, &token, &cookie, &mistyped] {
        for text in [&first, &log_text(&hub.log), &page] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
    assert!(first.contains("flowctl setup"), "{first}");
}
