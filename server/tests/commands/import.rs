//! Import of the database of iflearner-flow, in tables with its definitions.

use flow_domain::id::TaskId;
use flow_domain::member::Role;
use flow_domain::time::Timestamp;
use flow_server::store::{AccessEntry, PageRequest, Store, StoreOptions};
use sqlx::Connection as _;

use super::Place;

/// The tables of iflearner-flow 0.2.0, with good and bad rows.
const ORIGINAL: &str = "
CREATE TABLE t_template (
    id VARCHAR(32) PRIMARY KEY, name VARCHAR(50) UNIQUE, image_url VARCHAR(255), remark TEXT, workdir VARCHAR(255),
    command VARCHAR(255), hyper_parameter TEXT, modify_time DATETIME, create_time DATETIME);
CREATE TABLE t_task (
    id INT AUTO_INCREMENT PRIMARY KEY, task_id VARCHAR(32) UNIQUE, template_id VARCHAR(32), name VARCHAR(100) UNIQUE,
    status VARCHAR(20), remark TEXT, modify_time DATETIME, create_time DATETIME);
CREATE TABLE t_task_party (
    id INT AUTO_INCREMENT PRIMARY KEY, task_id VARCHAR(32), party_name VARCHAR(100), volumes TEXT,
    FOREIGN KEY (task_id) REFERENCES t_task (task_id));
INSERT INTO t_template (id, name, image_url, remark, workdir, command, hyper_parameter, create_time) VALUES
    ('00000000000000000000000000000a', '数字', 'digits:1', 'first', '/app', '[\"python\", \"train.py\"]',
     '[\"--lr=0.1\", \"verbose\"]', '2022-07-25 20:31:21'),
    ('00000000000000000000000000000b', 'reserved', 'digits:1', NULL, NULL, '[\"train\"]', '[\"epochs=3\"]', NULL),
    ('00000000000000000000000000000c', 'no list', 'digits:1', '', '', 'python train.py', '[]', NULL),
    ('00000000000000000000000000000d', 'no command', 'digits:1', '', '', '[]', NULL, NULL),
    ('short', 'no id', 'digits:1', '', '', '[\"train\"]', '[]', NULL);
INSERT INTO t_task (task_id, template_id, name, status, remark, create_time) VALUES
    ('0000000000000000000000000000001a', '00000000000000000000000000000a', 'good', 'Cancelled', 'kept', '2022-07-26 08:00:00'),
    ('0000000000000000000000000000001b', '00000000000000000000000000000b', 'running', 'Running', NULL, NULL),
    ('0000000000000000000000000000001c', '00000000000000000000000000000c', 'of no template', '\u{1b}[31m', '', NULL),
    ('0000000000000000000000000000001d', '00000000000000000000000000000a', 'a/b', '', '', NULL),
    ('0000000000000000000000000000001e', '00000000000000000000000000000a', 'twice', NULL, '', NULL),
    ('0000000000000000000000000000001f', '00000000000000000000000000000a', 'of an odd party', NULL, '', NULL),
    ('00000000000000000000000000000020', '00000000000000000000000000000a', 'of nobody', NULL, '', NULL);
INSERT INTO t_task_party (task_id, party_name, volumes) VALUES
    ('0000000000000000000000000000001a', 'hospital-a', '/srv/a/digits'),
    ('0000000000000000000000000000001a', 'hospital-b', '/data/Digits/'),
    ('0000000000000000000000000000001b', 'hospital-a', '/srv/b/digits'),
    ('0000000000000000000000000000001c', 'hospital-a', ''),
    ('0000000000000000000000000000001d', 'hospital-a', NULL),
    ('0000000000000000000000000000001e', 'hospital-a', ''),
    ('0000000000000000000000000000001e', 'hospital-a', ''),
    ('0000000000000000000000000000001f', 'Hospital_C', '/data'),
    (NULL, 'hospital-a', '/old'),
    (NULL, 'former', '/old');
";

/// Splits the URL of a test database into the URL without its password, and the password.
fn without_password(url: &str) -> (String, String) {
    let rest = url.strip_prefix("mysql://").expect("a URL of MySQL");
    let (login, place) = rest.split_once('@').expect("user:password@place");
    let (user, password) = login.split_once(':').expect("user:password");
    (format!("mysql://{user}@{place}"), password.to_owned())
}

async fn original() -> String {
    let url = flow_testkit::shared_mariadb().await.create_database().await;
    let mut connection = sqlx::MySqlConnection::connect(&url).await.expect("it was just made");
    sqlx::raw_sql(ORIGINAL).execute(&mut connection).await.expect("valid SQL");
    url
}

