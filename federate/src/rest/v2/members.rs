//! Members of the party: their list, one of them with its spec, its log, and the decisions of the
//! party's administrator.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flow_api_types::agent::{
    Approval, Denial, MemberChanged, PartyMember, PartyMemberDetails, PartyMemberSpec, SpecParty,
};
use flow_api_types::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, TAIL_LINES_MAX};
use flow_api_types::{Page, schema};
use flow_domain::error::{Error, ErrorCode, FieldCode};
use flow_domain::id::RunId;
use flow_domain::member::MemberPhase;
use flow_domain::spec::MemberSpec;
use http::header;
use serde::Deserialize;
use tokio::task::spawn_blocking;
use utoipa::IntoParams;

use super::{Body, MemberPath, Params, Run, field, unknown_member};
use crate::control::protocol::{
    MemberDetails, MemberInfo, Position, Request, Response as ControlResponse,
};
use crate::rest::failures::failures;
use crate::rest::{App, Failure, unexpected_answer};
use crate::runtime::{LogRequest, WorkKey};

failures!(ListFailures = StoreUnavailable, Invalid, CursorInvalid);
failures!(MemberFailures = StoreUnavailable, MemberNotFound);
failures!(LogFailures = StoreUnavailable, Invalid, MemberNotFound, LogNotFound, LogUnavailable);
failures!(
    ApprovalFailures = StoreUnavailable,
    Invalid,
    Malformed,
    UnsupportedMediaType,
    RequestTimeout,
    MemberNotFound,
    ApprovalNotPending,
    ApprovalOutdated
);

/// Page of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::rest) struct PageParams {
    /// Largest number of members of the page.
    #[param(value_type = Option<schema::PageLimit>)]
    limit: Option<u32>,
    /// `next` of the page before. Absent: the first page.
    #[param(value_type = Option<String>, pattern = "^([ae][0-9a-f]{32})?$")]
    cursor: Option<String>,
}

/// Part of a log.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::rest) struct LogParams {
    /// Return only the last lines. Without it the log starts with the oldest line that the agent
    /// keeps.
    #[param(value_type = Option<schema::TailLines>)]
    tail: Option<u64>,
    /// Continue with new lines until the member ends.
    #[serde(default)]
    #[param(default = false)]
    follow: bool,
}

/// List the members
///
/// Those that have not ended, then the others, each the newest first.
#[utoipa::path(get, path = "/api/v2/members", tag = "members", operation_id = "list_members", params(PageParams),
    responses((status = 200, description = "One page", body = Page<PartyMember>), ListFailures))]
pub(in crate::rest) async fn list(
    State(app): State<Arc<App>>,
    Params(PageParams { limit, cursor }): Params<PageParams>,
) -> Result<Json<Page<PartyMember>>, Failure> {
    let limit = limit.unwrap_or(PAGE_ITEMS_DEFAULT);
    if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
        let message = format!("is {limit} and must be 1 to {PAGE_ITEMS_MAX}");
        return Err(field("?limit", FieldCode::OutOfRange, message).into());
    }
    let after = cursor.filter(|cursor| !cursor.is_empty());
    let after = after.map(|cursor| position(&cursor)).transpose()?;
    let (members, has_more) = match app.request(Request::Page { after, limit }).await? {
        ControlResponse::Page { members, has_more } => (members, has_more),
        _ => return Err(unexpected_answer().into()),
    };
    let next = members.last().filter(|_| has_more).map(cursor_after);
    Ok(Json(Page { items: members.into_iter().map(member_of).collect(), next }))
}

/// `a` or `e` (active or ended), and the id of the last run.
fn cursor_after(member: &MemberInfo) -> String {
    let part = if member.phase.is_terminal() { 'e' } else { 'a' };
    format!("{part}{}", member.run)
}

