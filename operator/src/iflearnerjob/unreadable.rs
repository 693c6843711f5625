//! An object that passes the schema and does not fit its type: a number too large for its field, or
//! an object of another version of the definition. Such an object does not affect others; its own
//! status reports the error.

use flow_common::clock::monotonic;
use flow_crd::{IflearnerJob, condition};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::core::error_boundary::InvalidObject;
use kube::{Api, Resource as _};
use serde_json::json;

use super::context::Context;
use super::error::Error;
use super::outcome::Outcome;
use crate::events::ObjectEvent;

/// The field manager of these statuses. It differs from [`crate::FIELD_MANAGER`]: an apply of these
/// few fields under that name would remove all fields that it has applied before, including the
/// reference to the Job.
const FIELD_MANAGER: &str = "flow-operator-unreadable";
const REASON: &str = "Unreadable";

/// Reports the error once, in the status of the object.
///
/// An object without a Job fails. A Job that runs is not touched, and neither is a terminal status
/// that the original operator wrote.
pub async fn report_unreadable(
    invalid: &InvalidObject,
    context: &Context,
) -> Result<Outcome, Error> {
    let (Some(namespace), Some(name)) = (&invalid.metadata.namespace, &invalid.metadata.name)
    else {
        return Ok(Outcome::Unreadable);
    };
    let api: Api<DynamicObject> = Api::namespaced_with(
        context.client.clone(),
        namespace,
        &ApiResource::erase::<IflearnerJob>(&()),
    );
    let live = api
        .get_opt(name)
        .await
        .map_err(Error::api("read an IflearnerJob that does not fit its type"))?;
    let Some(live) = live.filter(|live| live.metadata.deletion_timestamp.is_none()) else {
        return Ok(Outcome::Deleted);
    };
    let message = format!(
        "the IflearnerJob does not fit its type: {}; correct the field, or delete the object and create it again",
        invalid.error
    );
    let mut conditions = live
        .data
        .pointer("/status/conditions")
        .and_then(|conditions| conditions.as_array())
        .into_iter()
        .flatten();
    let is_reported = conditions
        .any(|condition| condition["reason"] == REASON && condition["message"] == message.as_str());
    if is_reported {
        return Ok(Outcome::Unreadable);
    }
    let now = context.now();
    let condition = |type_: &str, status: &str| json!({ "type": type_, "status": status, "reason": REASON, "message": message, "lastTransitionTime": Time(now), "observedGeneration": live.metadata.generation });
    let status_text = |field: &str| live.data.pointer(field).and_then(|value| value.as_str());
    let has_ended = matches!(status_text("/status/phase"), Some("Succeeded" | "Failed"))
        && status_text("/status/reason") != Some(REASON);
    let unrecorded =
        invalid.metadata.uid.as_ref().and_then(|uid| context.unrecorded_jobs.get(uid, monotonic()));
    let has_job = live.data.pointer("/status/job").is_some() || unrecorded.is_some();
    let status = if !has_job && !has_ended {
        let conditions =
            [condition(condition::READY, "False"), condition(condition::FAILED, "True")];
        json!({ "phase": "Failed", "reason": REASON, "message": message, "conditions": conditions })
    } else {
        json!({ "conditions": [condition(condition::READY, "False")] })
    };
    let patch = json!({
        "apiVersion": IflearnerJob::api_version(&()),
        "kind": IflearnerJob::kind(&()),
        "metadata": { "name": name, "uid": invalid.metadata.uid },
        "status": status,
    });
    context.metrics.record_write("IflearnerJob", "status");
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let written = api.patch_status(name, &parameters, &Patch::Apply(&patch)).await;
    let written = written
        .map_err(Error::api("write the status of an IflearnerJob that does not fit its type"))?;
    let regarding = ObjectReference {
        api_version: Some(IflearnerJob::api_version(&()).into_owned()),
        kind: Some(IflearnerJob::kind(&()).into_owned()),
        name: Some(name.clone()),
        namespace: Some(namespace.clone()),
        uid: invalid.metadata.uid.clone(),
        resource_version: written.metadata.resource_version,
        ..ObjectReference::default()
    };
    context.events.publish(&ObjectEvent::warning(REASON, message), &regarding, MicroTime(now));
    Ok(Outcome::Unreadable)
}
