//! Limits of query parameters, path parameters and headers. The hub enforces them; the OpenAPI
//! document states them. The limits of request bodies are in `flow_domain::limits`.

/// Items of a page if the request has no `limit`.
pub const PAGE_ITEMS_DEFAULT: u32 = 50;
/// Largest `limit` of a page, in items.
pub const PAGE_ITEMS_MAX: u32 = 200;
/// Hexadecimal digits at the start of a cursor that identify its list and filters.
pub const CURSOR_SEAL_DIGITS: usize = 16;
/// Form of a cursor: [`CURSOR_SEAL_DIGITS`] digits, then the position in pairs of digits. An empty
/// cursor is none.
pub const CURSOR_PATTERN: &str = "^([0-9a-f]{16}([0-9a-f]{2})*)?$";
/// Longest filter by the beginning of a name, in characters.
pub const FILTER_CHARS_MAX: usize = 50;
/// Form of a filter: no control character.
pub const FILTER_PATTERN: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";
/// Templates, and tasks, of one apply request.
pub const APPLY_ITEMS_MAX: usize = 100;
/// Value of the `phase` filter that selects tasks without a run.
pub const NEVER_STARTED: &str = "new";
/// Largest `tail` of a log, in lines.
pub const TAIL_LINES_MAX: u64 = 1_000_000_000;
/// Longest `Idempotency-Key`, in characters.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// Form of an `Idempotency-Key`: visible ASCII characters.
pub const IDEMPOTENCY_KEY_PATTERN: &str = "^[!-~]+$";
/// Form of `If-Match`: one entity tag in quotes, or `*`.
pub const IF_MATCH_PATTERN: &str = r#"^(\*|(W/)?"[!#-~]*")$"#;
/// Form of a reference to a run: its id, its number within the task, or `latest`.
pub const RUN_REFERENCE_PATTERN: &str = "^([0-9a-f]{32}|[1-9][0-9]{0,9}|latest)$";
/// Form of a `Range` that the hub honours.
pub const BYTE_RANGE_PATTERN: &str = "^bytes=[0-9]+-$";
/// Form of an orphan's id: party, run and attempt, separated by dots.
pub const ORPHAN_ID_PATTERN: &str =
    r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.[0-9a-f]{32}\.[0-9]{1,10}$";
/// Digits of an id.
pub const ID_DIGITS: usize = 32;
/// Form of the first digits of an id.
pub const ID_PREFIX_PATTERN: &str = "^[0-9a-f]{0,32}$";
/// Fewest runs of a comparison.
pub const COMPARED_RUNS_MIN: usize = 2;
/// Most runs of a comparison.
pub const COMPARED_RUNS_MAX: usize = 10;
/// Days until an API token expires if the request names no number.
pub const TOKEN_DAYS_DEFAULT: u32 = 90;
/// Largest quota of the objects of one kind in a project.
pub const QUOTA_MAX: u32 = 1_000_000_000;
/// Most days until an API token expires.
pub const TOKEN_DAYS_MAX: u32 = 3650;
/// Longest name of an API token, in characters.
pub const TOKEN_NAME_CHARS_MAX: usize = 100;
/// Shortest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Longest password, in characters.
pub const PASSWORD_CHARS_MAX: usize = 256;
/// Most datasets of a party that are offered to a project by name.
pub const OFFERED_DATASETS_MAX: usize = 1000;
/// Most tasks that one request changes.
pub const BULK_TASKS_MAX: u32 = 100;
/// Most labels of a filter.
pub const LABEL_FILTERS_MAX: usize = 10;
/// Form of a label in a filter: `name=value`.
pub const LABEL_FILTER_PATTERN: &str = concat!(
    r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*/)?",
    r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?",
    r"=([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$"
);
/// Fields of a run in the list of all runs.
pub const RUN_FIELDS: [&str; 12] = [
    "id",
    "number",
    "phase",
    "waiting",
    "progress",
    "ending",
    "created_at",
    "running_at",
    "finished_at",
    "task",
    "task_name",
    "duration_s",
];
/// Fields of a task in a list. A list has `id` in every case.
pub const TASK_FIELDS: [&str; 16] = [
    "id",
    "name",
    "remark",
    "template",
    "revision",
    "epochs",
    "parameters",
    "members",
    "rules",
    "labels",
    "created_by",
    "created_at",
    "modified_at",
    "version",
    "runs",
    "run",
];
/// Letters of the code that a device shows: no vowels, so that it is no word.
pub const USER_CODE_LETTERS: &str = "BCDFGHJKLMNPQRSTVWXZ";
/// Form of the code that a device shows.
pub const USER_CODE_PATTERN: &str = "^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$";
/// Form of the code with which a person opens a session in a browser.
pub const SIGN_IN_CODE_PATTERN: &str = "^[BCDFGHJKLMNPQRSTVWXZ]{4}(-[BCDFGHJKLMNPQRSTVWXZ]{4}){3}$";
/// Hours of an overview if the request names no number.
pub const OVERVIEW_HOURS_DEFAULT: u32 = 24;
/// Most hours of an overview: 30 days.
pub const OVERVIEW_HOURS_MAX: u32 = 720;
/// Contact changes that the hub keeps of each party.
pub const PARTY_CONTACTS_MAX: u32 = 100;
/// Newest points that one event of progress contains.
pub const EVENT_POINTS_MAX: usize = 200;
/// Form of the URL of a webhook. The hub checks scheme, host and address.
pub const WEBHOOK_URL_PATTERN: &str =
    r"^https?://[^\s\x00-\x1f\x7f-\x9f/?#@\\]+([/?][^\s\x00-\x1f\x7f-\x9f#]*)?$";
