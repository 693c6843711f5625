//! The command-line options by which a program finds its configuration: `--config FILE` and `--set
//! KEY=VALUE`.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::path::PathBuf;

use clap::Args;

/// A program that reads a configuration file.
pub trait Program: Debug + Clone + Send + Sync + 'static {
    /// Environment variable with the path of the configuration file, for calls without `--config`.
    const CONFIG_ENV: &'static str;
}

/// Options of a command that reads the configuration. Values of `--set` override the file and the
/// environment.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs<P: Program> {
    /// Configuration file (TOML). Every key has a default; `config dump` prints all keys.
    #[arg(long = "config", global = true, value_name = "FILE", env = P::CONFIG_ENV)]
    pub file: Option<PathBuf>,
    /// Set one key, e.g. --set log.level=debug; overrides file and environment. Can be repeated.
    /// Not for secrets: other users of the machine can read arguments.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub overrides: Vec<(String, String)>,
    #[arg(skip)]
    program: PhantomData<P>,
}

/// Splits `KEY=VALUE` at the first `=` and trims white space around the key.
fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Clone)]
    struct Demo;

    impl Program for Demo {
        const CONFIG_ENV: &'static str = "FLOW_DEMO_CONFIG";
    }

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        config: ConfigArgs<Demo>,
    }

    #[test]
    fn options_are_a_file_and_pairs_split_at_the_first_equals_sign() {
        let cli = Cli::parse_from([
            "demo",
            "--config",
            "a.toml",
            "--set",
            "log.level =a=b",
            "--set",
            "x=",
        ]);
        assert_eq!(cli.config.file, Some(PathBuf::from("a.toml")));
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(cli.config.overrides, [pair("log.level", "a=b"), pair("x", "")]);
        let error = Cli::try_parse_from(["demo", "--set", "log.level"]).unwrap_err().to_string();
        assert!(error.contains("write KEY=VALUE"), "{error}");
    }
}
