//! One table of errors for HTTP, gRPC and v1.
//!
//! Every failure that leaves the platform is one [`Error`], whose [`ErrorCode`] has one [`Row`]; the edges translate
//! and decide nothing. The message tells the caller what to do; what broke inside travels as the source and is never
//! shown. `docs/errors.md` is written from this table (see [`docs::markdown`]).

pub mod docs;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::member::text_enum;
use crate::text::clip;

/// Status of a gRPC answer, by its number in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
#[expect(missing_docs, reason = "names and meanings are gRPC's own")]
pub enum GrpcCode {
    InvalidArgument = 3,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// What the edges need to know of an error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The code.
    pub code: ErrorCode,
    /// Its stable name, as in problem+json.
    pub slug: &'static str,
    /// HTTP status.
    pub http: u16,
    /// gRPC status.
    pub grpc: GrpcCode,
    /// Number in the v1 envelope. Numbers of the original keep their meaning; none is reused.
    pub ret_code: i32,
    /// The same request may succeed later without any change.
    pub retryable: bool,
    /// What it means, in a few words.
    pub title: &'static str,
    /// What the caller should do.
    pub remedy: &'static str,
}

macro_rules! error_table {
    ($($variant:ident = $slug:literal, $http:literal, $grpc:ident, $ret_code:literal, $retryable:literal, $title:literal, $remedy:literal;)+) => {
        /// Every kind of failure a caller can see.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $title] $variant,)+
        }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code's row.
            #[must_use]
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$variant => Row {
                        code: self,
                        slug: $slug,
                        http: $http,
                        grpc: GrpcCode::$grpc,
                        ret_code: $ret_code,
                        retryable: $retryable,
                        title: $title,
                        remedy: $remedy,
                    },)+
                }
            }
        }
    };
}