fn position(cursor: &str) -> Result<Position, Error> {
    let position = |has_ended, run: &str| {
        Some(Position { has_ended, run: Reverse(run.parse::<RunId>().ok()?) })
    };
    let found = match cursor.split_at_checked(1) {
        Some(("a", run)) => position(false, run),
        Some(("e", run)) => position(true, run),
        _ => None,
    };
    found.ok_or_else(|| {
        let message = "the cursor is not one of this list: read the list from its start";
        Error::new(ErrorCode::CursorInvalid, message)
    })
}

/// Get a member
///
/// The member with its spec and its use of the disk.
#[utoipa::path(get, path = "/api/v2/members/{run}", tag = "members", operation_id = "get_member", params(MemberPath),
    responses((status = 200, description = "The member", body = PartyMemberDetails), MemberFailures))]
pub(in crate::rest) async fn get(
    State(app): State<Arc<App>>,
    Run(run): Run,
) -> Result<Json<PartyMemberDetails>, Failure> {
    let details = match app.request(Request::Show { member: run.to_string() }).await? {
        ControlResponse::Member(details) => *details,
        _ => return Err(unexpected_answer().into()),
    };
    let MemberDetails { member, spec, image_meaning, dataset_meaning, ports } = details;
    // A prefix or the name of a task may have the form of an id.
    if member.run != run {
        return Err(unknown_member().into());
    }
    let key = WorkKey { run, attempt: member.attempt };
    let disk_bytes = match app.parts.runtime.outputs(key).await {
        Ok(dir) => spawn_blocking(move || dir.disk_use_of_member()).await.ok(),
        Err(_) => None,
    };
    let spec = spec.map(|spec| spec_of(spec, image_meaning, dataset_meaning));
    Ok(Json(PartyMemberDetails { member: member_of(member), spec, ports, disk_bytes }))
}

/// Get the log of a member
///
/// The log as the workload wrote it, with all control characters.
#[utoipa::path(get, path = "/api/v2/members/{run}/log", tag = "members", operation_id = "get_member_log", params(MemberPath, LogParams),
    responses((status = 200, description = "The log, unchanged", body = String, content_type = "text/plain"), LogFailures))]
pub(in crate::rest) async fn log(
    State(app): State<Arc<App>>,
    Run(run): Run,
    Params(LogParams { tail, follow }): Params<LogParams>,
) -> Result<Response, Failure> {
    if let Some(lines) = tail.filter(|lines| *lines > TAIL_LINES_MAX) {
        let message = format!("is {lines} and must be 0 to {TAIL_LINES_MAX}");
        return Err(field("?tail", FieldCode::OutOfRange, message).into());
    }
    app.member(&run).await?;
    let log = app.open_log(&run, LogRequest { tail_lines: tail, follow }).await?;
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, log.body()).into_response())
}

/// Stop a member
///
/// The hub cannot start it again. A member that is ending or has ended stays as it is.
#[utoipa::path(post, path = "/api/v2/members/{run}/stop", tag = "members", operation_id = "stop_member", params(MemberPath),
    responses((status = 200, description = "The member is stopping, or has ended", body = MemberChanged), MemberFailures))]
pub(in crate::rest) async fn stop(
    State(app): State<Arc<App>>,
    Run(run): Run,
) -> Result<Json<MemberChanged>, Failure> {
    let member = app.member(&run).await?;
    if member.settled {
        let message = format!("member {run} has ended already ({})", member.phase);
        return Ok(Json(MemberChanged { message, member: member_of(member) }));
    }
    Ok(Json(app.change(&run, Request::Stop { member: run.to_string() }).await?))
}

/// Approve a member for one start
///
/// The approval is for the spec and the meaning of its image and dataset that the request names.
#[utoipa::path(post, path = "/api/v2/members/{run}/approve", tag = "members", operation_id = "approve_member", params(MemberPath),
    request_body = Approval,
    responses((status = 200, description = "The member is approved", body = MemberChanged), ApprovalFailures))]
