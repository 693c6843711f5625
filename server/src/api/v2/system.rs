//! State of the hub for its administrator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use flow_api_types::{
    System, SystemCertificate, SystemCheck, SystemDisk, SystemLimits, SystemStore,
};
use flow_common::disk::Disk;
use flow_common::error::chain;

use crate::api::extract::Caller;
use crate::readiness::{Checked, NotReady};
use crate::state::App;

/// Get the state of the hub
///
/// Checks, database, disk, certificates and limits of the process that answers.
#[utoipa::path(get, path = "/system", tag = "service", operation_id = "get_system",
    responses((status = 200, description = "The state", body = System)))]
pub(super) async fn get(State(app): State<Arc<App>>, _: Caller) -> Json<System> {
    let check = |name: &str, result: Result<(), NotReady>| SystemCheck {
        name: name.to_owned(),
        ok: result.is_ok(),
        message: result.err().map(|reason| reason.to_string()),
    };
    let Checked { store, engine } = app.readiness.parts().await;
    let ready = vec![
        check("process", app.readiness.process()),
        check("store", store),
        check("engine", engine),
    ];
    let found = app.store.version_and_size().await;
    let found = found.inspect_err(|error| {
        tracing::warn!(error = chain(error), "cannot read version and size of the database");
    });
    let (version, size_bytes) = found.ok().unzip();
    let host = app.metrics.host();
    let disk = host.and_then(|host| {
        let Disk { size, free } = Disk::of(&host.data_dir).ok()?;
        let path = host.data_dir.display().to_string();
        Some(SystemDisk { path, free_bytes: free, total_bytes: size })
    });
    let certificates = host.into_iter().flat_map(|host| &host.certificates);
    let certificates = certificates.flat_map(|(name, certificate)| {
        certificate.validity().into_iter().map(|validity| SystemCertificate {
            name: (*name).to_owned(),
            subject: validity.subject,
            not_before: validity.begins.into(),
            not_after: validity.ends.into(),
        })
    });
    let settings = app.settings;
    Json(System {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: app.started_at.into(),
        ready,
        store: SystemStore { kind: app.store.kind().to_owned(), version, size_bytes },
        disk,
        certificates: certificates.collect(),
        agents_connected: app.sessions.count() as u64,
        limits: SystemLimits {
            requests_per_s: settings.requests_per_s.into(),
            body_bytes: settings.body_bytes as u64,
            events_days: settings.retention.events,
            audit_days: settings.retention.audit,
            away_after_s: app.away_after_s,
        },
    })
}
