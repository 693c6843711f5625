//! The error responses of the operations of `/api/v2`, for the OpenAPI document.

use std::collections::BTreeMap;

use flow_api_types::Problem;
use flow_domain::error::ErrorCode;
use utoipa::ToSchema as _;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response as OpenApiResponse, ResponseBuilder};

/// Defines the error responses of an operation of `/api/v2`.
macro_rules! failures {
    ($name:ident = $($code:ident),+) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::response::Response>> {
                $crate::rest::failures::responses(&[$(flow_domain::error::ErrorCode::$code),+])
            }
        }
    };
}
pub(super) use failures;

/// Errors of every operation of `/api/v2`.
const COMMON: [ErrorCode; 5] = [
    ErrorCode::Unauthenticated,
    ErrorCode::CrossSite,
    ErrorCode::TooLarge,
    ErrorCode::Busy,
    ErrorCode::Internal,
];

/// The error responses by status. Each lists its codes.
pub(super) fn responses(codes: &[ErrorCode]) -> BTreeMap<String, RefOr<OpenApiResponse>> {
    let mut by_status: BTreeMap<String, String> = BTreeMap::new();
    for row in codes.iter().chain(&COMMON).map(|code| code.row()) {
        let text = by_status.entry(row.http.to_string()).or_default();
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(&format!("`{}`: {}", row.slug, row.title));
    }
    let response = |text: String| {
        let schema = Ref::from_schema_name(Problem::name());
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new().description(text);
        response.content("application/problem+json", content).build().into()
    };
    by_status.into_iter().map(|(status, text)| (status, response(text))).collect()
}