pub(in crate::rest) async fn approve(
    State(app): State<Arc<App>>,
    Run(run): Run,
    Body(Approval { digest, resolution }): Body<Approval>,
) -> Result<Json<MemberChanged>, Failure> {
    app.check_pending(&run).await?;
    let request = Request::Approve { member: run.to_string(), digest, resolution };
    Ok(Json(app.change(&run, request).await?))
}

/// Deny the approval of a member
///
/// The member is refused. The hub shows the reason to its users and does not retry the run.
#[utoipa::path(post, path = "/api/v2/members/{run}/deny", tag = "members", operation_id = "deny_member", params(MemberPath),
    request_body = Denial,
    responses((status = 200, description = "The member is denied", body = MemberChanged), ApprovalFailures))]
pub(in crate::rest) async fn deny(
    State(app): State<Arc<App>>,
    Run(run): Run,
    Body(Denial { reason }): Body<Denial>,
) -> Result<Json<MemberChanged>, Failure> {
    app.check_pending(&run).await?;
    Ok(Json(app.change(&run, Request::Deny { member: run.to_string(), reason }).await?))
}

impl App {
    /// The member of exactly this run.
    async fn member(&self, run: &RunId) -> Result<MemberInfo, Error> {
        self.members_of(vec![run.clone()]).await?.pop().ok_or_else(unknown_member)
    }

    /// The members of these runs, without unknown ones.
    pub(super) async fn members_of(&self, runs: Vec<RunId>) -> Result<Vec<MemberInfo>, Error> {
        match self.request(Request::Members { runs }).await? {
            ControlResponse::Members(members) => Ok(members),
            _ => Err(unexpected_answer()),
        }
    }

    /// Rejects a settled member, which the agent's loop does not select for an approval.
    async fn check_pending(&self, run: &RunId) -> Result<(), Error> {
        let member = self.member(run).await?;
        if member.settled {
            let message = format!("member {run} waits for no approval; it is {}", member.phase);
            return Err(Error::new(ErrorCode::ApprovalNotPending, message));
        }
        Ok(())
    }

    async fn change(&self, run: &RunId, request: Request) -> Result<MemberChanged, Error> {
        match self.request(request).await? {
            ControlResponse::Done(message) => {
                Ok(MemberChanged { message, member: member_of(self.member(run).await?) })
            }
            _ => Err(unexpected_answer()),
        }
    }
}

pub(super) fn member_of(member: MemberInfo) -> PartyMember {
    let MemberInfo {
        run,
        task,
        task_name,
        run_number,
        attempt,
        phase,
        desired,
        ending,
        reason,
        exit,
        finished_at,
        role,
        image,
        dataset,
        digest,
        resolution,
        approved,
        settled,
        started,
        resources,
        progress,
    } = member;
    PartyMember {
        run: run.into(),
        task: task.into(),
        task_name,
        run_number,
        attempt,
        role: role.map(Into::into),
        desired: desired.into(),
        phase: phase.into(),
        ending: ending.map(Into::into),
        reason: reason.map(Into::into),
        waits_for_approval: phase == MemberPhase::WaitingApproval && ending.is_none(),
        approved,
        digest: digest.map(Into::into),
        resolution: resolution.map(Into::into),
        image,
        dataset: dataset.map(Into::into),
        resources: resources.into(),
        progress: progress.as_ref().map(Into::into),
        started,
        exit: exit.map(Into::into),
        finished_at: finished_at.map(Into::into),
        settled,
    }
}

fn spec_of(
    spec: MemberSpec,
    image_meaning: Option<String>,
    dataset_meaning: Option<String>,
) -> PartyMemberSpec {
    let parties = spec.parties.into_iter();
    PartyMemberSpec {
        image_meaning,
        dataset_meaning,
        command: spec.argv,
        workdir: spec.workdir,
        env: spec.env,
        parameters: spec.parameters,
        epochs: spec.epochs,
        max_runtime_s: spec.max_runtime_s,
        stop_grace_s: spec.stop_grace_s,
        parties: parties
            .map(|peer| SpecParty { party: peer.party.into(), role: peer.role.into() })
            .collect(),
    }
}
