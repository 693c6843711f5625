//! Commits of unknown outcome: a proxy between the hub and a real MariaDB breaks the connection at
//! one commit, before or after the database has received it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use flow_domain::id::Digest;
use flow_testkit::wait_for;
use http::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::common::TestApp;
use crate::raw::AgentListener;
use crate::{SOON, both, items};

/// A proxy to a database of the test.
struct Wire {
    /// Through the proxy, for the hub.
    url: String,
    /// Directly, for the test.
    direct: String,
    loss: Arc<Mutex<Option<Loss>>>,
}

/// The commit at which the connection breaks once: the one of the transaction that stores the
/// answer under this key.
struct Loss {
    /// As stored.
    key: Digest,
    /// The database receives the commit.
    stored: bool,
}

impl Wire {
    async fn new() -> Self {
        let server = flow_testkit::shared_mariadb().await;
        let direct = server.create_database().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let loss = Arc::new(Mutex::new(None));
        let (far, losses) = (SocketAddr::from(([127, 0, 0, 1], server.port())), Arc::clone(&loss));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let losses = Arc::clone(&losses);
                // Errors of a broken connection are expected.
                tokio::spawn(async move { carry(near, far, &losses).await.is_ok() });
            }
        });
        // In plain text, so that the proxy can recognise a commit.
        let url = direct.replace(&format!(":{}/", server.port()), &format!(":{port}/"))
            + "?ssl-mode=DISABLED";
        Self { url, direct, loss }
    }

    fn lose(&self, key: &str, stored: bool) {
        *self.loss.lock().expect("no holder panics") =
            Some(Loss { key: Digest::of(key.as_bytes()), stored });
    }

    fn has_lost(&self) -> bool {
        self.loss.lock().expect("no holder panics").is_none()
    }

    async fn answers_kept(&self, key: &str) -> i64 {
        use sqlx::Connection as _;
        let mut connection = sqlx::MySqlConnection::connect(&self.direct)
            .await
            .expect("the database takes connections");
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM idempotency WHERE idem_key = ?")
            .bind(Digest::of(key.as_bytes()).to_string());
        count.fetch_one(&mut connection).await.expect("the schema is there")
    }
}

/// Relays one connection until it ends or breaks at the lost commit.
async fn carry(
    mut near: TcpStream,
    far: SocketAddr,
    losses: &Mutex<Option<Loss>>,
) -> std::io::Result<()> {
    let mut far = TcpStream::connect(far).await?;
    let (mut request, mut response) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut transaction = Vec::new();
    loop {
        tokio::select! {
            read = near.read(&mut request) => {
                let bytes = &request[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                transaction.extend_from_slice(bytes);
                if bytes.ends_with(b"\x03COMMIT") {
                    let keeps = |key: &[u8]| transaction.windows(key.len()).any(|part| part == key);
                    let lost = losses.lock().expect("no holder panics").take_if(|loss| keeps(loss.key.as_str().as_bytes()));
                    if let Some(Loss { stored, .. }) = lost {
                        if stored {
                            far.write_all(bytes).await?;
                            assert!(far.read(&mut response).await? > 0, "the database has answered");
                        }
                        return Ok(());
                    }
                    transaction.clear();
                }
                far.write_all(bytes).await?;
            }
            read = far.read(&mut response) => {
                let bytes = &response[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                near.write_all(bytes).await?;
            }
        }
    }
}

#[tokio::test]
async fn create_and_start_with_unknown_commits_happen_once() {
    for stored in [true, false] {
        let wire = Wire::new().await;
        let hub = TestApp::start_on(&wire.url).await;
        let listener = AgentListener::of(&hub, &["hospital-a", "hospital-b"]).await;
        let body = both(&hub).await;
        wire.lose("make-once", stored);
        let make = || hub.post("/api/v2/tasks").header("idempotency-key", "make-once").json(&body);
        let task = make().await.expect(StatusCode::CREATED).json();
        assert!(wire.has_lost(), "stored: {stored}: no commit was lost");
        assert_eq!(make().await.expect(StatusCode::CREATED).json()["id"], task["id"]);
        assert_eq!(items(&hub, "/api/v2/tasks").await.len(), 1, "stored: {stored}");
        assert_eq!(wire.answers_kept("make-once").await, 1);

        let path = format!("/api/v2/tasks/{}", task["id"].as_str().expect("an id"));
        let (mut a, mut b) = (listener.open("hospital-a").await, listener.open("hospital-b").await);
        wire.lose("start-once", stored);
        let start = || async {
            hub.post(&format!("{path}/start")).header("idempotency-key", "start-once").await
        };
        let run = start().await.expect(StatusCode::ACCEPTED).json();
        assert!(wire.has_lost(), "stored: {stored}: no commit was lost");
        // No agent received the stored change: each party gets it in its next session.
        assert_eq!(
            (a.refused().await, b.refused().await),
            ("superseded".to_owned(), "superseded".to_owned())
        );
        let mut a = listener.open_as("hospital-a", &a.instance).await;
        let mut b = listener.open_as("hospital-b", &b.instance).await;
        for phase in ["reserved", "running"] {
            let (one, two) = (a.next_desired(phase).await, b.next_desired(phase).await);
            assert_eq!(
                (&one.run_id, &two.run_id),
                (&run["id"].as_str().expect("an id").to_owned(), &one.run_id)
            );
            assert_eq!(
                (one.attempt, Digest::of(&one.spec).to_string()),
                (1, one.spec_digest.clone())
            );
            a.report(&one, phase).await;
            b.report(&two, phase).await;
        }
        wait_for("the run to run", SOON, async || {
            hub.get(&path).await.json()["run"]["phase"] == "running"
        })
        .await;

        assert_eq!(start().await.expect(StatusCode::ACCEPTED).json()["id"], run["id"]);
        let runs = items(&hub, &format!("{path}/runs")).await;
        assert_eq!(
            runs.iter().map(|found| &found["id"]).collect::<Vec<_>>(),
            [&run["id"]],
            "stored: {stored}"
        );
        let events = items(&hub, &format!("{path}/events")).await;
        let begun: Vec<&Value> =
            events.iter().filter(|event| event["kind"] == "run.queued").collect();
        assert_eq!(begun.len(), 1, "stored: {stored}: {events:#?}");
        let numbers: Vec<i64> = events.iter().filter_map(|event| event["seq"].as_i64()).collect();
        assert_eq!(numbers, (1..=i64::try_from(events.len()).expect("few")).collect::<Vec<_>>());
        assert_eq!(wire.answers_kept("start-once").await, 1);
    }
}
