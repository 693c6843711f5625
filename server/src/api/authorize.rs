//! Middleware that finds the caller of a request, the project that it selects, and the rule of its
//! operation; it rejects a caller without the rights for the operation.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flow_domain::access::TokenScope;
use flow_domain::error::{Error, ErrorCode, FieldCode};
use flow_domain::id::{Digest, ProjectId};
use flow_domain::time::Timestamp;
use futures::StreamExt as _;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri, header};
use utoipa::openapi::OpenApi;

use super::extract::Caller;
use super::front;
use super::peer::{IsTls, Peer, address};
use super::problem::{ApiError, field, respond};
use super::project::{PROJECT, PROJECT_PATH, V2};
use super::v1;
use crate::access::matrix::{self, Rule};
use crate::access::{
    Credential, Identified, Identity, Principal, Refused, check_page, check_site, is_basic,
    no_project,
};
use crate::state::App;

/// The rules of all routes, by path and method.
#[derive(Debug)]
pub(super) struct Rules(HashMap<String, Vec<(Method, Rule)>>);

impl Rules {
    /// Reads the operations of the document. An operation without a rule has no entry, and is
    /// rejected.
    pub(super) fn of(document: &OpenApi) -> Self {
        let mut rules: HashMap<String, Vec<(Method, Rule)>> = HashMap::new();
        for (path, item) in &document.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::DELETE, &item.delete),
                (Method::PATCH, &item.patch),
            ];
            let found = operations.into_iter().filter_map(|(method, operation)| {
                let id = operation.as_ref()?.operation_id.as_deref()?;
                Some((method, matrix::rule(id)?))
            });
            rules.entry(path.clone()).or_default().extend(found);
        }
        for (method, path, rule) in matrix::ROUTES {
            if let Ok(method) = method.parse() {
                rules.entry((*path).to_owned()).or_default().push((method, *rule));
            }
        }
        Self(rules)
    }

    fn find(&self, path: &str, method: &Method) -> Option<Rule> {
        // A route for GET answers HEAD, too.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.0
            .get(without_slash(path))?
            .iter()
            .find(|(known, _)| known == method)
            .map(|(_, rule)| *rule)
    }

    /// Returns the value of `Allow` for a path.
    fn allowed(&self, path: &str) -> String {
        let methods =
            self.0.get(without_slash(path)).into_iter().flatten().flat_map(|(method, _)| {
                let head = (method == Method::GET).then_some("HEAD");
                [Some(method.as_str()), head].into_iter().flatten()
            });
        methods.collect::<Vec<_>>().join(",")
    }
}

/// Returns the path of the rule: `/api/v1` has each route with and without a slash at the end.
fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path)
}

/// Lets a request pass only if its operation has a rule and the caller satisfies it. An unknown path
/// needs an account, too, unless it belongs to the console.
pub(super) async fn authorize(
    State((app, rules)): State<(Arc<App>, Arc<Rules>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = address(request.extensions());
    let client = app.access.client(peer, request.headers());
    let is_tls = app.access.is_tls(peer, request.headers());
    if let Some(base) = app.access.forwarded_base(peer, request.headers()) {
        request.extensions_mut().insert(base);
    }
    request.extensions_mut().insert(Peer(client));
    request.extensions_mut().insert(IsTls(is_tls));
    let started = flow_common::clock::monotonic();
    match admit(&app, &rules, &mut request, is_tls).await {
        Ok(Admission::Public) => next.run(request).await,
        Ok(Admission::Answered(answer)) => answer,
        Ok(Admission::Admitted(admitted)) => {
            app.metrics.authorized(started.elapsed());
            let response = next.run(request).await;
            // The other responses are complete.
            match response.body().size_hint().exact() {
                Some(_) => response,
                None => admitted.until_revoked(app, response),
            }
        }
        Err(refused) => respond(refused),
    }
}

/// The result of the check of a request.
enum Admission {
    /// Without an account.
    Public,
    /// The check itself answers the request.
    Answered(Response),
    Admitted(Admitted),
}

/// Credential, rule and project of an admitted request.
struct Admitted {
    digest: Digest,
    credential: Credential,
    /// End of a signed token.
    expires_at: Option<Timestamp>,
    rule: Option<Rule>,
    project: Option<ProjectId>,
}

impl Admitted {
    /// Ends a streamed response when its request would be rejected.
    fn until_revoked(self, app: Arc<App>, response: Response) -> Response {
        let Self { digest, credential, expires_at, rule, project } = self;
        let revoked = async move {
            let admits = |identity: &Identity| {
                let Some(rule) = rule else { return true };
                identity
                    .select(project.as_ref())
                    .and_then(|principal| check(rule, identity, &principal))
                    .is_ok()
            };
            app.access.revoked(&digest, &credential, expires_at, admits).await;
        };
        response
            .map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(revoked))))
    }
}

