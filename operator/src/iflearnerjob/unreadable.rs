//! An object that passes the schema and still is none of ours: a number too large for its field, a version of the
//! definition that is not this operator's. It stops nobody else, and is told so itself.

use flow_common::clock::monotonic;
use flow_crd::{IflearnerJob, condition};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::controller::Action;
use kube::{Api, Resource as _};
use serde_json::json;

use super::reconcile::{Context, Error};
use crate::events::Happened;

/// Not [`crate::MANAGER`]: an apply of these few fields under its name would take away all that it has written before,
/// the record of the Job included.
const MANAGER: &str = "flow-operator-unreadable";
const REASON: &str = "Unreadable";

/// Say so, once, in the object's own status. One that was never started is failed; a Job that runs is left alone, and so
/// is an end that the original operator has recorded.
pub async fn unreadable(invalid: &InvalidObject, context: &Context) -> Result<Action, Error> {
    let (Some(namespace), Some(name)) = (&invalid.metadata.namespace, &invalid.metadata.name)
    else {
        return Ok(Action::await_change());
    };
    let api: Api<DynamicObject> = Api::namespaced_with(
        context.client.clone(),
        namespace,
        &ApiResource::erase::<IflearnerJob>(&()),
    );
    let live =
        api.get_opt(name).await.map_err(Error::api("reading an object that cannot be parsed"))?;
    let Some(live) = live.filter(|live| live.metadata.deletion_timestamp.is_none()) else {
        return Ok(Action::await_change());
    };
    let message = format!(
        "the object cannot be read: {}; delete it and create it anew with the field mended",
        invalid.error
    );
    let said = live
        .data
        .pointer("/status/conditions")
        .and_then(|conditions| conditions.as_array())
        .into_iter()
        .flatten();
    if said
        .into_iter()
        .any(|condition| condition["reason"] == REASON && condition["message"] == message.as_str())
    {
        return Ok(Action::await_change());
    }
    let now = context.now();
    let condition = |type_: &str, status: &str| json!({ "type": type_, "status": status, "reason": REASON, "message": message, "lastTransitionTime": Time(now), "observedGeneration": live.metadata.generation });
    let told = |field: &str| live.data.pointer(field).and_then(|value| value.as_str());
    let has_ended = matches!(told("/status/phase"), Some("Succeeded" | "Failed"))
        && told("/status/reason") != Some(REASON);
    let unrecorded =
        invalid.metadata.uid.as_ref().and_then(|uid| context.unrecorded.of(uid, monotonic()));
    let was_started = live.data.pointer("/status/job").is_some() || unrecorded.is_some();
    let status = if !was_started && !has_ended {
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
    context.metrics.wrote("IflearnerJob", "status");
    let written =
        api.patch_status(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&patch)).await;
    let written = written.map_err(Error::api("telling an object that it cannot be read"))?;
    let regarding = ObjectReference {
        api_version: Some(IflearnerJob::api_version(&()).into_owned()),
        kind: Some(IflearnerJob::kind(&()).into_owned()),
        name: Some(name.clone()),
        namespace: Some(namespace.clone()),
        uid: invalid.metadata.uid.clone(),
        resource_version: written.metadata.resource_version,
        ..ObjectReference::default()
    };
    context.events.tell(&Happened::warning(REASON, message), &regarding, MicroTime(now));
    Ok(Action::await_change())
}
