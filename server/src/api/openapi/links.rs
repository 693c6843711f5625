//! Links of responses: the operations that follow, and the part of the response that each parameter
//! comes from. Clients and test tools follow them from a template to its task and its runs.

use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{RefOr, Response};

/// Operation, operation that follows, and its parameters with their sources.
type Link = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const ID: &str = "$response.body#/id";
const NAME: &str = "$response.body#/name";
const SAME_PROJECT: (&str, &str) = ("project", "$request.path.project");
const PROJECT_MEMBER: &[(&str, &str)] = &[SAME_PROJECT, ("user", "$response.body#/items/0/user")];
const PROJECT_PARTY: &[(&str, &str)] = &[SAME_PROJECT, ("party", "$response.body#/items/0/party")];
const FIRST: &str = "$response.body#/items/0/id";
const OF_RUN: (&str, &str) = ("task", "$response.body#/task");
const MEMBER: &[(&str, &str)] =
    &[OF_RUN, ("run", ID), ("party", "$response.body#/members/0/party")];
const SAME_TASK: (&str, &str) = ("task", "$request.path.task");
const OUTPUT: &[(&str, &str)] = &[
    SAME_TASK,
    ("run", "$request.path.run"),
    ("party", "$request.path.party"),
    ("path", "$response.body#/outputs/0/path"),
];
const USER_CODE: &[(&str, &str)] = &[("user_code", "$response.body#/user_code")];
const PROVIDER: &[(&str, &str)] = &[("provider", "$response.body#/items/0/name")];
const NEW_WEBHOOK: (&str, &str) = ("webhook", "$response.body#/webhook/id");
const SAME_WEBHOOK: (&str, &str) = ("webhook", "$request.path.webhook");
const NEXT: &[(&str, &str)] = &[("cursor", "$response.body#/next")];
const ETAG: (&str, &str) = ("If-Match", "$response.header.ETag");

