//! Version, features and limits of the hub, for programs that work with several releases.

use axum::Json;

use crate::api::extract::{BODY_BYTES_MAX, Caller};
use crate::webhooks::KEPT_DELIVERIES_MAX;
use flow_api_types::limits::{
    APPLY_ITEMS_MAX, BULK_TASKS_MAX, COMPARED_RUNS_MAX, LABEL_FILTERS_MAX, PAGE_ITEMS_DEFAULT,
    PAGE_ITEMS_MAX,
};
use flow_api_types::{HubInfo, HubLimits};
use flow_domain::limits::{LABELS_MAX, MEMBERS_MAX};
use flow_domain::webhook::{URL_CHARS_MAX, WEBHOOKS_MAX};

/// Features that the first release of the API does not have. A name is never removed while the API
/// has its version.
const FEATURES: [&str; 12] = [
    "bulk_changes",
    "dry_run_asks_parties",
    "event_feed",
    "event_feed_progress",
    "list_fields",
    "list_sorting",
    "overview",
    "party_contacts",
    "run_filters",
    "series_export",
    "sign_in_codes",
    "task_labels",
];

/// Get version, features and limits of the hub
#[utoipa::path(get, path = "/info", tag = "service", operation_id = "get_info",
    responses((status = 200, description = "Version, features and limits", body = HubInfo)))]
pub(super) async fn get(_: Caller) -> Json<HubInfo> {
    Json(HubInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        features: FEATURES.iter().map(|name| (*name).to_owned()).collect(),
        limits: HubLimits {
            page_items_default: PAGE_ITEMS_DEFAULT.into(),
            page_items_max: PAGE_ITEMS_MAX.into(),
            apply_items_max: APPLY_ITEMS_MAX as u64,
            bulk_tasks_max: BULK_TASKS_MAX.into(),
            compared_runs_max: COMPARED_RUNS_MAX as u64,
            task_members_max: MEMBERS_MAX as u64,
            task_labels_max: LABELS_MAX as u64,
            label_filters_max: LABEL_FILTERS_MAX as u64,
            body_bytes_max: BODY_BYTES_MAX as u64,
            project_webhooks_max: WEBHOOKS_MAX.into(),
            webhook_url_chars_max: URL_CHARS_MAX as u64,
            webhook_deliveries_max: KEPT_DELIVERIES_MAX.into(),
        },
    })
}