error_table! {
    Malformed = "malformed", 400, InvalidArgument, 10000, false, "the request cannot be read",
        "Send well-formed JSON with the documented fields and types; the message says where reading stopped.";
    Invalid = "invalid", 422, InvalidArgument, 10000, false, "the request is readable but asks for something unacceptable",
        "Mend the fields listed in `fields`; each says what would be accepted.";
    CursorInvalid = "cursor_invalid", 400, InvalidArgument, 10000, false, "the page cursor is not one of ours, or belongs to another list",
        "Begin again without a cursor, keeping the filters.";
    Unauthenticated = "unauthenticated", 401, Unauthenticated, 10001, false, "who is calling is not known",
        "Send a valid, unexpired token or certificate.";
    Forbidden = "forbidden", 403, PermissionDenied, 10002, false, "the caller may not do this",
        "Ask an administrator of the project for the role the message names.";
    RouteNotFound = "route_not_found", 404, NotFound, 10003, false, "there is nothing at this address",
        "Check the path against the OpenAPI document.";
    MethodNotAllowed = "method_not_allowed", 405, Unimplemented, 10004, false, "the address does not know this method",
        "Use one of the methods in the `Allow` header.";
    UnsupportedMediaType = "unsupported_media_type", 415, InvalidArgument, 10005, false, "the body is of a type that is not read here",
        "Send `Content-Type: application/json`.";
    TooLarge = "too_large", 413, ResourceExhausted, 10006, false, "the request is larger than accepted",
        "Send less; the message names the limit.";
    PreconditionFailed = "precondition_failed", 412, FailedPrecondition, 10007, false, "somebody changed it since it was read",
        "Read it again and repeat the edit with the new `ETag`.";
    IdempotencyKeyReused = "idempotency_key_reused", 422, InvalidArgument, 10008, false, "the idempotency key was used for another request",
        "Use a fresh `Idempotency-Key` for each different request.";
    Busy = "busy", 503, Unavailable, 10009, true, "too much is asked at once",
        "Repeat after the time in `Retry-After`, with the same `Idempotency-Key`.";
    StoreUnavailable = "store_unavailable", 503, Unavailable, 10010, true, "the database does not answer",
        "Repeat with the same `Idempotency-Key`; an operator should look at the hub's health page.";
    RequestTimeout = "request_timeout", 408, Unavailable, 10012, true, "the request's body did not arrive in time",
        "Repeat with the same `Idempotency-Key`, on a faster connection or with a smaller body.";
    StoreFull = "store_full", 503, Unavailable, 10013, true, "the disk of the hub's database is full",
        "Tell the hub's operator to free some space; then repeat with the same `Idempotency-Key`.";
    Internal = "internal", 500, Internal, 10011, false, "something broke inside",
        "Report it with the request id; the hub's log holds the cause.";
    PartyExists = "party_exists", 409, AlreadyExists, 10100, false, "a party of this name exists",
        "Choose another name, or use the existing party; a secret that was lost is replaced by another.";
    PartyNotFound = "party_not_found", 404, NotFound, 10101, false, "there is no such party",
        "List the parties; names are exact.";
    TemplateNotFound = "template_not_found", 404, NotFound, 10200, false, "there is no such template",
        "List the templates of the project.";
    TemplateNameTaken = "template_name_taken", 409, AlreadyExists, 10201, false, "a template of this name exists",
        "Choose another name, or edit the existing template.";
    TemplateInUse = "template_in_use", 409, FailedPrecondition, 10203, false, "tasks refer to the template",
        "Delete the tasks the message names first.";
    RevisionNotFound = "revision_not_found", 404, NotFound, 10204, false, "the template has no such revision",
        "List the template's revisions.";
    TaskNotFound = "task_not_found", 404, NotFound, 10300, false, "there is no such task",
        "List the tasks of the project; a deleted task is gone from it.";
    TaskNameTaken = "task_name_taken", 409, AlreadyExists, 10301, false, "a task of this name exists",
        "Choose another name, or start the existing task.";
    TaskNameEmpty = "task_name_empty", 422, InvalidArgument, 10302, false, "the task has no name",
        "Give it a name of 1 to 50 characters.";
    TaskActive = "task_active", 409, FailedPrecondition, 10303, false, "the task has a run that has not ended",
        "Stop the task, or wait for its end.";
    TaskNotActive = "task_not_active", 409, FailedPrecondition, 10303, false, "the task has no run to act on",
        "Start the task first.";
    RunNotFound = "run_not_found", 404, NotFound, 10305, false, "the task has no such run",
        "List the task's runs.";
    MemberNotFound = "member_not_found", 404, NotFound, 10306, false, "the party has no part in this",
        "List the members of the task or run.";
    PartyActive = "party_active", 409, FailedPrecondition, 10103, false, "the party still takes part in something",
        "Stop the tasks the message names, and let the party's agent confirm their end.";
    OrphanNotFound = "orphan_not_found", 404, NotFound, 10102, false, "there is no such orphan",
        "List the orphans; one that has ended is gone from the list.";
    LogUnavailable = "log_unavailable", 503, Unavailable, 10307, true, "the log cannot be fetched from the party now",
        "Repeat when the party is connected; the hub keeps no logs.";
    LogRefused = "log_refused", 403, PermissionDenied, 10308, false, "the party does not disclose this log",
        "Ask the party; its own policy decides what leaves it.";
    LogNotFound = "log_not_found", 404, NotFound, 10309, false, "the party has no log of this member",
        "Look at the member's reason: one that never started has no log; others are kept until the party deletes them.";
    HubUnavailable = "hub_unavailable", 503, Unavailable, 20100, true, "the agent cannot reach the hub",
        "Repeat later; the agent reconnects by itself.";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().slug)
    }
}

