//! `flowctl setup`, `login`, `logout`, `whoami`, `context`, `token`, `user`, `project`, `audit`.

use flow_api_types::{
    AuditEntry, Me, Membership, MembershipInput, NewPassword, NewProject, NewToken, NewUser,
    OfferInput, OfferedParty, Project, ProjectEdit, Quota, QuotaEdit, SetupDone, SetupInput,
    SignIn, Token, TokenCreated, User, UserEdit,
};
use flow_common::secret_file;
use flow_common::text::visible;
use flow_domain::access::{TokenScope, UserKind};
use serde_json::{Value, json};

use crate::args::{
    ContextCommand, Limit, LoginArgs, MemberCommand, OfferCommand, ProjectCommand, SecretArgs,
    SetupArgs, TokenCommand, UserCommand,
};
use crate::client::Client;
use crate::command::apply::body;
use crate::command::device;
use crate::command::party::NewFile;
use crate::confirm::confirm;
use crate::contexts::{Connection, Contexts};
use crate::error::{CliError, ExitStatus};
use crate::global::Global;
use crate::output::{self, Format};
use crate::{password, response};

/// Creates the first account and keeps its token.
pub async fn setup(
    client: &Client,
    global: &Global,
    connection: &Connection,
    args: SetupArgs,
) -> Result<ExitStatus, CliError> {
    let SetupArgs { name, data_dir, code_file, password_file } = args;
    let code = match code_file {
        Some(file) => secret_file::read(&file),
        None => secret_file::read_in(&data_dir, "setup-code"),
    };
    let code = code.map_err(|error| {
        CliError::new(ExitStatus::Auth, error.to_string()).with_remedy(
            "Name the data directory of the hub by --data-dir, or a copy of its file setup-code by --code-file. A hub with accounts has none: use `flowctl login`.",
        )
    })?;
    let password = password_file.map(|file| password::read(Some(&file), "")).transpose()?;
    let code = flow_api_types::SecretText(code.expose().to_owned());
    let file = global.token_file.as_deref().map(NewFile::create).transpose()?;
    let input = body(&SetupInput { code, name, password })?;
    let SetupDone { user, token, secret } = client.post_once(&["setup"], &input).await?;
    let created = TokenCreated { token, secret };
    let place = keep(global, connection, &user.name, created, file)?;
    output::print(&format!("account {} created; {place}\n", visible(&user.name)))?;
    Ok(ExitStatus::Ok)
}

/// Signs in with a password, creates a token and keeps it.
pub async fn login(
    client: &Client,
    global: &Global,
    connection: &Connection,
    LoginArgs { name, device, password_file, days }: LoginArgs,
) -> Result<ExitStatus, CliError> {
    let file = || global.token_file.as_deref().map(NewFile::create).transpose();
    if device {
        let file = file()?;
        let created = device::wait_for_token(client, &this_machine()).await?;
        let user = created.token.user.clone();
        let place = keep(global, connection, &user, created, file)?;
        output::print(&format!("signed in as {}; {place}\n", visible(&user)))?;
        return Ok(ExitStatus::Ok);
    }
    let name = name.ok_or_else(|| CliError::usage("name your account by --name"))?;
    let prompt = format!("Password of {name} at {}", client.server());
    let password = password::read(password_file.as_deref(), &prompt)?;
    let file = file()?;
    let token = NewToken {
        name: this_machine(),
        user: None,
        scope: TokenScope::Api,
        project: None,
        role: None,
        expires_in_days: days,
    };
    let sign_in = SignIn { name: Some(name.clone().into()), password: Some(password), code: None };
    let created = client.sign_in(&body(&sign_in)?, &body(&token)?).await?;
    let place = keep(global, connection, name.as_str(), created, file)?;
    output::print(&format!("signed in as {name}; {place}\n"))?;
    Ok(ExitStatus::Ok)
}

/// Returns the name of a token for this machine.
fn this_machine() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    format!("flowctl on {}", host.as_deref().map_or("this machine", str::trim))
}

