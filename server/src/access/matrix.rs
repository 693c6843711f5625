//! Rules for the callers of each operation. `docs/authorization.md` is this table.

use std::fmt::{self, Write as _};

use flow_domain::access::ProjectRole::{self, Admin, Operator, Submitter, Viewer};
use utoipa::openapi::OpenApi;

/// Requirement of an operation for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Nothing.
    Public,
    /// An account, with any credential for the API.
    SignedIn,
    /// An account, with a credential that has all of its rights.
    Account,
    /// A role in the selected project.
    Project(ProjectRole),
    /// The first role for a task that the caller created, the second one for others. The engine
    /// compares the creator: it reads the task.
    Own(ProjectRole, ProjectRole),
    /// The administration of the federation.
    FederationAdmin,
    /// The administration of the federation, or a token with the scope `metrics`.
    Metrics,
}

use Rule::{Account, FederationAdmin, Metrics, Own, Project, Public, SignedIn};

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Public => write!(f, "nothing: no credentials"),
            SignedIn => write!(f, "every account"),
            Account => write!(f, "every account, not with a limited token"),
            Project(role) => write!(f, "{role}"),
            Own(own, other) => write!(f, "{own} for own tasks, {other} for others"),
            FederationAdmin => write!(f, "federation administrator"),
            Metrics => write!(f, "federation administrator, or a token with scope `metrics`"),
        }
    }
}

/// The rule of each operation of the OpenAPI document, by its id.
pub const RULES: &[(&str, Rule)] = &[
    ("start_page", Public),
    ("console_asset", Public),
    ("guide", Public),
    ("docs", Public),
    ("asset", Public),
    ("livez", Public),
    ("readyz", Public),
    ("document", SignedIn),
    ("get_version", SignedIn),
    ("get_info", SignedIn),
    ("get_system", FederationAdmin),
    ("metrics", Metrics),
    ("get_access_token_keys", Public),
    ("device_page", Public),
    ("setup", Public),
    ("create_sign_in_code", Account),
    ("create_session", Public),
    ("list_sessions", Account),
    ("delete_session", Account),
    ("get_me", SignedIn),
    ("list_users", FederationAdmin),
    ("create_user", FederationAdmin),
    ("get_user", FederationAdmin),
    ("edit_user", FederationAdmin),
    ("delete_user", FederationAdmin),
    ("set_password", Account),
    ("list_tokens", Account),
    ("create_token", Account),
    ("get_token", Account),
    ("delete_token", Account),
    ("create_access_token", SignedIn),
    ("start_device_sign_in", Public),
    ("poll_device_sign_in", Public),
    ("get_device_sign_in", Account),
    ("approve_device_sign_in", Account),
    ("deny_device_sign_in", Account),
    ("list_oidc_providers", Public),
    ("start_oidc_sign_in", Public),
    ("end_oidc_sign_in", Public),
    ("link_identity", FederationAdmin),
    ("list_projects", SignedIn),
    ("create_project", FederationAdmin),
    ("get_project", Project(Viewer)),
    ("edit_project", FederationAdmin),
    ("delete_project", FederationAdmin),
    ("list_project_members", Project(Viewer)),
    ("set_project_member", Project(Admin)),
    ("remove_project_member", Project(Admin)),
    ("list_project_parties", Project(Viewer)),
    ("offer_party", FederationAdmin),
    ("withdraw_party", FederationAdmin),
    ("list_audit", FederationAdmin),
    ("apply", Own(Submitter, Operator)),
    ("list_templates", Project(Viewer)),
    ("create_template", Project(Submitter)),
    ("get_template", Project(Viewer)),
    ("edit_template", Project(Submitter)),
    ("delete_template", Project(Operator)),
    ("list_revisions", Project(Viewer)),
    ("get_revision", Project(Viewer)),
    ("check_task", Project(Submitter)),
    ("list_tasks", Project(Viewer)),
    ("create_task", Project(Submitter)),
    ("get_task", Project(Viewer)),
    ("edit_task", Own(Submitter, Operator)),
    ("delete_task", Own(Submitter, Operator)),
    ("start_task", Own(Submitter, Operator)),
    ("stop_task", Own(Submitter, Operator)),
    ("clone_task", Project(Submitter)),
    ("stop_tasks", Own(Submitter, Operator)),
    ("delete_tasks", Own(Submitter, Operator)),
    ("get_overview", Project(Viewer)),
    ("list_events", Project(Viewer)),
    ("list_all_events", Project(Viewer)),
    ("list_all_runs", Project(Viewer)),
    ("compare_runs", Project(Viewer)),
    ("list_runs", Project(Viewer)),
    ("get_run", Project(Viewer)),
    ("export_series", Project(Viewer)),
    ("get_member", Project(Viewer)),
    ("get_member_log", Project(Viewer)),
    ("get_member_series", Project(Viewer)),
    ("list_member_outputs", Project(Viewer)),
    ("get_member_output", Project(Viewer)),
    ("list_webhooks", Project(Admin)),
    ("create_webhook", Project(Admin)),
    ("get_webhook", Project(Admin)),
    ("edit_webhook", Project(Admin)),
    ("delete_webhook", Project(Admin)),
    ("rotate_webhook_secret", Project(Admin)),
    ("test_webhook", Project(Admin)),
    ("list_deliveries", Project(Admin)),
    ("redeliver", Project(Admin)),
    ("list_parties", Project(Viewer)),
    ("get_party", Project(Viewer)),
    ("list_party_contacts", Project(Viewer)),
    ("create_party", FederationAdmin),
    ("rotate_party_secret", FederationAdmin),
    ("disable_party", FederationAdmin),
    ("enable_party", FederationAdmin),
    ("delete_party", FederationAdmin),
    ("list_orphans", FederationAdmin),
    ("stop_orphan", FederationAdmin),
    ("keep_orphan", FederationAdmin),
];

