//! The servers of the test kit do what the tests of the store build upon.

use flow_testkit::{Server, mariadb, mysql, shared_mariadb, shared_mysql};
use sqlx::{Connection, MySqlConnection, Row};

async fn connect(url: &str) -> MySqlConnection {
    MySqlConnection::connect(url).await.unwrap()
}

/// The server's version, and how durable its commits are.
async fn version(server: &Server) -> String {
    let mut connection = connect(&server.url()).await;
    let row = sqlx::query("SELECT VERSION(), @@innodb_flush_log_at_trx_commit")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(
        row.try_get::<u64, _>(1).ok().or_else(|| row.try_get::<i64, _>(1).ok().map(|n| n as u64)),
        Some(1)
    );
    row.get(0)
}

async fn commit_survives_kill(mut server: Server) {
    let url = server.create_database().await;
    let mut connection = connect(&url).await;
    sqlx::query("CREATE TABLE kept (n BIGINT PRIMARY KEY)").execute(&mut connection).await.unwrap();
    sqlx::query("INSERT INTO kept VALUES (7)").execute(&mut connection).await.unwrap();
    server.kill9();
    assert!(MySqlConnection::connect(&url).await.is_err(), "a killed server answers");
    server.restart().await;
    let row = sqlx::query("SELECT n FROM kept").fetch_one(&mut connect(&url).await).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), 7);
}

#[tokio::test]
async fn mariadb_keeps_a_commit_over_kill_9() {
    commit_survives_kill(mariadb().await).await;
}

#[tokio::test]
async fn mysql_keeps_a_commit_over_kill_9() {
    commit_survives_kill(mysql().await).await;
}

#[tokio::test]
async fn shared_servers_have_the_product_of_their_name() {
    let (maria, my) = tokio::join!(shared_mariadb(), shared_mysql());
    assert!(version(maria).await.contains("MariaDB"));
    let version = version(my).await;
    assert!(!version.contains("MariaDB"), "{version}");
    assert!(version.split('.').next().unwrap().parse::<u32>().unwrap() >= 8, "{version}");
}

#[tokio::test]
async fn every_database_is_new() {
    let server = shared_mariadb().await;
    let (one, two) = (server.create_database().await, server.create_database().await);
    assert_ne!(one, two);
    sqlx::query("CREATE TABLE t (n BIGINT)").execute(&mut connect(&one).await).await.unwrap();
    sqlx::query("CREATE TABLE t (n BIGINT)").execute(&mut connect(&two).await).await.unwrap();
}

#[tokio::test]
async fn login_without_the_password_fails() {
    for server in [shared_mariadb().await, shared_mysql().await] {
        let refused =
            MySqlConnection::connect(&format!("mysql://root@127.0.0.1:{}", server.port())).await;
        assert!(refused.is_err(), "root signed in without a password");
    }
}
