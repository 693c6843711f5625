//! The options of every command.

use std::path::PathBuf;

use clap::Args;

use crate::output::{Color, Format};

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Hub and account, as `flowctl login` stored them [default: the current context]
    #[arg(long, global = true, env = "FLOW_CONTEXT", hide_env_values = true, value_name = "NAME")]
    pub context: Option<String>,
    /// REST address of the hub [default: that of the context, else http://127.0.0.1:1235]
    #[arg(long, global = true, env = "FLOW_SERVER", hide_env_values = true, value_name = "URL")]
    pub server: Option<String>,
    /// File with the only trusted certificate authorities for the hub's certificate [default: the
    /// authorities of this machine]
    #[arg(long, global = true, env = "FLOW_CA_FILE", hide_env_values = true, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Project of the command [default: that of the context, else that of the token]
    #[arg(long, global = true, env = "FLOW_PROJECT", hide_env_values = true, value_name = "NAME")]
    pub project: Option<String>,
    /// File with your API token [default: the token of the context]
    #[arg(
        long,
        global = true,
        env = "FLOW_TOKEN_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub token_file: Option<PathBuf>,
    /// Output format: table, json or yaml
    #[arg(short, long, global = true, value_enum, default_value_t, hide_possible_values = true)]
    pub output: Format,
    /// Colours: auto, always or never; auto obeys NO_COLOR
    #[arg(long, global = true, value_enum, default_value_t, hide_possible_values = true)]
    pub color: Color,
    /// Print the JSON schema of the command's `-o json` output instead of running the command
    #[arg(long, global = true)]
    pub schema: bool,
}
