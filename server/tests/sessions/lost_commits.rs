//! A database that stores, or does not, and never says which: between the hub and a real MariaDB stands a wire that breaks
//! at one commit.

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

/// The way to a database of its own.
struct Wire {
    /// Through the wire, for the hub.
    url: String,
    /// Past it, for the test.
    direct: String,
    loss: Arc<Mutex<Option<Loss>>>,
}

/// What is to happen once, to the commit of a transaction that keeps the answer to a request of this key.
struct Loss {
    /// As it is kept.
    key: Digest,
    /// Whether the database hears of it.
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
                // A wire that breaks is the test's doing.
                tokio::spawn(async move { carry(near, far, &losses).await.is_ok() });
            }
        });
        // In plain text, or a commit could not be told from anything else.
        let url = direct.replace(&format!(":{}/", server.port()), &format!(":{port}/"))
            + "?ssl-mode=DISABLED";
        Self { url, direct, loss }
    }

    fn lose(&self, key: &str, stored: bool) {
        *self.loss.lock().expect("nobody panics") =
            Some(Loss { key: Digest::of(key.as_bytes()), stored });
    }

    fn has_lost(&self) -> bool {
        self.loss.lock().expect("nobody panics").is_none()
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

/// Carries one connection until it ends or is broken at the commit to be lost.
async fn carry(
    mut near: TcpStream,
    far: SocketAddr,
    losses: &Mutex<Option<Loss>>,
) -> std::io::Result<()> {
    let mut far = TcpStream::connect(far).await?;
    let (mut asked, mut told) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut transaction = Vec::new();
    loop {
        tokio::select! {
            read = near.read(&mut asked) => {
                let bytes = &asked[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                transaction.extend_from_slice(bytes);
                if bytes.ends_with(b"\x03COMMIT") {
                    let keeps = |key: &[u8]| transaction.windows(key.len()).any(|part| part == key);
                    let lost = losses.lock().expect("nobody panics").take_if(|loss| keeps(loss.key.as_str().as_bytes()));
                    if let Some(Loss { stored, .. }) = lost {
                        if stored {
                            far.write_all(bytes).await?;
                            assert!(far.read(&mut told).await? > 0, "the database has answered");
                        }
                        return Ok(());
                    }
                    transaction.clear();
                }
                far.write_all(bytes).await?;
            }
            read = far.read(&mut told) => {
                let bytes = &told[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                near.write_all(bytes).await?;
            }
        }
    }
}

#[tokio::test]
async fn a_task_and_a_start_whose_commits_were_lost_are_one_whether_or_not_they_were_stored() {
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
        // What may have been stored was told to nobody: each party hears of it in its next session.
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
