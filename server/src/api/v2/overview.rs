//! State of a project at a glance.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flow_api_types::limits::{OVERVIEW_HOURS_DEFAULT, OVERVIEW_HOURS_MAX};
use flow_api_types::{
    Attention, ExpiringCertificate, ListedRun, Overview, OverviewBucket, PartyAway, schema,
};
use flow_domain::error::FieldCode;
use flow_domain::id::ProjectId;
use flow_domain::run::Run;
use flow_domain::time::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::runs::progress;
use crate::api::extract::{Caller, Params};
use crate::api::problem::{ApiError, field};
use crate::state::App;
use crate::store::{AbsentParty, AttentionRuns, RunBucket};

/// Parts of the period.
const BUCKETS: usize = 24;
/// Runs of each list.
const RUNS_MAX: usize = 10;
/// Parties of the list.
const PARTIES_MAX: u32 = 20;
/// Time before its expiry at which a certificate needs attention, in seconds: 30 days.
const EXPIRY_S: u64 = 30 * 24 * 3600;

/// Period of an overview.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OverviewParams {
    /// Hours of the period.
    #[param(value_type = Option<schema::OverviewHours>)]
    hours: Option<u32>,
}

/// Get the state of the project at a glance
///
/// Returns the number of tasks by phase, the objects that need attention, and the runs of the last
/// `hours` hours in 24 equal parts. The hub reuses an overview for twenty times the time that it took
/// to read, at most 30 seconds: with few tasks it is new in each response. Runs that ended before the
/// upgrade to this release are not in `buckets`.
#[utoipa::path(get, path = "/overview", tag = "tasks", operation_id = "get_overview", params(OverviewParams),
    responses((status = 200, description = "The state", body = Overview)))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Caller(principal): Caller,
    Params(OverviewParams { hours }): Params<OverviewParams>,
) -> Result<Json<Overview>, ApiError> {
    let hours = hours.unwrap_or(OVERVIEW_HOURS_DEFAULT);
    if !(1..=OVERVIEW_HOURS_MAX).contains(&hours) {
        let message = format!("is {hours} and must be 1 to {OVERVIEW_HOURS_MAX}");
        return Err(field("?hours", FieldCode::OutOfRange, message).into());
    }
    let key = (principal.project.clone(), hours);
    let read = app.overviews.get(key, read(&app, &principal.project, hours)).await?;
    let mut overview = Overview::clone(&read);
    if principal.federation_admin {
        overview.attention.certificates = expiring(&app);
    }
    Ok(Json(overview))
}

/// Returns the certificates of the listeners that expire soon.
fn expiring(app: &App) -> Vec<ExpiringCertificate> {
    let limit = app.clock.now().plus_secs(EXPIRY_S);
    let certificates = app.metrics.host().into_iter().flat_map(|host| &host.certificates);
    let expiring = certificates.filter_map(|(name, certificate)| {
        let ends = certificate.validity().iter().map(|validity| validity.ends).min()?;
        (ends <= limit)
            .then(|| ExpiringCertificate { name: (*name).to_owned(), not_after: ends.into() })
    });
    expiring.collect()
}

async fn read(app: &App, project: &ProjectId, hours: u32) -> Result<Overview, ApiError> {
    let now = app.clock.now();
    let bucket_s = u64::from(hours) * 3600 / BUCKETS as u64;
    let width_us = Timestamp(0).plus_secs(bucket_s).0;
    // The last part contains the present microsecond.
    let from = Timestamp(now.0 + 1 - width_us * BUCKETS as i64);
    let counts = app.store.count_by_phase(project).await?;
    let buckets = app.store.run_buckets(project, from, width_us, BUCKETS).await?;
    let AttentionRuns { failed, waiting } =
        app.store.attention_runs(project, from, RUNS_MAX).await?;
    let ids: Vec<_> = failed.iter().chain(&waiting).map(|(run, _)| run.id.clone()).collect();
    let progress = progress(app, &ids).await?;
    let listed = |runs: Vec<(Run, String)>| {
        let show = |(run, name): (Run, String)| {
            let none = std::collections::BTreeMap::new();
            ListedRun::new(&run, name, progress.get(&run.id).unwrap_or(&none))
        };
        runs.into_iter().map(show).collect()
    };
    let parties = app.store.absent_parties(project, PARTIES_MAX).await?;
    let away = |AbsentParty { party, since }| PartyAway { name: party.into(), since: since.into() };
    let starts = (0..).map(|index: i64| Timestamp(from.0 + index * width_us));
    let buckets = starts.zip(buckets).map(|(at, bucket)| show(at, bucket));
    Ok(Overview {
        at: now.into(),
        hours,
        counts,
        attention: Attention {
            failed: listed(failed),
            waiting: listed(waiting),
            parties_away: parties.into_iter().map(away).collect(),
            certificates: Vec::new(),
        },
        buckets: buckets.collect(),
    })
}

fn show(at: Timestamp, bucket: RunBucket) -> OverviewBucket {
    let RunBucket { started, succeeded, failed, cancelled, queued_us_p50, queued_us_max } = bucket;
    #[expect(clippy::cast_precision_loss, reason = "a duration has fewer than 53 bits")]
    let seconds = |micros: i64| micros as f64 / 1e6;
    OverviewBucket {
        at: at.into(),
        started,
        succeeded,
        failed,
        cancelled,
        queue_seconds_p50: queued_us_p50.map(seconds),
        queue_seconds_max: queued_us_max.map(seconds),
    }
}
