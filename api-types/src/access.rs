//! Accounts, API tokens, sessions, projects and the audit of access.

use std::fmt;

use flow_domain::access::{ProjectRole, TokenScope, UserKind};
use flow_domain::id::{DatasetName, ProjectId, UserName};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::{Named, Time, object, schema};

/// A password or another secret of a request. Its `Debug` output hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(pub String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Request to create the first account of a hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = SetupInput::sample)]
pub struct SetupInput {
    /// Content of the file `setup-code` in the data directory of the hub.
    #[schema(value_type = String, max_length = 256)]
    pub code: SecretText,
    /// Name of the new account.
    #[schema(value_type = schema::UserName)]
    pub name: UserName,
    /// Password for `create_session`. Without one the account has only its API token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Password>)]
    pub password: Option<SecretText>,
}

/// First account, a federation administrator, with its API token.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SetupDone {
    /// The account.
    pub user: User,
    /// The API token.
    pub token: Token,
    /// Text of the API token. The hub stores only its hash and cannot show it again.
    #[schema(value_type = String)]
    pub secret: SecretText,
}

/// Account of a person or a program.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Id of the account.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// Name of the account.
    #[schema(value_type = schema::UserName)]
    pub name: String,
    /// Kind of the account.
    #[schema(value_type = schema::UserKind)]
    pub kind: Named<UserKind>,
    /// The account administers the federation: accounts, projects, parties; and it has the role
    /// `admin` in every project.
    pub federation_admin: bool,
    /// The account can sign in with a password.
    pub has_password: bool,
    /// When the account was created.
    pub created_at: Time,
    /// When the account was disabled. Absent if it is enabled. Its tokens and sessions are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Time>,
}

/// Request to create an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = NewUser::sample)]
pub struct NewUser {
    /// Name of the account. It cannot be changed.
    #[schema(value_type = schema::UserName)]
    pub name: UserName,
    /// Kind of the account. A service has API tokens only.
    #[serde(default = "person")]
    #[schema(value_type = schema::UserKind, default = "person")]
    pub kind: UserKind,
    /// Let the account administer the federation.
    #[serde(default)]
    #[schema(default = false)]
    pub federation_admin: bool,
    /// Password of a person. Without one the person signs in by other means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Password>)]
    pub password: Option<SecretText>,
}

const fn person() -> UserKind {
    UserKind::Person
}

/// Request to change an account. An absent field does not change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = UserEdit::sample)]
pub struct UserEdit {
    /// Let the account administer the federation, or no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation_admin: Option<bool>,
    /// Disable the account, which also ends its sessions, or enable it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// Request to set a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = NewPassword::sample)]
pub struct NewPassword {
    /// New password.
    #[schema(value_type = schema::Password)]
    pub password: SecretText,
    /// Current password. Required of an account that has one and changes its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Password>)]
    pub current: Option<SecretText>,
}

/// API token, without its text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Id of the token.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// Purpose of the token, for people.
    pub name: String,
    /// Account of the token.
    #[schema(value_type = schema::UserName)]
    pub user: String,
    /// First and last characters of the token, for people.
    pub hint: String,
    /// Uses of the token.
    #[schema(value_type = schema::TokenScope)]
    pub scope: Named<TokenScope>,
    /// Only project of the token. Absent: all projects of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ProjectName>)]
    pub project: Option<String>,
    /// Highest role of the token. Absent: the role of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ProjectRole>)]
    pub role: Option<Named<ProjectRole>>,
    /// When the token was created.
    pub created_at: Time,
    /// When the token expires. Absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Last use, in steps of five minutes. Absent: never used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Time>,
}

/// Request to create an API token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = NewToken::sample)]
pub struct NewToken {
    /// Purpose of the token, for people.
    #[schema(value_type = schema::TokenName)]
    pub name: String,
    /// Account of the token. Absent: the caller. Only a federation administrator may name another
    /// account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::UserName>)]
    pub user: Option<UserName>,
    /// Uses of the token.
    #[serde(default = "api")]
    #[schema(value_type = schema::TokenScope, default = "api")]
    pub scope: TokenScope,
    /// Limit the token to this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ProjectName>)]
    pub project: Option<ProjectId>,
    /// Limit the token to this role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ProjectRole>)]
    pub role: Option<ProjectRole>,
    /// Days until the token expires. 0: the token never expires.
    #[serde(default = "default_days")]
    #[schema(value_type = schema::TokenDays)]
    pub expires_in_days: u32,
}

const fn api() -> TokenScope {
    TokenScope::Api
}

/// Days until a token expires, unless the request names others.
#[must_use]
pub const fn default_days() -> u32 {
    crate::limits::TOKEN_DAYS_DEFAULT
}

/// New API token with its text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenCreated {
    /// The token.
    pub token: Token,
    /// Text of the token. The hub stores only its hash and cannot show it again.
    #[schema(value_type = String)]
    pub secret: SecretText,
}

/// Request to sign in: `name` and `password`, or `code` alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = SignIn::sample)]
pub struct SignIn {
    /// Name of the account.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(value_type = String, max_length = 256)]
    pub name: Option<String>,
    /// Password of the account.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(value_type = String, max_length = 1024)]
    pub password: Option<SecretText>,
    /// One-time code of `create_sign_in_code`. Small letters and missing hyphens are accepted.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "not_null")]
    #[schema(value_type = String, max_length = 256)]
    pub code: Option<SecretText>,
}

/// Reads an optional field whose value must not be `null`.
fn not_null<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// One-time code with which the caller opens a session in a browser.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SignInCode {
    /// The code. The hub stores only its hash and cannot show it again.
    #[schema(value_type = schema::SignInCodeText)]
    pub code: SecretText,
    /// When the code expires.
    pub expires_at: Time,
}