const LINKS: &[Link] = &[
    ("create_template", "get_template", &[("template", ID)]),
    ("create_template", "edit_template", &[("template", ID), ETAG]),
    ("create_template", "delete_template", &[("template", ID)]),
    ("create_template", "list_revisions", &[("template", ID)]),
    (
        "create_template",
        "get_revision",
        &[("template", ID), ("revision", "$response.body#/revision")],
    ),
    ("create_template", "list_tasks", &[("template", ID)]),
    ("list_templates", "get_template", &[("template", FIRST)]),
    ("list_templates", "list_templates", NEXT),
    (
        "list_revisions",
        "get_revision",
        &[("template", "$request.path.template"), ("revision", "$response.body#/items/0/revision")],
    ),
    ("create_webhook", "get_webhook", &[NEW_WEBHOOK]),
    ("create_webhook", "edit_webhook", &[NEW_WEBHOOK, ETAG]),
    ("create_webhook", "rotate_webhook_secret", &[NEW_WEBHOOK]),
    ("create_webhook", "test_webhook", &[NEW_WEBHOOK]),
    ("create_webhook", "list_deliveries", &[NEW_WEBHOOK]),
    ("create_webhook", "delete_webhook", &[NEW_WEBHOOK]),
    ("list_webhooks", "get_webhook", &[("webhook", FIRST)]),
    ("list_webhooks", "list_webhooks", NEXT),
    ("test_webhook", "redeliver", &[SAME_WEBHOOK, ("delivery", ID)]),
    ("list_deliveries", "redeliver", &[SAME_WEBHOOK, ("delivery", FIRST)]),
    ("create_task", "get_task", &[("task", ID)]),
    ("create_task", "edit_task", &[("task", ID), ETAG]),
    ("create_task", "start_task", &[("task", ID)]),
    ("create_task", "delete_task", &[("task", ID)]),
    ("create_task", "clone_task", &[("task", ID)]),
    ("create_task", "list_runs", &[("task", ID)]),
    ("create_task", "list_events", &[("task", ID)]),
    ("create_task", "get_template", &[("template", "$response.body#/template")]),
    ("list_tasks", "get_task", &[("task", FIRST)]),
    ("list_tasks", "list_tasks", NEXT),
    ("start_task", "get_run", &[OF_RUN, ("run", ID)]),
    ("start_task", "list_events", &[OF_RUN]),
    ("start_task", "stop_task", &[OF_RUN]),
    ("start_task", "get_member", MEMBER),
    ("start_task", "get_member_log", MEMBER),
    ("start_task", "get_member_series", MEMBER),
    ("start_task", "list_member_outputs", MEMBER),
    ("list_all_runs", "get_run", &[("task", "$response.body#/items/0/task"), ("run", FIRST)]),
    ("list_all_runs", "list_all_runs", NEXT),
    ("list_runs", "get_run", &[SAME_TASK, ("run", FIRST)]),
    ("get_run", "export_series", &[SAME_TASK, ("run", ID)]),
    ("get_run", "get_member", MEMBER),
    ("get_run", "get_member_log", MEMBER),
    ("get_run", "get_member_series", MEMBER),
    ("get_run", "list_member_outputs", MEMBER),
    ("list_member_outputs", "get_member_output", OUTPUT),
    ("create_party", "get_party", &[("party", "$response.body#/name")]),
    ("create_party", "list_party_contacts", &[("party", "$response.body#/name")]),
    ("create_party", "rotate_party_secret", &[("party", "$response.body#/name")]),
    ("create_party", "disable_party", &[("party", "$response.body#/name")]),
    ("create_party", "enable_party", &[("party", "$response.body#/name")]),
    ("create_party", "delete_party", &[("party", "$response.body#/name")]),
    ("list_parties", "get_party", &[("party", "$response.body#/items/0/name")]),
    ("list_parties", "list_party_contacts", &[("party", "$response.body#/items/0/name")]),
    ("list_parties", "list_parties", NEXT),
    ("list_orphans", "keep_orphan", &[("orphan", FIRST)]),
    ("list_orphans", "stop_orphan", &[("orphan", FIRST)]),
    ("list_orphans", "list_orphans", NEXT),
    ("create_user", "get_user", &[("user", NAME)]),
    ("create_user", "edit_user", &[("user", NAME)]),
    ("create_user", "set_password", &[("user", NAME)]),
    ("create_user", "delete_user", &[("user", NAME)]),
    ("create_token", "get_token", &[("token", "$response.body#/token/id")]),
    ("create_token", "delete_token", &[("token", "$response.body#/token/id")]),
    ("create_session", "delete_session", &[("session", ID)]),
    ("start_device_sign_in", "get_device_sign_in", USER_CODE),
    ("start_device_sign_in", "approve_device_sign_in", USER_CODE),
    ("start_device_sign_in", "deny_device_sign_in", USER_CODE),
    ("list_oidc_providers", "start_oidc_sign_in", PROVIDER),
    ("list_oidc_providers", "end_oidc_sign_in", PROVIDER),
    ("list_oidc_providers", "link_identity", PROVIDER),
    ("list_sessions", "delete_session", &[("session", FIRST)]),
    ("list_sessions", "list_sessions", NEXT),
    ("create_project", "get_project", &[("project", NAME)]),
    ("create_project", "edit_project", &[("project", NAME)]),
    ("create_project", "delete_project", &[("project", NAME)]),
    ("create_project", "list_project_members", &[("project", NAME)]),
    ("create_project", "list_project_parties", &[("project", NAME)]),
    ("list_project_members", "set_project_member", PROJECT_MEMBER),
    ("list_project_members", "remove_project_member", PROJECT_MEMBER),
    ("list_project_parties", "offer_party", PROJECT_PARTY),
    ("list_project_parties", "withdraw_party", PROJECT_PARTY),
];

/// Adds the links of the operation to its success responses.
pub fn link(operation: &mut Operation) {
    let Some(id) = operation.operation_id.clone() else { return };
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with('2')
        {
            add(response, &id);
        }
    }
}

fn add(response: &mut Response, id: &str) {
    for (_, target, parameters) in LINKS.iter().filter(|(from, ..)| *from == id) {
        let link = LinkBuilder::new().operation_id(*target);
        let link =
            parameters.iter().fold(link, |link, (name, place)| link.parameter(*name, *place));
        response.links.insert((*target).to_owned(), link.build().into());
    }
}