/// The rules of routes that are not in the OpenAPI document, by method and path.
pub const ROUTES: &[(&str, &str, Rule)] = &[
    ("GET", "/api/v1/doc", Public),
    ("GET", "/api/v1/swagger.json", Public),
    ("GET", "/api/v1/federate", Project(Viewer)),
    ("GET", "/api/v1/template", Project(Viewer)),
    ("POST", "/api/v1/template", Project(Submitter)),
    ("GET", "/api/v1/template/{template_id}", Project(Viewer)),
    ("PUT", "/api/v1/template/{template_id}", Project(Submitter)),
    ("DELETE", "/api/v1/template/{template_id}", Project(Operator)),
    ("GET", "/api/v1/task", Project(Viewer)),
    ("POST", "/api/v1/task", Project(Submitter)),
    ("GET", "/api/v1/task/{task_id}", Project(Viewer)),
    ("PUT", "/api/v1/task/{task_id}", Own(Submitter, Operator)),
    ("DELETE", "/api/v1/task/{task_id}", Own(Submitter, Operator)),
    ("POST", "/api/v1/task/{task_id}/start", Own(Submitter, Operator)),
    ("POST", "/api/v1/task/{task_id}/stop", Own(Submitter, Operator)),
];

/// Returns the rule of an operation.
#[must_use]
pub fn rule(operation: &str) -> Option<Rule> {
    RULES.iter().find(|(id, _)| *id == operation).map(|(_, rule)| *rule)
}

/// Returns the text of `docs/authorization.md`.
#[must_use]
pub fn markdown(document: &OpenApi) -> String {
    let mut text = String::from(
        "# Authorization\n\n\
         Generated from `server/src/access/matrix.rs` by `make generate`. A role belongs to an account and a project, and\n\
         includes the roles before it: viewer, submitter, operator, admin. An administrator of the federation has the role\n\
         admin in every project. An object of another project is \"not found\". See [access.md](access.md).\n\n\
         | operation | request | needs |\n| --- | --- | --- |\n",
    );
    for (path, item) in &document.paths.paths {
        let operations = [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ];
        for (method, operation) in operations {
            let id = operation.as_ref().and_then(|operation| operation.operation_id.as_deref());
            let Some(id) = id else { continue };
            let rule = rule(id).map_or("nobody".to_owned(), |rule| rule.to_string());
            // A `String` accepts every text.
            let _ = writeln!(text, "| {id} | `{method} {path}` | {rule} |");
        }
    }
    for (method, path, rule) in ROUTES {
        let _ = writeln!(text, "| | `{method} {path}` | {rule} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_has_a_rule_and_every_rule_an_operation() {
        let document = crate::api::document();
        let items = document.paths.paths.values();
        let operations: BTreeSet<&str> = items
            .flat_map(|item| [&item.get, &item.put, &item.post, &item.delete, &item.patch])
            .filter_map(|operation| operation.as_ref()?.operation_id.as_deref())
            .collect();
        let rules: BTreeSet<&str> = RULES.iter().map(|(id, _)| *id).collect();
        assert_eq!(rules.len(), RULES.len(), "an operation has two rules");
        assert_eq!(operations, rules);
    }

    #[test]
    fn authorization_document_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/authorization.md");
        let text = markdown(&crate::api::document());
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &text).expect("the repository is writable");
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == text, "docs/authorization.md is out of date: run `make generate`");
    }
}