/// Session of a browser.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Id of the session.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// Method of the sign-in, as in `password`.
    pub method: String,
    /// Client as it named itself.
    pub client: String,
    /// When the session began.
    pub created_at: Time,
    /// Last use, in steps of five minutes.
    pub seen_at: Time,
    /// When the session ends at the latest.
    pub expires_at: Time,
    /// The session of this request.
    pub current: bool,
}

/// Sessions of the caller.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionList {
    /// Sessions, oldest first.
    pub items: Vec<Session>,
    /// Value of `cursor` for the next page. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Role of the caller in a project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProjectAccess {
    /// Name of the project.
    #[schema(value_type = schema::ProjectName)]
    pub project: String,
    /// Role of the caller.
    #[schema(value_type = schema::ProjectRole)]
    pub role: Named<ProjectRole>,
}

/// Caller, with what its credential allows.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// Id of the account.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// Name of the account.
    #[schema(value_type = schema::UserName)]
    pub name: String,
    /// Kind of the account.
    #[schema(value_type = schema::UserKind)]
    pub kind: Named<UserKind>,
    /// The credential administers the federation.
    pub federation_admin: bool,
    /// Kind of the credential, as in `token` or `session`.
    pub credential: String,
    /// Selected project.
    #[schema(value_type = schema::ProjectName)]
    pub project: String,
    /// Role in the selected project. Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ProjectRole>)]
    pub role: Option<Named<ProjectRole>>,
    /// Projects of the caller.
    pub projects: Vec<ProjectAccess>,
}

/// Project: tasks and templates that its members share.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// Name of the project.
    #[schema(value_type = schema::ProjectName)]
    pub name: String,
    /// Free text for people.
    pub remark: String,
    /// Every party of the federation is offered to the project.
    pub all_parties: bool,
    /// When the project was created.
    pub created_at: Time,
    /// Stored objects of the project, and their limits.
    pub quotas: ProjectQuotas,
}

/// Stored objects of a project, and their limits. Deleted tasks, their runs, and deleted templates
/// do not count.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct ProjectQuotas {
    /// Tasks.
    pub tasks: Quota,
    /// Runs of the tasks.
    pub runs: Quota,
    /// Templates.
    pub templates: Quota,
}

/// Number of stored objects of one kind, and their limit.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct Quota {
    /// Objects that are stored.
    #[schema(minimum = 0)]
    pub used: u64,
    /// Number beyond which no object can be created.
    #[schema(minimum = 0)]
    pub limit: u64,
}

/// Request to create a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = NewProject::sample)]
pub struct NewProject {
    /// Name of the project. It cannot be changed, nor used again after a deletion.
    #[schema(value_type = schema::ProjectName)]
    pub name: ProjectId,
    /// Free text for people.
    #[serde(default)]
    #[schema(value_type = schema::Remark)]
    pub remark: String,
    /// Offer every party of the federation to the project.
    #[serde(default)]
    #[schema(default = false)]
    pub all_parties: bool,
}

/// Request to change a project. An absent field does not change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = ProjectEdit::sample)]
pub struct ProjectEdit {
    /// Free text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Remark>)]
    pub remark: Option<String>,
    /// Offer every party of the federation to the project, or only those that were offered by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_parties: Option<bool>,
    /// Limits of stored objects.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub quotas: Option<QuotaEdit>,
}

/// Change of the limits of a project. An absent field does not change; `null` is the limit in the
/// configuration of the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaEdit {
    /// Largest number of tasks.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<schema::QuotaLimit>)]
    pub tasks: Option<Option<u32>>,
    /// Largest number of runs of the tasks.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<schema::QuotaLimit>)]
    pub runs: Option<Option<u32>>,
    /// Largest number of templates.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[schema(value_type = Option<schema::QuotaLimit>)]
    pub templates: Option<Option<u32>>,
}

/// Reads a field in which `null` differs from an absent field.
fn present<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(source).map(Some)
}

/// Account with a role in a project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Membership {
    /// Name of the account.
    #[schema(value_type = schema::UserName)]
    pub user: String,
    /// Role of the account in the project.
    #[schema(value_type = schema::ProjectRole)]
    pub role: Named<ProjectRole>,
    /// When the account first got a role in the project.
    pub added_at: Time,
}

/// Request to give an account a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = MembershipInput::sample)]
pub struct MembershipInput {
    /// Role in the project.
    #[schema(value_type = schema::ProjectRole)]
    pub role: ProjectRole,
}

/// Party that is offered to a project by name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OfferedParty {
    /// Name of the party.
    #[schema(value_type = schema::PartyName)]
    pub party: String,
    /// Datasets that the project may use. Absent: all of the party.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<schema::DatasetName>>)]
    pub datasets: Option<Vec<String>>,
    /// When the party was offered.
    pub added_at: Time,
}

/// Request to offer a party to a project.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = OfferInput::sample)]
pub struct OfferInput {
    /// Datasets that the project may use. Absent: all of the party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::OfferedDatasets>)]
    pub datasets: Option<Vec<DatasetName>>,
}

/// Sign-in, or change of an account, a token, a project or a party.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Id of the entry; later entries have greater ids.
    #[schema(value_type = schema::Id)]
    pub id: String,
    /// When it was done.
    pub at: Time,
    /// Account that did it.
    pub actor: String,
    /// Name of the operation.
    pub action: String,
    /// Object of the operation.
    pub object: String,
    /// Project that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ProjectName>)]
    pub project: Option<String>,
    /// Address of the client.
    pub address: String,
    /// More, for people.
    pub detail: String,
}
