//! Projects, their members and their parties.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use flow_api_types::limits::{OFFERED_DATASETS_MAX, QUOTA_MAX};
use flow_api_types::{
    Membership, MembershipInput, NewProject, OfferInput, OfferedParty, Page, Project, ProjectEdit,
    ProjectQuotas, Quota, QuotaEdit,
};
use flow_domain::access::OfferedDatasets;
use flow_domain::error::{Error, ErrorCode, FieldCode, FieldErrors};
use flow_domain::id::ProjectId;
use flow_domain::validation::check_remark;
use http::{StatusCode, header};

use super::super::params::PageParams;
use super::{Audit, ProjectMemberPath, ProjectPartyPath, ProjectPath, Whole, missing};
use crate::access::{DEFAULT_PROJECT, no_project};
use crate::api::extract::{Body, Ids, Params};
use crate::api::list::List;
use crate::api::openapi::failures;
use crate::api::problem::{ApiError, field};
use crate::state::App;
use crate::store::{self, Missing, ProjectDeletion, StoreError};

failures!(ListFailures = CursorInvalid);
failures!(CreateFailures = ProjectExists);
failures!(NotFound = ProjectNotFound);
failures!(DeleteFailures = ProjectNotFound, ProjectNotEmpty, ProjectProtected);
failures!(SetFailures = ProjectNotFound, UserNotFound);
failures!(RemoveFailures = ProjectNotFound, UserNotFound, ProjectMemberNotFound);
failures!(OfferFailures = ProjectNotFound, PartyNotFound);
failures!(WithdrawFailures = ProjectNotFound, OfferNotFound);

fn show(project: store::Project) -> Project {
    let store::Project { id, remark, all_parties, created_at, quotas } = project;
    let quota = |store::Quota { used, limit }| Quota { used, limit };
    let quotas = ProjectQuotas {
        tasks: quota(quotas.tasks),
        runs: quota(quotas.runs),
        templates: quota(quotas.templates),
    };
    Project { name: id.into(), remark, all_parties, created_at: created_at.into(), quotas }
}

/// Reads a project for the response to its change.
async fn read(app: &App, id: &ProjectId) -> Result<Json<Project>, Error> {
    let found = app.store.project(id).await?;
    Ok(Json(show(found.ok_or_else(|| no_project(id))?)))
}

fn member(member: store::ProjectMember) -> Membership {
    let store::ProjectMember { user, role, added_at } = member;
    Membership { user: user.into(), role: role.into(), added_at: added_at.into() }
}

fn offer(offer: store::OfferedParty) -> OfferedParty {
    let store::OfferedParty { party, datasets, added_at } = offer;
    let datasets = match datasets {
        OfferedDatasets::All => None,
        OfferedDatasets::Only(names) => Some(names.into_iter().map(Into::into).collect()),
    };
    OfferedParty { party: party.into(), datasets, added_at: added_at.into() }
}

fn checked(remark: &str) -> Result<(), Error> {
    let mut wrong = FieldErrors::default();
    check_remark(remark, &mut wrong);
    wrong.finish().map_err(Error::from)
}

/// List the projects of the caller by name
#[utoipa::path(get, path = "/projects", tag = "access", operation_id = "list_projects", params(PageParams),
    responses((status = 200, description = "One page of projects", body = Page<Project>), ListFailures))]
pub(in crate::api::v2) async fn list(
    State(app): State<Arc<App>>,
    Whole(identity): Whole,
    Params(PageParams { cursor, limit }): Params<PageParams>,
) -> Result<Json<Page<Project>>, ApiError> {
    let list = List::of("projects", &());
    let among: Vec<&ProjectId> = identity.projects.keys().collect();
    let page = app.store.projects(&among, &list.request(cursor.as_deref(), limit)?).await?;
    Ok(Json(list.page(page, show)))
}

/// Create a project
///
/// A new project has no members. A repeated request fails with `project_exists`.
#[utoipa::path(post, path = "/projects", tag = "access", operation_id = "create_project", request_body = NewProject,
    responses((status = 201, description = "The project", body = Project, headers(
        ("Location" = String, description = "Path of the project"))), CreateFailures))]
pub(in crate::api::v2) async fn create(
    State(app): State<Arc<App>>,
    audit: Audit,
    Body { value: NewProject { name, remark, all_parties }, digest: _ }: Body<NewProject>,
) -> Result<impl IntoResponse, ApiError> {
    checked(&remark)?;
    let mut entry = audit.entry("create_project", &name);
    entry.project = Some(name.clone());
    let created = app.store.create_project(&name, &remark, all_parties, &entry).await;
    created.map_err(|error| match error {
        StoreError::Exists(_) => Error::new(
            ErrorCode::ProjectExists,
            format!("a project named {name} exists, or existed: its history keeps the name"),
        ),
        other => other.into(),
    })?;
    app.access.changed();
    let location = [(header::LOCATION, format!("/api/v2/projects/{name}"))];
    Ok((StatusCode::CREATED, location, read(&app, &name).await?))
}