text_enum!(
    /// What is wrong with one field.
    FieldCode {
        /// It must be given.
        Required = "required",
        /// A name that is not known here.
        Unknown = "unknown",
        /// Given more than once.
        Duplicate = "duplicate",
        /// Too short, or empty.
        TooShort = "too_short",
        /// Too long, or too many.
        TooLong = "too_long",
        /// A number outside its range.
        OutOfRange = "out_of_range",
        /// A value of another type.
        WrongType = "wrong_type",
        /// Characters or a form that is not accepted.
        Pattern = "pattern",
        /// Not one of the accepted values.
        NotAllowed = "not_allowed",
        /// The platform sets this itself.
        Reserved = "reserved",
        /// Known, but does not work in this version.
        Unsupported = "unsupported",
    }
);

/// One thing wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldError {
    /// Where, as a JSON pointer into the request: `/members/1/party`.
    pub path: String,
    /// What, for programs.
    pub code: FieldCode,
    /// What is wrong and what would be accepted, for people.
    pub message: String,
}

/// Most errors of one request that are told one by one.
pub const MOST_FIELDS: usize = 100;

/// Everything wrong with a request: a caller mends it in one go. Of very much, the first [`MOST_FIELDS`], and how many
/// more there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors(pub Vec<FieldError>, usize);

impl FieldErrors {
    /// Notes one more.
    pub fn add(&mut self, path: impl Into<String>, code: FieldCode, message: impl Into<String>) {
        if self.0.len() < MOST_FIELDS {
            self.0.push(FieldError { path: path.into(), code, message: message.into() });
        } else {
            self.1 += 1;
        }
    }

    /// Notes what another check found.
    pub fn extend(&mut self, Self(fields, more): Self) {
        for FieldError { path, code, message } in fields {
            self.add(path, code, message);
        }
        self.1 += more;
    }

    /// Notes a number outside `min..=max`.
    pub fn range<T: PartialOrd + fmt::Display>(&mut self, path: &str, value: T, min: T, max: T) {
        if value < min || value > max {
            self.add(path, FieldCode::OutOfRange, format!("is {value} and must be {min} to {max}"));
        }
    }

    /// Notes a text whose length in characters is outside `min..=max`.
    pub fn chars(&mut self, path: &str, text: &str, min: usize, max: usize) {
        let count = text.chars().count();
        if count < min || count > max {
            let code = if count < min { FieldCode::TooShort } else { FieldCode::TooLong };
            self.add(path, code, format!("has {count} characters and must have {min} to {max}"));
        }
    }

    /// `Ok` when nothing was noted.
    pub fn finish(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for FieldErrors {
    /// At most five, since v1 callers see nothing but this text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, FieldError { path, message, .. }) in self.0.iter().take(5).enumerate() {
            let path = if path.is_empty() { "/" } else { path };
            write!(f, "{}{} {message}", if index == 0 { "" } else { "; " }, clip(path, 100))?;
        }
        match self.0.len().saturating_sub(5) + self.1 {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for FieldErrors {}

/// A JSON pointer from its parts.
#[must_use]
pub fn pointer(parts: &[&str]) -> String {
    parts
        .iter()
        .fold(String::new(), |path, part| path + "/" + &part.replace('~', "~0").replace('/', "~1"))
}

/// A failure, as its caller may see it, together with its cause, which the caller may not.
#[derive(Debug, Clone)]
pub struct Error {
    /// Which row of the table.
    pub code: ErrorCode,
    /// For the caller: what to do about it. Holds nothing internal.
    pub message: String,
    /// The fields at fault, if fields are.
    pub fields: Vec<FieldError>,
    /// How many more fields are at fault than are listed.
    pub more_fields: usize,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with a message for the caller.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new(), more_fields: 0, source: None }
    }

    /// An error of this code that says no more than its row.
    #[must_use]
    pub fn of(code: ErrorCode) -> Self {
        Self::new(code, code.row().title)
    }

    /// Something broke inside: the cause goes to the log, the caller learns only that it did.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::of(ErrorCode::Internal).caused_by(source)
    }

