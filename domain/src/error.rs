//! The table of errors for HTTP, gRPC and v1.
//!
//! Every failure that a caller receives is an [`Error`], whose [`ErrorCode`] has one [`ErrorRow`];
//! REST and gRPC only translate it. The message states what the caller can do. The internal cause
//! is the error's source, which only the log shows. [`docs::markdown`] generates `docs/errors.md`
//! from this table.

pub mod docs;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::member::text_enum;
use crate::text::clip;

/// Status code of gRPC, with its number in the protocol.
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

/// One row of the error table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorRow {
    /// Code of the row.
    pub code: ErrorCode,
    /// Stable name, the field `code` of problem+json.
    pub slug: &'static str,
    /// HTTP status.
    pub http: u16,
    /// gRPC status.
    pub grpc: GrpcCode,
    /// Number `ret_code` in the v1 format. Numbers of the original system keep their meaning; no
    /// number is reused.
    pub ret_code: i32,
    /// The same request may succeed later without any change.
    pub retryable: bool,
    /// Meaning in a few words.
    pub title: &'static str,
    /// Next step for the caller.
    pub remedy: &'static str,
}

macro_rules! error_table {
    ($($variant:ident = $slug:literal, $http:literal, $grpc:ident, $ret_code:literal, $retryable:literal, $title:literal, $remedy:literal;)+) => {
        /// Every kind of failure that a caller can receive.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $title] $variant,)+
        }

        impl ErrorCode {
            /// All codes in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Row of the code in the error table.
            #[must_use]
            pub const fn row(self) -> ErrorRow {
                match self {
                    $(Self::$variant => ErrorRow {
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
        "Send well-formed JSON with the documented fields and types; the message names the position of the error.";
    Invalid = "invalid", 422, InvalidArgument, 10000, false, "the request has fields with values that are not accepted",
        "Correct the fields in `fields`; each entry names the accepted values.";
    CursorInvalid = "cursor_invalid", 400, InvalidArgument, 10000, false, "the page cursor does not belong to this list",
        "Repeat the request without a cursor and with the same filters.";
    Unauthenticated = "unauthenticated", 401, Unauthenticated, 10001, false, "the request has no valid credentials",
        "Send a valid, unexpired token or certificate.";
    Forbidden = "forbidden", 403, PermissionDenied, 10002, false, "the caller lacks the permission",
        "Use a credential that has what the message names, or ask an administrator for it.";
    RateLimited = "rate_limited", 429, ResourceExhausted, 10014, true, "the caller sends too many requests",
        "Repeat the request after the time in `Retry-After`; send fewer requests.";
    CrossSite = "cross_site", 403, PermissionDenied, 10015, false, "a page of another site sent the request with the session of the browser",
        "Send the request from the hub's own page, or with an API token.";
    SetupDone = "setup_done", 409, FailedPrecondition, 10016, false, "the hub has an account already",
        "Sign in with an account; `flow-server admin-token` on the hub's machine recovers a lost one.";
    SetupRequired = "setup_required", 401, Unauthenticated, 10017, false, "the hub has no account yet",
        "Run `flowctl setup` on the machine of the hub.";
    QuotaExceeded = "quota_exceeded", 409, ResourceExhausted, 10018, false, "the project or the account has as many objects as it may have",
        "Delete objects that are not needed, or ask a federation administrator to raise the quota in the message.";
    UserExists = "user_exists", 409, AlreadyExists, 10400, false, "an account with this name exists",
        "Choose another name, or change the existing account.";
    UserNotFound = "user_not_found", 404, NotFound, 10401, false, "no account has this name",
        "List the accounts; names must match exactly.";
    LastAdmin = "last_admin", 409, FailedPrecondition, 10402, false, "the account is the last administrator of the federation",
        "Let another account administer the federation first.";
    TokenNotFound = "token_not_found", 404, NotFound, 10403, false, "no API token has this id",
        "List the tokens; the id is not the token itself.";
    SessionNotFound = "session_not_found", 404, NotFound, 10404, false, "no session has this id",
        "List the sessions; a session that has ended is not in the list.";
    ProjectExists = "project_exists", 409, AlreadyExists, 10410, false, "a project with this name exists",
        "Choose another name, or use the existing project.";
    ProjectNotFound = "project_not_found", 404, NotFound, 10411, false, "no project has this name",
        "List your projects; ask an administrator of the project for a role in it.";
    ProjectNotEmpty = "project_not_empty", 409, FailedPrecondition, 10414, false, "the project has tasks, or members of its runs have not ended",
        "Delete the tasks of the project, and wait until its runs have ended.";
    ProjectProtected = "project_protected", 409, FailedPrecondition, 10415, false, "the project `default` cannot be deleted",
        "Take away the roles of its members in place of a deletion.";
    ProjectMemberNotFound = "project_member_not_found", 404, NotFound, 10412, false, "the account has no role in the project",
        "List the members of the project.";
    OfferNotFound = "offer_not_found", 404, NotFound, 10413, false, "the party is not offered to the project by name",
        "List the parties of the project.";
    RouteNotFound = "route_not_found", 404, NotFound, 10003, false, "no resource has this path",
        "Check the path against the OpenAPI document.";
    MethodNotAllowed = "method_not_allowed", 405, Unimplemented, 10004, false, "the resource does not support this method",
        "Use one of the methods in the `Allow` header.";
    UnsupportedMediaType = "unsupported_media_type", 415, InvalidArgument, 10005, false, "the content type of the body is not supported",
        "Send `Content-Type: application/json`.";
    TooLarge = "too_large", 413, ResourceExhausted, 10006, false, "the request is larger than the limit",
        "Send a smaller request; the message names the limit.";
    PreconditionFailed = "precondition_failed", 412, FailedPrecondition, 10007, false, "the resource has changed since the client read it",
        "Read the resource again and repeat the edit with the new `ETag`.";
    IdempotencyKeyReused = "idempotency_key_reused", 422, InvalidArgument, 10008, false, "another request used the same idempotency key",
        "Use a new `Idempotency-Key` for each different request.";
    Busy = "busy", 503, Unavailable, 10009, true, "the hub has too many requests at this time",
        "Repeat the request after the time in `Retry-After`, with the same `Idempotency-Key`.";
    StoreUnavailable = "store_unavailable", 503, Unavailable, 10010, true, "the database does not answer",
        "Repeat the request with the same `Idempotency-Key`; if the error stays, ask the hub's administrator to check `/readyz` and the hub's log.";
    RequestTimeout = "request_timeout", 408, Unavailable, 10012, true, "the body of the request did not arrive in time",
        "Repeat the request with the same `Idempotency-Key`, over a faster connection or with a smaller body.";
    StoreFull = "store_full", 503, Unavailable, 10013, true, "the disk of the hub's database is full",
        "Ask the hub's administrator to free disk space; then repeat the request with the same `Idempotency-Key`.";
    Internal = "internal", 500, Internal, 10011, false, "the hub failed internally",
        "Report the error with the request id; the hub's log contains the cause.";
    PartyExists = "party_exists", 409, AlreadyExists, 10100, false, "a party with this name exists",
        "Choose another name, or use the existing party; replace a lost secret with a new one.";
    PartyNotFound = "party_not_found", 404, NotFound, 10101, false, "no party has this name",
        "List the parties; names must match exactly.";
    TemplateNotFound = "template_not_found", 404, NotFound, 10200, false, "no template has this id or name",
        "List the templates of the project.";
    TemplateNameTaken = "template_name_taken", 409, AlreadyExists, 10201, false, "a template with this name exists",
        "Choose another name, or edit the existing template.";
    TemplateInUse = "template_in_use", 409, FailedPrecondition, 10203, false, "tasks use the template",
        "Delete the tasks in the message first.";
    RevisionNotFound = "revision_not_found", 404, NotFound, 10204, false, "the template has no revision with this number",
        "List the template's revisions.";
    TaskNotFound = "task_not_found", 404, NotFound, 10300, false, "no task has this id or name",
        "List the tasks of the project; the list has no deleted tasks.";
    TaskNameTaken = "task_name_taken", 409, AlreadyExists, 10301, false, "a task with this name exists",
        "Choose another name, or start the existing task.";
    TaskNameEmpty = "task_name_empty", 422, InvalidArgument, 10302, false, "the task has no name",
        "Give the task a name of 1 to 50 characters.";
    TaskActive = "task_active", 409, FailedPrecondition, 10303, false, "the task has a run that has not ended",
        "Stop the task, or wait until its run ends.";
    TaskNotActive = "task_not_active", 409, FailedPrecondition, 10303, false, "the task has no active run",
        "Start the task first.";
    RunNotFound = "run_not_found", 404, NotFound, 10305, false, "the task has no run with this id",
        "List the task's runs.";
    MemberNotFound = "member_not_found", 404, NotFound, 10306, false, "the party is not a member of this task or run",
        "List the members of the task or run.";
    PartyActive = "party_active", 409, FailedPrecondition, 10103, false, "the party is still a member of tasks or runs",
        "Stop the tasks in the message, and wait until the party's agent has confirmed their end.";
    OrphanNotFound = "orphan_not_found", 404, NotFound, 10102, false, "no orphan has this id",
        "List the orphans; the list has no ended orphans.";
    LogUnavailable = "log_unavailable", 503, Unavailable, 10307, true, "the party cannot send the log at this time",
        "Repeat the request when the party is connected; the hub stores no logs.";
    LogRefused = "log_refused", 403, PermissionDenied, 10308, false, "the party does not disclose this log",
        "Ask the party; its policy decides which logs it discloses.";
    LogNotFound = "log_not_found", 404, NotFound, 10309, false, "the party has no log of this member",
        "Check the member's reason: a member that never started has no log; the party deletes other logs after its retention period.";
    OutputRefused = "output_refused", 403, PermissionDenied, 10320, false, "the party does not release these outputs",
        "Ask the party's administrator; `outputs.release` in the configuration of its agent decides which outputs may leave.";
    OutputNotFound = "output_not_found", 404, NotFound, 10321, false, "the party has no output with this path",
        "List the outputs of the member; paths must match exactly. The party may have removed them, or its retention period has passed.";
    OutputUnavailable = "output_unavailable", 503, Unavailable, 10322, true, "the party cannot send the output at this time",
        "Repeat the request when the party is connected; the hub stores no outputs.";
    RangeNotSatisfiable = "range_not_satisfiable", 416, InvalidArgument, 10323, false, "the output ends before the requested range",
        "Request a range that begins within the size of the output, which `Content-Range` names.";
    AgentOutdated = "agent_outdated", 409, FailedPrecondition, 10324, false, "the agent of the party is too old for this request",
        "Ask the party to update flow-federate.";
    ApprovalOutdated = "approval_outdated", 409, FailedPrecondition, 10325, false, "the member is not the one that the approval names",
        "Read the member again, and approve the digests that it has.";
    ApprovalNotPending = "approval_not_pending", 409, FailedPrecondition, 10326, false, "the member waits for no approval",
        "Read the member again; its phase shows whether it has started or ended.";
    ProviderNotFound = "provider_not_found", 404, NotFound, 10340, false, "no identity provider has this name",
        "List the identity providers.";
    ProviderUnavailable = "provider_unavailable", 503, Unavailable, 10341, true, "the identity provider or the issuer of the token cannot be reached at this time",
        "Repeat the request or begin the sign-in again later; the log of the hub has the cause.";
    SignInFailed = "sign_in_failed", 403, PermissionDenied, 10342, false, "the sign-in with the identity provider is not accepted",
        "Begin the sign-in again; the message names the cause.";
    IdentityLinked = "identity_linked", 409, AlreadyExists, 10343, false, "the person at the identity provider has an account",
        "Delete this account first, or sign in as it.";
    UserCodeNotFound = "user_code_not_found", 404, NotFound, 10344, false, "no device waits with this code",
        "Compare the code with the one that the device shows; it expires after ten minutes.";
    AuthorizationPending = "authorization_pending", 400, FailedPrecondition, 10345, false, "the device is not approved yet",
        "Ask again after `interval` seconds.";
    SlowDown = "slow_down", 400, FailedPrecondition, 10346, false, "the device asks too often",
        "Wait five seconds longer between two requests.";
    ExpiredToken = "expired_token", 400, FailedPrecondition, 10347, false, "the code of the device has expired",
        "Begin the sign-in of the device again.";
    AccessDenied = "access_denied", 400, PermissionDenied, 10348, false, "the sign-in of the device was denied",
        "Begin the sign-in of the device again, and approve it.";
    InvalidGrant = "invalid_grant", 400, InvalidArgument, 10349, false, "the code of the device is unknown or was used",
        "Begin the sign-in of the device again; each code is valid for one token.";
    WebhookNotFound = "webhook_not_found", 404, NotFound, 10430, false, "no webhook has this id or name",
        "List the webhooks of the project.";
    WebhookNameTaken = "webhook_name_taken", 409, AlreadyExists, 10431, false, "a webhook with this name exists",
        "Choose another name, or edit the existing webhook.";
    WebhookLimit = "webhook_limit", 409, ResourceExhausted, 10432, false, "the project has the largest number of webhooks",
        "Delete a webhook, or let one webhook receive the events of several.";
    WebhookDisabled = "webhook_disabled", 409, FailedPrecondition, 10433, false, "the webhook is disabled",
        "Repair the receiver, enable the webhook by an edit, and repeat the request.";
    DeliveryNotFound = "delivery_not_found", 404, NotFound, 10434, false, "the webhook has no delivery with this id",
        "List the deliveries of the webhook; old ones are deleted.";
    EventsExpired = "events_expired", 410, FailedPrecondition, 10435, false, "the feed no longer has the events after this number",
        "Read the state of the tasks, and then the feed without `after` and `Last-Event-ID`; `retention.events_days` of the hub decides how long it keeps events.";
    HubUnavailable = "hub_unavailable", 503, Unavailable, 20100, true, "the agent cannot reach the hub",
        "Repeat the request later; the agent reconnects automatically.";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().slug)
    }
}

text_enum!(
    /// The kind of error in one field.
    FieldCode {
        /// The field is required.
        Required = "required",
        /// An unknown name.
        Unknown = "unknown",
        /// A value that occurs more than once.
        Duplicate = "duplicate",
        /// Too short, or empty.
        TooShort = "too_short",
        /// Too long, or too many entries.
        TooLong = "too_long",
        /// A number outside its range.
        OutOfRange = "out_of_range",
        /// A value of another type.
        WrongType = "wrong_type",
        /// Characters or a form that are not accepted.
        Pattern = "pattern",
        /// A value outside the accepted set.
        NotAllowed = "not_allowed",
        /// The platform sets this value itself.
        Reserved = "reserved",
        /// Known, but not supported in this version.
        Unsupported = "unsupported",
    }
);

/// One error in a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the field in the request: `/members/1/party`.
    pub path: String,
    /// Code for programs.
    pub code: FieldCode,
    /// Sentence for people: the error and the accepted values.
    pub message: String,
}

/// Errors of one request that are listed; further ones are only counted.
pub const FIELD_ERRORS_MAX: usize = 100;

/// All errors of one request, so that the caller can correct them in one step: the first
/// [`FIELD_ERRORS_MAX`], and the number of further ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors(pub Vec<FieldError>, usize);

impl FieldErrors {
    /// Adds an error.
    pub fn add(&mut self, path: impl Into<String>, code: FieldCode, message: impl Into<String>) {
        if self.0.len() < FIELD_ERRORS_MAX {
            self.0.push(FieldError { path: path.into(), code, message: message.into() });
        } else {
            self.1 += 1;
        }
    }

    /// Adds the errors of another check.
    pub fn extend(&mut self, Self(fields, more): Self) {
        for FieldError { path, code, message } in fields {
            self.add(path, code, message);
        }
        self.1 += more;
    }

    /// Moves the errors of a part to `prefix`, the pointer of the part.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        for error in &mut self.0 {
            error.path.insert_str(0, prefix);
        }
        self
    }

    /// Adds an error if a number is outside `min..=max`.
    pub fn range<T: PartialOrd + fmt::Display>(&mut self, path: &str, value: T, min: T, max: T) {
        if value < min || value > max {
            self.add(path, FieldCode::OutOfRange, format!("is {value} and must be {min} to {max}"));
        }
    }

    /// Adds an error if the length of a text in characters is outside `min..=max`.
    pub fn chars(&mut self, path: &str, text: &str, min: usize, max: usize) {
        let count = text.chars().count();
        if count < min || count > max {
            let code = if count < min { FieldCode::TooShort } else { FieldCode::TooLong };
            self.add(path, code, format!("has {count} characters and must have {min} to {max}"));
        }
    }

    /// Returns `Ok` if there is no error.
    pub fn finish(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for FieldErrors {
    /// At most five errors: v1 answers contain only this text.
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

/// Joins parts to a JSON pointer (RFC 6901) and escapes them.
#[must_use]
pub fn pointer(parts: &[&str]) -> String {
    parts
        .iter()
        .fold(String::new(), |path, part| path + "/" + &part.replace('~', "~0").replace('/', "~1"))
}

/// A failure with its public message and its internal cause, which the caller must not receive.
#[derive(Debug, Clone)]
pub struct Error {
    /// Code of the error's row.
    pub code: ErrorCode,
    /// Public message; contains no internal details.
    pub message: String,
    /// Errors in fields of the request, at most [`FIELD_ERRORS_MAX`].
    pub fields: Vec<FieldError>,
    /// Number of errors in fields that `fields` does not list.
    pub more_fields: usize,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Creates an error with a public message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new(), more_fields: 0, source: None }
    }

    /// Creates an error with the title of its row as the message.
    #[must_use]
    pub fn of(code: ErrorCode) -> Self {
        Self::new(code, code.row().title)
    }

    /// Creates an internal error: the log shows the cause, the caller gets only the title.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::of(ErrorCode::Internal).caused_by(source)
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// Row of the error's code.
    #[must_use]
    pub const fn row(&self) -> ErrorRow {
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
    fn f23_client_errors_have_neither_success_nor_wrong_server_status() {
        for row in ErrorCode::ALL.iter().map(|code| code.row()) {
            assert!((400..=599).contains(&row.http), "{}", row.slug);
            assert_ne!(row.ret_code, 0, "{}", row.slug);
            assert_eq!(
                row.retryable,
                [408, 429, 503].contains(&row.http),
                "{}: only 408, 429 and 503 are retryable",
                row.slug
            );
        }
    }

    #[test]
    fn slugs_are_unique_and_only_original_numbers_are_shared() {
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
    fn numbers_of_the_original_system_keep_their_meaning() {
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
    fn cause_is_the_source_and_not_in_the_message() {
        let error = Error::internal("disk /var/x is on fire");
        assert!(!error.to_string().contains("fire"));
        assert_eq!(
            error.source().expect("an internal error has a source").to_string(),
            "disk /var/x is on fire"
        );
    }

    #[test]
    fn all_field_errors_are_listed_and_the_message_stays_short() {
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
    fn field_errors_beyond_the_limit_are_counted() {
        let mut errors = FieldErrors::default();
        for index in 0..FIELD_ERRORS_MAX + 50 {
            errors.add(format!("/env/{index}"), FieldCode::Pattern, "is wrong");
        }
        let mut others = errors.clone();
        others.extend(errors);
        let error = Error::from(others);
        assert_eq!(
            (error.fields.len(), error.more_fields),
            (FIELD_ERRORS_MAX, FIELD_ERRORS_MAX + 100)
        );
        assert!(
            error.message.ends_with(&format!("; and {} more", 2 * FIELD_ERRORS_MAX + 95)),
            "{error}"
        );
    }

    #[test]
    fn long_names_are_clipped_in_the_message() {
        let mut errors = FieldErrors::default();
        errors.add(
            pointer(&["parameters", &"x".repeat(1_000_000)]),
            FieldCode::Unknown,
            "is not known",
        );
        assert!(Error::from(errors).message.len() < 200);
    }

    #[test]
    fn pointer_escapes_tilde_and_slash() {
        assert_eq!(pointer(&["env", "a/b~c"]), "/env/a~1b~0c");
    }
}