async fn admit(
    app: &App,
    rules: &Rules,
    request: &mut Request,
    is_tls: bool,
) -> Result<Admission, Refused> {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map(MatchedPath::as_str);
    let rule = route.and_then(|path| rules.find(path, request.method()));
    let is_console = route.is_none() && front::is_console(app, request);
    if is_console || rule == Some(Rule::Public) {
        return Ok(Admission::Public);
    }
    let address = address(request.extensions());
    let Identified { digest, expires_at, identity } = if v1::is_anonymous(app, request, address) {
        check_page(request.headers(), &app.access)?;
        app.access.anonymous()?
    } else {
        app.access.identify(request.headers(), address, is_tls).await?
    };
    if matches!(identity.credential, Credential::Session(_)) || is_basic(request.headers()) {
        check_site(request.method(), request.headers())?;
    }
    if identity.scope == TokenScope::Metrics && rule != Some(Rule::Metrics) {
        let message = "the token is for `GET /metrics` only: create one with the scope `api`";
        return Err(Error::new(ErrorCode::Forbidden, message).into());
    }
    let credential = identity.credential.clone();
    let Some(path) = route else {
        let admitted = Admitted { digest, credential, expires_at, rule, project: None };
        return Ok(Admission::Admitted(admitted));
    };
    let Some(rule) = rule else {
        // Every route is in the document and has a rule: the method has no route.
        let mut response = ApiError::from(Error::of(ErrorCode::MethodNotAllowed)).into_response();
        if let Ok(allowed) = HeaderValue::from_str(&rules.allowed(path)) {
            response.headers_mut().insert(header::ALLOW, allowed);
        }
        return Ok(Admission::Answered(response));
    };
    let project = selected(path, request)?;
    let principal = identity.select(project.as_ref())?;
    check(rule, &identity, &principal)?;
    request.extensions_mut().insert(Arc::clone(&identity));
    request.extensions_mut().insert(Caller(principal));
    let rule = Some(rule);
    Ok(Admission::Admitted(Admitted { digest, credential, expires_at, rule, project }))
}

/// Returns the project that the request names, and removes the parameter from its URI.
fn selected(path: &str, request: &mut Request) -> Result<Option<ProjectId>, Error> {
    if path.starts_with(V2)
        && let Some(query) = request.uri().query()
        && query.contains(PROJECT)
    {
        let is_project = |pair: &&str| pair.split('=').next() == Some(PROJECT);
        let mut values = query.split('&').filter(is_project);
        let named = values.next().map(|pair| pair.split_once('=').map_or("", |(_, value)| value));
        if values.next().is_some() {
            return Err(field("?project", FieldCode::Duplicate, "must be sent once"));
        }
        if let Some(name) = named {
            let name = name.to_owned();
            let rest: Vec<&str> = query.split('&').filter(|pair| !is_project(pair)).collect();
            let rest = match rest.is_empty() {
                true => request.uri().path().to_owned(),
                false => format!("{}?{}", request.uri().path(), rest.join("&")),
            };
            set_uri(request, &rest)?;
            if !path.starts_with(PROJECT_PATH) {
                return parsed(&name).map(Some);
            }
        }
    }
    if path.starts_with(PROJECT_PATH) {
        let index = PROJECT_PATH.split('/').count() - 1;
        let name = request.uri().path().split('/').nth(index).unwrap_or_default();
        return parsed(name).map(Some);
    }
    Ok(None)
}

fn parsed(name: &str) -> Result<ProjectId, Error> {
    name.parse().map_err(|problem| {
        Error::new(ErrorCode::ProjectNotFound, format!("there is no such project: {problem}"))
    })
}

fn set_uri(request: &mut Request, path_and_query: &str) -> Result<(), Error> {
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(path_and_query.parse::<PathAndQuery>().map_err(Error::internal)?);
    *request.uri_mut() = Uri::from_parts(parts).map_err(Error::internal)?;
    Ok(())
}

fn check(rule: Rule, identity: &Identity, principal: &Principal) -> Result<(), Error> {
    let forbidden = |message: String| Err(Error::new(ErrorCode::Forbidden, message));
    match rule {
        Rule::Public | Rule::SignedIn => Ok(()),
        Rule::Account if principal.credential.is_limited() => forbidden(
            "the token is limited to a project, a role or a scope: use a token without limits, or sign in".to_owned(),
        ),
        Rule::Account => Ok(()),
        Rule::Metrics if identity.scope == TokenScope::Metrics => Ok(()),
        Rule::FederationAdmin | Rule::Metrics if principal.federation_admin => Ok(()),
        Rule::FederationAdmin | Rule::Metrics => forbidden(
            "this needs an administrator of the federation, with a credential without limits".to_owned(),
        ),
        Rule::Project(role) | Rule::Own(role, _) if principal.has(role) => Ok(()),
        Rule::Project(role) | Rule::Own(role, _) => match principal.role {
            Some(own) => forbidden(format!(
                "this needs the role {role} in project {}; this credential has the role {own}",
                principal.project
            )),
            None if identity.projects.is_empty() => Err(Error::new(
                ErrorCode::Forbidden,
                "the account has no role in any project: ask an administrator of a project",
            )),
            None if identity.projects.len() > 1 => forbidden(
                "the account has several projects: name one with the parameter `project`".to_owned(),
            ),
            None => Err(no_project(&principal.project)),
        },
    }
}
