//! Export of all series of a run. The response is built member by member while it is sent.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flow_domain::error::Error;
use flow_domain::id::{PartyId, RunId};
use futures::stream::{self, StreamExt as _};
use http::header;
use serde::Deserialize;
use utoipa::IntoParams;

use super::lookup::{run_of, visible_task};
use super::runs::RunPath;
use crate::api::extract::{Caller, Ids, Params};
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::state::App;
use flow_api_types::{MemberSeries, RunSeries, SeriesList, schema};

failures!(NotFound = TaskNotFound, RunNotFound);

/// Format of an export.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportParams {
    /// Format of the response.
    #[serde(default)]
    #[param(value_type = Option<schema::ExportFormat>)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Csv,
}

/// Export the metrics of a run over time
///
/// Returns the series of all members. The CSV has a header and the columns `party`, `series`, `step`
/// and `value`; a value that is not a finite number is empty, and a name that a spreadsheet would
/// take for a formula begins with `'`. If the connection breaks before the end, the hub could not
/// read the remaining members.
#[utoipa::path(get, path = "/tasks/{task}/runs/{run}/series", tag = "runs", operation_id = "export_series", params(RunPath, ExportParams),
    responses((status = 200, description = "All series of the run", content(
        (RunSeries = "application/json"), (String = "text/csv"))), NotFound))]
pub(super) async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(RunPath { task, run }): Ids<RunPath>,
    Params(ExportParams { format }): Params<ExportParams>,
) -> Result<Response, ApiError> {
    let task = visible_task(&app, &caller, &task).await?;
    let run = run_of(&app, &task, &run).await?;
    let parties: Vec<PartyId> = run.members.iter().map(|member| member.party.clone()).collect();
    let (id, stopped) = (run.id.clone(), app.stopping.clone());
    let members = stream::iter(parties.into_iter().enumerate()).then(move |(index, party)| {
        let (app, run) = (Arc::clone(&app), id.clone());
        async move { member(&app, &run, index, party, format).await }
    });
    let (kind, head, tail) = match format {
        Format::Json => ("application/json", "{\"members\":[", "]}"),
        Format::Csv => ("text/csv; charset=utf-8", "party,series,step,value\r\n", ""),
    };
    let text = |text: &str| stream::iter([Ok(text.to_owned())]);
    let body = text(head).chain(members).chain(text(tail));
    let body = Body::from_stream(body.take_until(stopped.cancelled_owned()));
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

async fn member(
    app: &App,
    run: &RunId,
    index: usize,
    party: PartyId,
    format: Format,
) -> Result<String, Error> {
    let series = app.store.series(run, &party).await.inspect_err(
        |error| tracing::warn!(%run, %party, %error, "an export of series broke off"),
    )?;
    let SeriesList { series } = SeriesList::new(series.into_values().flatten().collect());
    if format == Format::Json {
        let member = MemberSeries { party: party.into(), series };
        let text = serde_json::to_string(&member).map_err(Error::internal)?;
        return Ok(if index == 0 { text } else { format!(",{text}") });
    }
    let mut text = String::new();
    for one in series {
        let name = quoted(&one.name);
        for point in one.points {
            let value = point.value.map(|value| value.to_string()).unwrap_or_default();
            let _ = write!(text, "{party},{name},{},{value}\r\n", point.step);
        }
    }
    Ok(text)
}

/// Quotes a text as RFC 4180 does. The workload of a party chose it: it must not become a formula
/// when a person opens the file in a spreadsheet, which evaluates quoted texts, too.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.' | ' ' | ':');
    if text.starts_with(char::is_alphanumeric) && text.chars().all(plain) {
        return text.to_owned();
    }
    let is_formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || text.starts_with(['\t', '\r', '\n']);
    let mark = if is_formula { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a23_texts_are_quoted_for_csv_and_are_no_formulas() {
        for (text, expected) in [
            ("local/acc", "local/acc"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            (" -2+3", "\"' -2+3\""),
            ("\t=1", "\"'\t=1\""),
            ("_x", "\"_x\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