/// Stores a token in the named file, or else in the contexts. Returns where it is.
fn keep(
    global: &Global,
    connection: &Connection,
    user: &str,
    TokenCreated { token, secret }: TokenCreated,
    file: Option<NewFile>,
) -> Result<String, CliError> {
    if let Some(file) = file {
        let path = file.write(&secret.0)?;
        return Ok(format!("the API token is in {}", path.display()));
    }
    let mut contexts = Contexts::read()?;
    let name = contexts.store(global, connection, user.to_owned(), secret.0, token.id);
    let path = contexts.write()?;
    Ok(format!("context {name} has the API token, in {}", path.display()))
}

/// Deletes the token of the context at the hub and in the file.
pub async fn logout(client: &Client, connection: &Connection) -> Result<ExitStatus, CliError> {
    let mut contexts = Contexts::read()?;
    let context = connection.name.as_ref().and_then(|name| contexts.contexts.get_mut(name));
    let Some(context) = context.filter(|context| context.token.is_some()) else {
        return Err(CliError::usage("the context has no token")
            .with_remedy("A token in a file of its own is deleted with `flowctl token delete`."));
    };
    if let Some(id) = &context.token_id {
        match client.delete(&["tokens", id]).await {
            // It has expired or was deleted.
            Err(error) if matches!(error.exit, ExitStatus::Auth | ExitStatus::NotFound) => {}
            deleted => deleted?,
        }
    }
    (context.token, context.token_id) = (None, None);
    let user = context.user.take().unwrap_or_default();
    contexts.write()?;
    output::print(&format!("signed out {}\n", visible(&user)))?;
    Ok(ExitStatus::Ok)
}

