//! Routes without authentication.

/// Routes that need no token. Their responses hold no data of users or parties.
pub const PUBLIC: [&str; 6] = ["/", "/livez", "/readyz", "/docs", "/docs/{file}", "/guides/{file}"];