    /// The same error with its cause, for the log.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// The code's row.
    #[must_use]
    pub const fn row(&self) -> Row {
        self.code.row()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<FieldErrors> for Error {
    fn from(errors: FieldErrors) -> Self {
        Self {
            code: ErrorCode::Invalid,
            message: errors.to_string(),
            fields: errors.0,
            more_fields: errors.1,
            source: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::error::Error as _;

    use super::*;

    #[test]
    fn f23_a_clients_mistake_is_never_a_success_nor_a_server_error() {
        for row in ErrorCode::ALL.iter().map(|code| code.row()) {
            assert!((400..=599).contains(&row.http), "{}", row.slug);
            assert_ne!(row.ret_code, 0, "{}", row.slug);
            assert_eq!(
                row.retryable,
                [408, 503].contains(&row.http),
                "{}: 408 and 503 invite a repetition, and no other",
                row.slug
            );
        }
    }

    #[test]
    fn slugs_are_unique_and_only_kept_numbers_are_shared() {
        let slugs: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.row().slug).collect();
        assert_eq!(slugs.len(), ErrorCode::ALL.len());
        let mut seen = BTreeSet::new();
        for row in ErrorCode::ALL.iter().map(|code| code.row()) {
            assert!(
                seen.insert(row.ret_code) || [10000, 10303].contains(&row.ret_code),
                "{}",
                row.slug
            );
        }
    }

    #[test]
    fn numbers_of_the_original_keep_their_meaning() {
        for (number, slug) in [
            (10100, "party_exists"),
            (10200, "template_not_found"),
            (10201, "template_name_taken"),
            (10300, "task_not_found"),
            (10301, "task_name_taken"),
            (10302, "task_name_empty"),
            (10303, "task_active"),
            (10303, "task_not_active"),
            (20100, "hub_unavailable"),
        ] {
            assert!(
                ErrorCode::ALL
                    .iter()
                    .map(|c| c.row())
                    .any(|r| r.ret_code == number && r.slug == slug),
                "{slug}"
            );
        }
    }

    #[test]
    fn the_cause_is_kept_but_not_shown() {
        let error = Error::internal("disk /var/x is on fire");
        assert!(!error.to_string().contains("fire"));
        assert_eq!(
            error.source().expect("the cause is kept").to_string(),
            "disk /var/x is on fire"
        );
    }

    #[test]
    fn all_fields_at_fault_are_listed_and_the_text_stays_short() {
        let mut errors = FieldErrors::default();
        for index in 0..7 {
            errors.range(&pointer(&["members", &index.to_string()]), 9, 0, 5);
        }
        let error = Error::from(errors);
        assert_eq!((error.code, error.fields.len()), (ErrorCode::Invalid, 7));
        assert!(
            error.message.starts_with("/members/0 is 9 and must be 0 to 5; /members/1 "),
            "{error}"
        );
        assert!(error.message.ends_with("; and 2 more"), "{error}");
    }

    #[test]
    fn of_very_many_errors_the_first_are_listed_and_the_others_counted() {
        let mut errors = FieldErrors::default();
        for index in 0..MOST_FIELDS + 50 {
            errors.add(format!("/env/{index}"), FieldCode::Pattern, "is wrong");
        }
        let mut others = errors.clone();
        others.extend(errors);
        let error = Error::from(others);
        assert_eq!((error.fields.len(), error.more_fields), (MOST_FIELDS, MOST_FIELDS + 100));
        assert!(
            error.message.ends_with(&format!("; and {} more", 2 * MOST_FIELDS + 95)),
            "{error}"
        );
    }

    #[test]
    fn a_long_name_is_told_back_in_part() {
        let mut errors = FieldErrors::default();
        errors.add(
            pointer(&["parameters", &"x".repeat(1_000_000)]),
            FieldCode::Unknown,
            "is not known",
        );
        assert!(Error::from(errors).message.len() < 200);
    }

    #[test]
    fn a_pointer_escapes_what_a_pointer_must() {
        assert_eq!(pointer(&["env", "a/b~c"]), "/env/a~1b~0c");
    }
}