pub async fn whoami(client: &Client, format: Format) -> Result<ExitStatus, CliError> {
    let value: Value = client.get(&["me"], &[]).await?;
    let me: Me = response::read(&value)?;
    output::show(format, &value, || {
        let projects = me.projects.iter().map(|at| format!("{} ({})", at.project, at.role));
        let projects: Vec<String> = projects.collect();
        output::fields(&[
            ("name", me.name.clone()),
            ("kind", me.kind.to_string()),
            ("hub", client.server().to_owned()),
            ("credential", me.credential.clone()),
            ("administers", if me.federation_admin { "the federation" } else { "" }.to_owned()),
            ("project", me.project.clone()),
            ("role", me.role.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("projects", projects.join(", ")),
        ])
    })?;
    Ok(ExitStatus::Ok)
}

pub fn context(command: ContextCommand, format: Format) -> Result<ExitStatus, CliError> {
    let mut contexts = Contexts::read()?;
    let unknown = |name: &str| {
        CliError::new(ExitStatus::NotFound, format!("there is no context {name}"))
            .with_remedy("List them with `flowctl context list`.")
    };
    match command {
        ContextCommand::List => {
            let rows = contexts.contexts.iter().map(|(name, context)| {
                let current = contexts.current.as_ref() == Some(name);
                (name, context, current)
            });
            let shown = rows.clone().map(|(name, context, current)| {
                json!({"name": name, "server": context.server, "project": context.project,
                    "user": context.user, "current": current})
            });
            output::show(format, &Value::Array(shown.collect()), || {
                let row = |(name, context, current): (&String, &crate::contexts::Context, bool)| {
                    vec![
                        if current { "*" } else { "" }.to_owned(),
                        name.clone(),
                        context.server.clone(),
                        context.user.clone().unwrap_or_default(),
                        context.project.clone().unwrap_or_default(),
                    ]
                };
                output::table(
                    &["CURRENT", "NAME", "SERVER", "USER", "PROJECT"],
                    rows.map(row).collect(),
                )
            })?;
        }
        ContextCommand::Use { name } => {
            if !contexts.contexts.contains_key(&name) {
                return Err(unknown(&name));
            }
            contexts.current = Some(name.clone());
            contexts.write()?;
            output::print(&format!("using context {name}\n"))?;
        }
        ContextCommand::Delete { name } => {
            contexts.contexts.remove(&name).ok_or_else(|| unknown(&name))?;
            contexts.current = contexts.current.filter(|current| *current != name);
            contexts.write()?;
            output::print(&format!("context {name} deleted; its token stays valid\n"))?;
        }
    }
    Ok(ExitStatus::Ok)
}

pub async fn token(
    client: &Client,
    command: TokenCommand,
    format: Format,
) -> Result<ExitStatus, CliError> {
    match command {
        TokenCommand::Create { name, user, scope, only_project, role, days, secret } => {
            let input = NewToken {
                name,
                user,
                scope: scope.into(),
                project: only_project,
                role,
                expires_in_days: days,
            };
            let SecretArgs { secret_file, .. } = secret;
            let file = secret_file.as_deref().map(NewFile::create).transpose()?;
            let created: TokenCreated = client.post_once(&["tokens"], &body(&input)?).await?;
            let TokenCreated { token, secret } = created;
            match file {
                None => output::print(&format!("{}\n", visible(&secret.0)))?,
                Some(file) => {
                    let path = file.write(&secret.0)?;
                    let id = visible(&token.id);
                    output::print(&format!("token {id} created; it is in {}\n", path.display()))?;
                }
            }
        }
        TokenCommand::List { user } => {
            let filter: Vec<(&str, &str)> =
                user.as_ref().map(|user| ("user", user.as_str())).into_iter().collect();
            let all: Vec<Value> = client.list(&["tokens"], &filter, "cursor").await?;
            let tokens: Vec<Token> = all.iter().map(response::read).collect::<Result<_, _>>()?;
            output::show(format, &Value::Array(all), || {
                let now = output::now();
                let row = |token: Token| {
                    vec![
                        token.id,
                        token.name,
                        token.hint,
                        token.scope.to_string(),
                        token.project.unwrap_or_default(),
                        token.role.map(|role| role.to_string()).unwrap_or_default(),
                        token.expires_at.map_or("never".to_owned(), |at| at.as_str().to_owned()),
                        token.last_used_at.map_or("never".to_owned(), |at| output::age(&at, now)),
                    ]
                };
                output::table(
                    &["ID", "NAME", "TOKEN", "SCOPE", "PROJECT", "ROLE", "EXPIRES", "USED"],
                    tokens.into_iter().map(row).collect(),
                )
            })?;
        }
        TokenCommand::Delete { token } => {
            client.delete(&["tokens", &token]).await?;
            output::print(&format!("token {token} deleted\n"))?;
        }
    }
    Ok(ExitStatus::Ok)
}

pub async fn user(
    client: &Client,
    command: UserCommand,
    format: Format,
) -> Result<ExitStatus, CliError> {
    match command {
        UserCommand::Create { name, service, federation_admin, password_file } => {
            let password = password_file.map(|file| password::read(Some(&file), "")).transpose()?;
            let kind = if service { UserKind::Service } else { UserKind::Person };
            let input = NewUser { name, kind, federation_admin, password };
            let value: Value = client.post_once(&["users"], &body(&input)?).await?;
            show_user(&value, format)?;
        }
        UserCommand::List => {
            let all: Vec<Value> = client.list(&["users"], &[], "cursor").await?;
            let users: Vec<User> = all.iter().map(response::read).collect::<Result<_, _>>()?;
            output::show(format, &Value::Array(all), || {
                let now = output::now();
                let row = |user: User| {
                    let state = if user.disabled_at.is_some() { "disabled" } else { "enabled" };
                    let admin = if user.federation_admin { "federation" } else { "" };
                    let age = output::age(&user.created_at, now);
                    vec![user.name, user.kind.to_string(), state.to_owned(), admin.to_owned(), age]
                };
                output::table(
                    &["NAME", "KIND", "STATE", "ADMIN", "AGE"],
                    users.into_iter().map(row).collect(),
                )
            })?;
        }
        UserCommand::Get { name } => {
            let value: Value = client.get(&["users", name.as_str()], &[]).await?;
            show_user(&value, format)?;
        }
        UserCommand::Disable { name } => set_disabled(client, name.as_str(), true, format).await?,
        UserCommand::Enable { name } => set_disabled(client, name.as_str(), false, format).await?,
        UserCommand::SetPassword { name, password_file, current_password_file } => {
            let current =
                current_password_file.map(|file| password::read(Some(&file), "")).transpose()?;
            let prompt = format!("New password of {name}");
            let password = password::read(password_file.as_deref(), &prompt)?;
            let input = body(&NewPassword { password, current })?;
            let path = ["users", name.as_str(), "password"];
            let _: Value = client.put(&path, &input, None).await?;
            output::print(&format!("account {name} has a new password\n"))?;
        }
        UserCommand::Delete { name } => {
            client.delete(&["users", name.as_str()]).await?;
            output::print(&format!("account {name} deleted\n"))?;
        }
    }
    Ok(ExitStatus::Ok)
}

async fn set_disabled(
    client: &Client,
    name: &str,
    disabled: bool,
    format: Format,
) -> Result<(), CliError> {
    let input = body(&UserEdit { federation_admin: None, disabled: Some(disabled) })?;
    let value: Value = client.put(&["users", name], &input, None).await?;
    show_user(&value, format)
}

fn show_user(value: &Value, format: Format) -> Result<(), CliError> {
    let user: User = response::read(value)?;
    output::show(format, value, || {
        let text = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        output::fields(&[
            ("name", user.name.clone()),
            ("kind", user.kind.to_string()),
            ("state", if user.disabled_at.is_some() { "disabled" } else { "enabled" }.to_owned()),
            ("federation admin", text(user.federation_admin)),
            ("password", text(user.has_password)),
        ])
    })
}

pub async fn project(
    client: &Client,
    command: ProjectCommand,
    format: Format,
) -> Result<ExitStatus, CliError> {
    match command {
        ProjectCommand::Create { name, remark, all_parties } => {
            let input = body(&NewProject { name, remark, all_parties })?;
            let value: Value = client.post_once(&["projects"], &input).await?;
            let project: Project = response::read(&value)?;
            output::show(format, &value, || format!("project {} created\n", project.name))?;
        }
        ProjectCommand::List => {
            let all: Vec<Value> = client.list(&["projects"], &[], "cursor").await?;
            let projects: Vec<Project> =
                all.iter().map(response::read).collect::<Result<_, _>>()?;
            output::show(format, &Value::Array(all), || {
                let row = |project: Project| {
                    let parties = if project.all_parties { "all" } else { "by name" };
                    vec![project.name, parties.to_owned(), project.remark]
                };
                output::table(
                    &["NAME", "PARTIES", "REMARK"],
                    projects.into_iter().map(row).collect(),
                )
            })?;
        }
        ProjectCommand::Get { name } => {
            show_project(&client.get(&["projects", name.as_str()], &[]).await?, format)?;
        }
        ProjectCommand::SetQuota { name, tasks, runs, templates } => {
            let [tasks, runs, templates] =
                [tasks, runs, templates].map(|limit| limit.map(|Limit(limit)| limit));
            if [tasks, runs, templates].iter().all(Option::is_none) {
                return Err(CliError::usage("name at least one limit, as in --tasks 1000"));
            }
            let quotas = Some(QuotaEdit { tasks, runs, templates });
            let input = body(&ProjectEdit { quotas, ..ProjectEdit::default() })?;
            show_project(&client.put(&["projects", name.as_str()], &input, None).await?, format)?;
        }
        ProjectCommand::Delete { name, yes } => {
            if !yes {
                let fact = format!("project {name} has templates, members, offers and tokens");
                confirm(&fact, "Delete them with the project, whose name stays taken?")?;
            }
            client.delete(&["projects", name.as_str()]).await?;
            output::print(&format!("project {name} deleted\n"))?;
        }
        ProjectCommand::Member(command) => member(client, command, format).await?,
        ProjectCommand::Party(command) => offer(client, command, format).await?,
    }
    Ok(ExitStatus::Ok)
}

fn show_project(value: &Value, format: Format) -> Result<(), CliError> {
    let project: Project = response::read(value)?;
    output::show(format, value, || {
        let quota = |Quota { used, limit }| format!("{used} of {limit}");
        output::fields(&[
            ("name", project.name.clone()),
            ("remark", project.remark.clone()),
            ("parties", if project.all_parties { "all" } else { "by name" }.to_owned()),
            ("tasks", quota(project.quotas.tasks)),
            ("runs", quota(project.quotas.runs)),
            ("templates", quota(project.quotas.templates)),
        ])
    })
}

async fn member(client: &Client, command: MemberCommand, format: Format) -> Result<(), CliError> {
    match command {
        MemberCommand::List { name } => {
            let path = ["projects", name.as_str(), "members"];
            let all: Vec<Value> = client.list(&path, &[], "cursor").await?;
            let members: Vec<Membership> =
                all.iter().map(response::read).collect::<Result<_, _>>()?;
            output::show(format, &Value::Array(all), || {
                let row = |member: Membership| vec![member.user, member.role.to_string()];
                output::table(&["USER", "ROLE"], members.into_iter().map(row).collect())
            })
        }
        MemberCommand::Set { name, user, role } => {
            let path = ["projects", name.as_str(), "members", user.as_str()];
            let value: Value = client.put(&path, &body(&MembershipInput { role })?, None).await?;
            output::show(format, &value, || format!("{user} is {role} of project {name}\n"))
        }
        MemberCommand::Remove { name, user } => {
            client.delete(&["projects", name.as_str(), "members", user.as_str()]).await?;
            output::print(&format!("{user} has no role in project {name}\n"))
        }
    }
}

async fn offer(client: &Client, command: OfferCommand, format: Format) -> Result<(), CliError> {
    match command {
        OfferCommand::List { name } => {
            let path = ["projects", name.as_str(), "parties"];
            let all: Vec<Value> = client.list(&path, &[], "cursor").await?;
            let offers: Vec<OfferedParty> =
                all.iter().map(response::read).collect::<Result<_, _>>()?;
            output::show(format, &Value::Array(all), || {
                let row = |offer: OfferedParty| {
                    let datasets = offer.datasets.map_or("all".to_owned(), |all| all.join(", "));
                    vec![offer.party, datasets]
                };
                output::table(&["PARTY", "DATASETS"], offers.into_iter().map(row).collect())
            })
        }
        OfferCommand::Offer { name, party, datasets } => {
            let datasets = Some(datasets).filter(|names| !names.is_empty());
            let path = ["projects", name.as_str(), "parties", party.as_str()];
            let value: Value = client.put(&path, &body(&OfferInput { datasets })?, None).await?;
            output::show(format, &value, || format!("{party} is offered to project {name}\n"))
        }
        OfferCommand::Withdraw { name, party } => {
            client.delete(&["projects", name.as_str(), "parties", party.as_str()]).await?;
            output::print(&format!("{party} is not offered to project {name} by name\n"))
        }
    }
}

pub async fn audit(client: &Client, limit: usize, format: Format) -> Result<ExitStatus, CliError> {
    let limit = limit.to_string();
    let page: Value = client.get(&["audit"], &[("limit", &limit)]).await?;
    let items = page["items"].as_array().cloned().unwrap_or_default();
    let entries: Vec<AuditEntry> = items.iter().map(response::read).collect::<Result<_, _>>()?;
    output::show(format, &Value::Array(items), || {
        let row = |entry: AuditEntry| {
            vec![
                entry.at.as_str().to_owned(),
                entry.actor,
                entry.action,
                entry.object,
                entry.project.unwrap_or_default(),
                entry.address,
                entry.detail,
            ]
        };
        output::table(
            &["TIME", "ACTOR", "ACTION", "OBJECT", "PROJECT", "ADDRESS", "DETAIL"],
            entries.into_iter().map(row).collect(),
        )
    })?;
    Ok(ExitStatus::Ok)
}
