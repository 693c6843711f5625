//! Logging, set up once per process. Lines go to standard error, so that standard output stays for answers.
//!
//! Secrets do not reach it: they are kept in [`crate::secret_file::Secret`], which prints as `[secret]`.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// The `log` section of every configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// What is written: a level (`info`) or a filter (`info,flow_federate=debug`).
    pub level: String,
    /// How it is written.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be understood.
    #[error("log.level: {0}: use error, warn, info, debug or trace, or a filter such as `info,flow_server=debug`")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// It is set up already.
    #[error("logging is set up already")]
    Again,
}

/// Set up logging for this process.
pub fn init(config: &LogConfig) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&config.level)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|_| TelemetryError::Again)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_level_is_refused_with_what_would_be_accepted() {
        let config = LogConfig { level: "lou=d=er".to_owned(), format: LogFormat::Text };
        let error = init(&config).unwrap_err().to_string();
        assert!(error.starts_with("log.level: ") && error.contains("info"), "{error}");
    }
}