/// Get a project
#[utoipa::path(get, path = "/projects/{project}", tag = "access", operation_id = "get_project", params(ProjectPath),
    responses((status = 200, description = "The project", body = Project), NotFound))]
pub(in crate::api::v2) async fn get(
    State(app): State<Arc<App>>,
    Ids(ProjectPath { project }): Ids<ProjectPath>,
) -> Result<Json<Project>, ApiError> {
    Ok(read(&app, &project).await?)
}

/// Change a project
#[utoipa::path(put, path = "/projects/{project}", tag = "access", operation_id = "edit_project", params(ProjectPath), request_body = ProjectEdit,
    responses((status = 200, description = "The project after the change", body = Project), NotFound))]
pub(in crate::api::v2) async fn edit(
    State(app): State<Arc<App>>,
    audit: Audit,
    Ids(ProjectPath { project }): Ids<ProjectPath>,
    Body { value: ProjectEdit { remark, all_parties, quotas }, digest: _ }: Body<ProjectEdit>,
) -> Result<Json<Project>, ApiError> {
    if let Some(remark) = &remark {
        checked(remark)?;
    }
    let stored = app.store.project(&project).await?.ok_or_else(|| no_project(&project))?;
    let remark = remark.unwrap_or(stored.remark);
    let all_parties = all_parties.unwrap_or(stored.all_parties);
    let mut entry = audit.entry("edit_project", &project);
    entry.project = Some(project.clone());
    let QuotaEdit { tasks, runs, templates } = quotas.unwrap_or_default();
    let limits = [("tasks", tasks), ("runs", runs), ("templates", templates)];
    let mut wrong = FieldErrors::default();
    for (name, limit) in limits {
        wrong.range(&format!("/quotas/{name}"), limit.flatten().unwrap_or(0), 0, QUOTA_MAX);
    }
    wrong.finish().map_err(Error::from)?;
    entry.detail = format!("all_parties = {all_parties}");
    for (name, limit) in limits {
        match limit {
            Some(Some(limit)) => entry.detail.push_str(&format!(", quota.{name} = {limit}")),
            Some(None) => entry.detail.push_str(&format!(", quota.{name} = default")),
            None => {}
        }
    }
    let quotas = store::QuotaEdit { tasks, runs, templates };
    if !app.store.edit_project(&project, &remark, all_parties, &quotas, &entry).await? {
        return Err(no_project(&project).into());
    }
    Ok(read(&app, &project).await?)
}

/// Delete a project
///
/// A project with tasks, or with runs that have not ended, stays. Its templates, webhooks, members,
/// offers and tokens are deleted with it. The hub keeps the history of its deleted tasks, which has the name of
/// the project: no other project can get it.
#[utoipa::path(delete, path = "/projects/{project}", tag = "access", operation_id = "delete_project", params(ProjectPath),
    responses((status = 204, description = "The project is deleted"), DeleteFailures))]
pub(in crate::api::v2) async fn delete(
    State(app): State<Arc<App>>,
    audit: Audit,
    Ids(ProjectPath { project }): Ids<ProjectPath>,
) -> Result<StatusCode, ApiError> {
    if project.as_str() == DEFAULT_PROJECT {
        return Err(Error::of(ErrorCode::ProjectProtected).into());
    }
    let mut entry = audit.entry("delete_project", &project);
    entry.project = Some(project.clone());
    let not_empty = |why: String| Err(Error::new(ErrorCode::ProjectNotEmpty, why).into());
    match app.store.delete_project(&project, &entry).await? {
        ProjectDeletion::Done => {
            app.access.changed();
            Ok(StatusCode::NO_CONTENT)
        }
        ProjectDeletion::Unknown => Err(no_project(&project).into()),
        ProjectDeletion::HasTasks(count) => not_empty(format!(
            "project {project} has {count} tasks: delete them first (`flowctl --project {project} task delete --since 2000-01-01T00:00:00Z`)"
        )),
        ProjectDeletion::HasRuns => not_empty(format!(
            "members of runs of project {project} have not ended: repeat the request when their parties have confirmed the end"
        )),
    }
}

/// List the members of a project by name
#[utoipa::path(get, path = "/projects/{project}/members", tag = "access", operation_id = "list_project_members", params(ProjectPath, PageParams),
    responses((status = 200, description = "One page of members", body = Page<Membership>), NotFound, ListFailures))]
pub(in crate::api::v2) async fn members(
    State(app): State<Arc<App>>,
    Ids(ProjectPath { project }): Ids<ProjectPath>,
    Params(PageParams { cursor, limit }): Params<PageParams>,
) -> Result<Json<Page<Membership>>, ApiError> {
    let list = List::of("project-members", &project);
    let request = list.request(cursor.as_deref(), limit)?;
    Ok(Json(list.page(app.store.members_of(&project, &request).await?, member)))
}

/// Give an account a role in a project
///
/// Replaces the role that it had.
#[utoipa::path(put, path = "/projects/{project}/members/{user}", tag = "access", operation_id = "set_project_member", params(ProjectMemberPath),
    request_body = MembershipInput, responses((status = 200, description = "The member", body = Membership), SetFailures))]