/// Creates a project to which no party is offered.
async fn create_project(url: &str, name: &str) {
    let store = Store::open(url, StoreOptions::default()).await.expect("it opens");
    let (id, created_at) = (name.parse().expect("a name"), Timestamp(0));
    let entry = AccessEntry {
        id: flow_common::ids::audit_id(),
        at: created_at,
        actor_id: None,
        actor: "test".to_owned(),
        action: "create_project".to_owned(),
        object: name.to_owned(),
        project: None,
        address: String::new(),
        detail: String::new(),
    };
    store.create_project(&id, "", false, &entry).await.expect("the name is free");
    store.close().await;
}

fn task(id: &str) -> TaskId {
    format!("{id:0>32}").parse().expect("an id")
}

/// Checks the content of the hub's database after an import.
async fn check(url: &str) {
    let store = Store::open(url, StoreOptions::default()).await.expect("it opens");
    let id = format!("{:0>30}00", "a").parse().expect("an id");
    let template = store.template(&id).await.expect("a store").expect("the template");
    assert_eq!((template.name.as_str(), template.created_at.0), ("数字", 1_658_781_081_000_000));
    assert_eq!(template.body.command, ["python", "train.py"]);
    assert_eq!(template.body.parameters["lr"].default.as_deref(), Some("0.1"));

    let id = format!("{:0>30}00", "d").parse().expect("an id");
    let template = store.template(&id).await.expect("a store").expect("the template");
    assert_eq!(template.body.command, ["entrypoint"]);

    let good = store.load_task(&task("1a")).await.expect("a store").expect("the task");
    assert_eq!((good.task.body.name.as_str(), good.task.body.remark.as_str()), ("good", "kept"));
    assert_eq!((good.runs.len(), good.event_seq), (0, 1), "a task without runs, and one event");
    let members = good.task.body.members.iter().map(|member| {
        (member.party.as_str(), member.role, member.dataset.as_ref().map(|name| name.as_str()))
    });
    let members: Vec<_> = members.collect();
    assert_eq!(members[0], ("hub", Role::Aggregator, None));
    let (party, role, dataset) = members[1];
    assert_eq!((party, role), ("hospital-a", Role::Trainer));
    let dataset = dataset.expect("a dataset");
    assert!(dataset.starts_with("digits-"), "{dataset}: the party has two directories `digits`");
    assert_eq!(members[2], ("hospital-b", Role::Trainer, Some("digits")));
    for id in ["1c", "1d", "1e", "1f", "20"] {
        assert_eq!(store.load_task(&task(id)).await.expect("a store"), None, "{id}");
    }
    let party = store.party(&"hospital-b".parse().expect("a name")).await.expect("a store");
    assert_eq!(party.expect("the party").row.remark, "imported from iflearner-flow");
    let audit = store.access_audit(&PageRequest::first(1)).await.expect("a store").items.remove(0);
    assert_eq!((audit.action.as_str(), audit.object.as_str()), ("import", "default"));
    assert!(audit.detail.starts_with("3 templates, 2 tasks, "), "{audit:?}");
    store.close().await;
}

