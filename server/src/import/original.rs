//! The tables of iflearner-flow's server. The whole is read in one transaction that writes nothing.

use std::str::FromStr as _;
use std::time::Duration;

use flow_common::clock;
use flow_common::error::chain;
use flow_common::secret_file::Secret;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, MySqlConnection};

use crate::error::StartError;

/// Timeout of the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Rows as stored. Every column but the keys may be NULL. Times are in seconds of UTC, as
/// iflearner-flow displays them.
#[derive(Debug)]
pub(super) struct Original {
    pub(super) templates: Vec<TemplateRow>,
    pub(super) tasks: Vec<TaskRow>,
    pub(super) parties: Vec<PartyRow>,
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct TemplateRow {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) image_url: Option<String>,
    pub(super) remark: Option<String>,
    pub(super) workdir: Option<String>,
    pub(super) command: Option<String>,
    pub(super) hyper_parameter: Option<String>,
    pub(super) created_at: Option<i64>,
    pub(super) modified_at: Option<i64>,
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct TaskRow {
    pub(super) task_id: Option<String>,
    pub(super) template_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) status: Option<String>,
    pub(super) remark: Option<String>,
    pub(super) created_at: Option<i64>,
    pub(super) modified_at: Option<i64>,
}

/// One party of a task.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct PartyRow {
    /// NULL after an edit of the task replaced the row (defect F20).
    pub(super) task_id: Option<String>,
    pub(super) party_name: Option<String>,
    /// Path of the data at the party.
    pub(super) volumes: Option<String>,
}

/// Reads the tables. The address must not contain a password.
pub(super) async fn read(url: &str, password: Option<&Secret>) -> Result<Original, StartError> {
    let wrong = |message: &str| StartError(format!("--from: {message}"));
    let form = "use mysql://USER@HOST:PORT/DATABASE";
    let Some((user, _)) = url.strip_prefix("mysql://").and_then(|rest| rest.split_once('@')) else {
        return Err(wrong(form));
    };
    if user.contains(':') {
        return Err(wrong("put the password into a file and name it in --password-file"));
    }
    let mut options = MySqlConnectOptions::from_str(url).map_err(|_| wrong(form))?;
    if options.get_database().is_none_or(str::is_empty) {
        return Err(wrong(form));
    }
    if let Some(password) = password {
        options = options.password(password.expose());
    }
    let unreadable =
        |error: sqlx::Error| StartError(format!("cannot read the original: {}", chain(&error)));
    options = options.disable_statement_logging();
    let mut connection = clock::timeout(CONNECT_TIMEOUT, options.connect())
        .await
        .map_err(|_| wrong("the database does not answer"))?
        .map_err(unreadable)?;
    let original = tables(&mut connection).await.map_err(unreadable)?;
    connection.close().await.map_err(unreadable)?;
    Ok(original)
}

async fn tables(connection: &mut MySqlConnection) -> Result<Original, sqlx::Error> {
    sqlx::raw_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        .execute(&mut *connection)
        .await?;
    // The session's time zone is UTC.
    let templates = "SELECT id, name, image_url, remark, workdir, command, hyper_parameter, \
                     CAST(UNIX_TIMESTAMP(create_time) AS SIGNED INTEGER) AS created_at, \
                     CAST(UNIX_TIMESTAMP(modify_time) AS SIGNED INTEGER) AS modified_at \
                     FROM t_template ORDER BY id";
    let tasks = "SELECT task_id, template_id, name, status, remark, \
                 CAST(UNIX_TIMESTAMP(create_time) AS SIGNED INTEGER) AS created_at, \
                 CAST(UNIX_TIMESTAMP(modify_time) AS SIGNED INTEGER) AS modified_at \
                 FROM t_task ORDER BY id";
    let parties = "SELECT task_id, party_name, volumes FROM t_task_party ORDER BY id";
    Ok(Original {
        templates: sqlx::query_as(templates).fetch_all(&mut *connection).await?,
        tasks: sqlx::query_as(tasks).fetch_all(&mut *connection).await?,
        parties: sqlx::query_as(parties).fetch_all(&mut *connection).await?,
    })
}