pub(in crate::api::v2) async fn set_member(
    State(app): State<Arc<App>>,
    audit: Audit,
    Ids(ProjectMemberPath { project, user }): Ids<ProjectMemberPath>,
    Body { value: MembershipInput { role }, digest: _ }: Body<MembershipInput>,
) -> Result<Json<Membership>, ApiError> {
    let new = store::ProjectMember { user, role, added_at: audit.now };
    let mut entry = audit.entry("set_project_member", &new.user);
    entry.project = Some(project.clone());
    entry.detail = format!("role = {role}");
    let set = app.store.set_member(&project, &new, &entry).await?;
    set.map_err(|what| missing(what, &project, new.user.as_str()))?;
    app.access.changed();
    Ok(Json(member(new)))
}

/// Take the role of an account in a project away
#[utoipa::path(delete, path = "/projects/{project}/members/{user}", tag = "access", operation_id = "remove_project_member", params(ProjectMemberPath),
    responses((status = 204, description = "The account has no role in the project"), RemoveFailures))]
pub(in crate::api::v2) async fn remove_member(
    State(app): State<Arc<App>>,
    audit: Audit,
    Ids(ProjectMemberPath { project, user }): Ids<ProjectMemberPath>,
) -> Result<StatusCode, ApiError> {
    let mut entry = audit.entry("remove_project_member", &user);
    entry.project = Some(project.clone());
    app.store.remove_member(&project, &user, &entry).await?.map_err(|what| match what {
        Missing::Entry => Error::new(
            ErrorCode::ProjectMemberNotFound,
            format!("{user} has no role in project {project}"),
        ),
        other => missing(other, &project, user.as_str()),
    })?;
    app.access.changed();
    Ok(StatusCode::NO_CONTENT)
}

/// List the parties that are offered to a project by name
///
/// A project with `all_parties` may use every other party, too; `list_parties` returns them all.
#[utoipa::path(get, path = "/projects/{project}/parties", tag = "access", operation_id = "list_project_parties", params(ProjectPath, PageParams),
    responses((status = 200, description = "One page of parties", body = Page<OfferedParty>), NotFound, ListFailures))]
pub(in crate::api::v2) async fn parties(
    State(app): State<Arc<App>>,
    Ids(ProjectPath { project }): Ids<ProjectPath>,
    Params(PageParams { cursor, limit }): Params<PageParams>,
) -> Result<Json<Page<OfferedParty>>, ApiError> {
    let list = List::of("project-parties", &project);
    let request = list.request(cursor.as_deref(), limit)?;
    Ok(Json(list.page(app.store.offers(&project, &request).await?, offer)))
}

/// Offer a party to a project
///
/// Replaces the datasets that were offered before. In a project with `all_parties` the request
/// limits the datasets of the party. Runs that are active continue.
#[utoipa::path(put, path = "/projects/{project}/parties/{party}", tag = "access", operation_id = "offer_party", params(ProjectPartyPath),
    request_body = OfferInput, responses((status = 200, description = "The offer", body = OfferedParty), OfferFailures))]
pub(in crate::api::v2) async fn offer_party(
    State(app): State<Arc<App>>,
    audit: Audit,
    Ids(ProjectPartyPath { project, party }): Ids<ProjectPartyPath>,
    Body { value: OfferInput { datasets }, digest: _ }: Body<OfferInput>,
) -> Result<Json<OfferedParty>, ApiError> {
    if datasets.as_ref().is_some_and(|names| names.len() > OFFERED_DATASETS_MAX) {
        let message = format!("must have at most {OFFERED_DATASETS_MAX} entries");
        return Err(field("/datasets", FieldCode::TooLong, message).into());
    }
    let datasets = datasets.map_or(OfferedDatasets::All, OfferedDatasets::Only);
    let new = store::OfferedParty { party, datasets, added_at: audit.now };
    let mut entry = audit.entry("offer_party", &new.party);
    entry.project = Some(project.clone());
    let offered = app.store.offer_party(&project, &new, &entry).await?;
    offered.map_err(|what| missing(what, &project, new.party.as_str()))?;
    Ok(Json(offer(new)))
}

/// Withdraw a party from a project
///
/// Runs that are active continue; tasks with the party cannot start.
#[utoipa::path(delete, path = "/projects/{project}/parties/{party}", tag = "access", operation_id = "withdraw_party", params(ProjectPartyPath),
    responses((status = 204, description = "The party is not offered by name"), WithdrawFailures))]
pub(in crate::api::v2) async fn withdraw_party(
    State(app): State<Arc<App>>,
    audit: Audit,
    Ids(ProjectPartyPath { project, party }): Ids<ProjectPartyPath>,
) -> Result<StatusCode, ApiError> {
    let mut entry = audit.entry("withdraw_party", &party);
    entry.project = Some(project.clone());
    let withdrawn = app.store.withdraw_party(&project, &party, &entry).await?;
    withdrawn.map_err(|_| {
        let message = format!("party {party} is not offered to project {project} by name");
        Error::new(ErrorCode::OfferNotFound, message)
    })?;
    Ok(StatusCode::NO_CONTENT)
}