#[tokio::test]
async fn f20_f21_database_of_the_original_is_imported_once_and_bad_rows_are_reported() {
    let source = original().await;
    let (from, password) = without_password(&source);
    let place = Place::new();
    let secret = place.write("original-password", &password);
    let import = ["import", "iflearner-flow", "--from", &from, "--password-file", &secret];

    let dry = place.server(&[&import[..], &["--dry-run"]].concat());
    assert_eq!(dry.status, 0, "{dry:?}");
    assert!(!std::path::Path::new(&place.path("data")).exists(), "a dry run writes nothing");
    let first = place.server(&import);
    assert_eq!(first.status, 0, "{first:?}");
    assert_eq!(dry.out, format!("dry run: nothing was stored\n{}", first.out));
    for part in [
        "templates: 3 new, 0 present, 2 left out",
        "tasks: 2 new, 0 present, 5 left out",
        "parties: 2 new, 0 present, 1 left out",
        "2 rows of t_task_party belong to no task",
        "template \"no list\" (00000000000000000000000000000c): command: is no JSON list of texts",
        "template \"no id\" (short): its id is not one of 30 or 32 hexadecimal digits",
        "its template \"00000000000000000000000000000c\" does not exist or is left out",
        "task \"a/b\" (0000000000000000000000000000001d): /name ",
        "task \"twice\" (0000000000000000000000000000001e): /members/2/party is hospital-a",
        "party \"Hospital_C\": a party name must be",
        "--party Hospital_C=NEW",
        "its party \"Hospital_C\" is left out",
        "task \"of nobody\" (00000000000000000000000000000020): /members must contain",
        "template \"数字\" (00000000000000000000000000000a): without hyper_parameter: \"verbose\"",
        "template \"reserved\" (00000000000000000000000000000b): without hyper_parameter: ",
        "it runs at the original: stop it there",
        "Cancelled 1, Running 1, none 4",
        "datasets that the agent of hospital-b has to declare:\n  [datasets.digits]\n  path = \"/data/Digits\"\n  v1_path = \"/data/Digits\"",
        "new parties without a secret: hospital-a, hospital-b\n",
    ] {
        assert!(first.out.contains(part), "{part}: {}", first.out);
    }
    assert!(!first.out.contains('\u{1b}'), "control characters are escaped: {}", first.out);
    check(&format!("sqlite:{}", place.path("data/flow.db"))).await;

    let again = place.server(&[&import[..], &["--party", "Hospital_C=hospital-c"]].concat());
    assert_eq!(again.status, 0, "{again:?}");
    for part in [
        "templates: 0 new, 3 present, 2 left out",
        "tasks: 1 new, 2 present, 4 left out",
        "parties: 1 new, 2 present, 0 left out",
    ] {
        assert!(again.out.contains(part), "{part}: {}", again.out);
    }

    let other = [&import[..], &["--project", "other"]].concat();
    let output = place.server(&other);
    assert!(output.status == 1 && output.err.contains("no project other"), "{output:?}");
    create_project(&format!("sqlite:{}", place.path("data/flow.db")), "other").await;
    let output = place.server(&other);
    assert!(output.status == 0, "{output:?}");
    assert!(output.out.contains("another project has it: default"), "{output:?}");
    let fresh = Place::new();
    assert_eq!(fresh.server(&["migrate"]).status, 0);
    create_project(&format!("sqlite:{}", fresh.path("data/flow.db")), "other").await;
    let output = fresh.server(&other);
    let hint = "parties that project other may not use yet: hospital-a, hospital-b, hub\n  for each, run `flowctl project party offer other PARTY`";
    assert!(output.status == 0 && output.out.contains(hint), "{output:?}");

    let target = flow_testkit::shared_mariadb().await.create_database().await;
    let (url, _) = without_password(&target);
    let text = format!(
        "[store]\nurl = \"{url}\"\npassword_file = \"{secret}\"\n[hub_agent]\nenabled = false\n"
    );
    let config = place.write("hub.toml", &text);
    let import = [&import[..], &["--config", &config]].concat();
    let early = place.server(&import);
    assert!(early.status == 1 && early.err.contains("run `flow-server migrate`"), "{early:?}");
    assert_eq!(place.server(&["migrate", "--config", &config]).status, 0);
    let first = place.server(&import);
    assert!(first.status == 0 && first.out.contains("tasks: 2 new"), "{first:?}");
    let without_agent = "new parties without a secret: hospital-a, hospital-b, hub\n";
    assert!(first.out.contains(without_agent), "{first:?}");
    check(&target).await;
    let again = place.server(&import);
    assert!(again.status == 0 && again.out.contains("tasks: 0 new, 2 present"), "{again:?}");
}

#[tokio::test]
async fn wrong_source_of_an_import_is_rejected_and_its_password_is_not_shown() {
    let place = Place::new();
    let empty = flow_testkit::shared_mariadb().await.create_database().await;
    let (from, password) = without_password(&empty);
    let secret = place.write("password", &password);
    let of_file = ["--password-file", &secret];
    let none = place.path("none");
    for (from, more, part) in [
        (empty.as_str(), &[][..], "--from: put the password into a file"),
        ("sqlite:x", &[], "--from: use mysql://USER@HOST:PORT/DATABASE"),
        (from.as_str(), &["--password-file", &none], "--password-file: cannot read"),
        (from.as_str(), &[], "cannot read the original: "),
        (from.as_str(), &of_file, "t_template"),
    ] {
        let arguments = [&["import", "iflearner-flow", "--from", from][..], more].concat();
        let output = place.server(&arguments);
        assert!(output.status == 1 && output.err.contains(part), "{part}: {output:?}");
        assert!(!format!("{output:?}").contains(&password), "{part}: {output:?}");
    }
    assert!(!std::path::Path::new(&place.path("data")).exists(), "nothing was made");
}
