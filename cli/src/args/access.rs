//! Commands about accounts, tokens and projects.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use flow_domain::access::{ProjectRole, TokenScope};
use flow_domain::id::{DatasetName, PartyId, ProjectId, UserName};

#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Name of your account
    #[arg(long, env = "USER", hide_env_values = true)]
    pub name: UserName,
    /// Data directory of the hub, with the file `setup-code`
    #[arg(
        long,
        env = "FLOW_DATA_DIR",
        hide_env_values = true,
        default_value = "flow-server.data",
        value_name = "DIR"
    )]
    pub data_dir: PathBuf,
    /// File with the setup code [default: setup-code in the data directory]
    #[arg(long, value_name = "FILE")]
    pub code_file: Option<PathBuf>,
    /// File with a password for the account [default: the account has no password]
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct LoginArgs {
    /// Name of your account
    #[arg(long, env = "USER", hide_env_values = true, required_unless_present = "device")]
    pub name: Option<UserName>,
    /// Show a code that you approve where you are signed in, in place of a password
    #[arg(long, conflicts_with = "password_file")]
    pub device: bool,
    /// File with the password [default: ask for it]
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Days until the token of this login expires
    #[arg(long, default_value_t = 30, value_name = "DAYS")]
    pub days: u32,
}

#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// Show which device waits with a code
    Get {
        /// Code that the device shows
        code: String,
    },
    /// Give a device an API token of your account
    Approve {
        /// Code that your device shows
        code: String,
    },
    /// Refuse a device
    Deny {
        /// Code that the device shows
        code: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum ContextCommand {
    /// List the hubs that flowctl knows
    List,
    /// Use a context from now on
    Use {
        /// Name of the context
        name: String,
    },
    /// Forget a context and its token
    Delete {
        /// Name of the context
        name: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Scope {
    /// The REST API
    Api,
    /// The metrics page only
    Metrics,
}

impl From<Scope> for TokenScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Api => Self::Api,
            Scope::Metrics => Self::Metrics,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create an API token; the hub shows it only once
    #[command(override_usage = "flowctl token create [OPTIONS] --secret-file <FILE> <NAME>")]
    Create {
        /// Purpose of the token
        name: String,
        /// Account of the token [default: your own]
        #[arg(long, value_name = "NAME")]
        user: Option<UserName>,
        /// Uses of the token
        #[arg(long, value_enum, default_value_t = Scope::Api)]
        scope: Scope,
        /// Limit the token to this project
        #[arg(long, value_name = "PROJECT")]
        only_project: Option<ProjectId>,
        /// Limit the token to this role
        #[arg(long)]
        role: Option<ProjectRole>,
        /// Days until the token expires; 0: never
        #[arg(long, default_value_t = flow_api_types::limits::TOKEN_DAYS_DEFAULT)]
        days: u32,
        #[command(flatten)]
        secret: super::SecretArgs,
    },
    /// List the tokens of an account
    List {
        /// Account [default: your own]
        #[arg(long, value_name = "NAME")]
        user: Option<UserName>,
    },
    /// Delete a token; the hub rejects it at once
    Delete {
        /// Id of the token, from `flowctl token list`
        token: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Create an account
    Create {
        /// Name of the account
        name: UserName,
        /// An account of a program, which has API tokens only
        #[arg(long, conflicts_with = "password_file")]
        service: bool,
        /// Let the account administer the federation
        #[arg(long)]
        federation_admin: bool,
        /// File with the password [default: the account has none]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// List accounts
    List,
    /// Show an account
    Get {
        /// Name of the account
        name: UserName,
    },
    /// Disable an account: its tokens and sessions are refused
    Disable {
        /// Name of the account
        name: UserName,
    },
    /// Enable a disabled account
    Enable {
        /// Name of the account
        name: UserName,
    },
    /// Set the password of an account
    SetPassword {
        /// Name of the account
        name: UserName,
        /// File with the new password [default: ask for it]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// File with the current password, for your own account
        #[arg(long, value_name = "FILE")]
        current_password_file: Option<PathBuf>,
    },
    /// Delete an account with its tokens and roles; its tasks stay
    Delete {
        /// Name of the account
        name: UserName,
    },
}

/// A limit of a project; `None` is that of the hub.
#[derive(Debug, Clone, Copy)]
pub struct Limit(pub Option<u32>);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "default" {
            return Ok(Self(None));
        }
        let number = text.parse().map_err(|_| "must be a number or `default`".to_owned())?;
        Ok(Self(Some(number)))
    }
}

#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    /// Create a project
    Create {
        /// Name of the project: 1 to 63 of a-z, 0-9 and '-'
        name: ProjectId,
        /// Free text for people
        #[arg(long, default_value = "")]
        remark: String,
        /// Offer every party of the federation to the project
        #[arg(long)]
        all_parties: bool,
    },
    /// List your projects
    List,
    /// Show a project with the numbers of its objects and their limits
    Get {
        /// Name of the project
        name: ProjectId,
    },
    /// Change the limits of a project: a number, or `default` for that of the hub
    SetQuota {
        /// Name of the project
        name: ProjectId,
        /// Largest number of tasks
        #[arg(long, value_name = "NUMBER")]
        tasks: Option<Limit>,
        /// Largest number of runs of the tasks
        #[arg(long, value_name = "NUMBER")]
        runs: Option<Limit>,
        /// Largest number of templates
        #[arg(long, value_name = "NUMBER")]
        templates: Option<Limit>,
    },
    /// Delete a project without tasks, with its templates, webhooks, members, offers and tokens; asks
    Delete {
        /// Name of the project
        name: ProjectId,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Manage the members of a project
    #[command(subcommand)]
    Member(MemberCommand),
    /// Manage the parties that are offered to a project by name
    #[command(subcommand)]
    Party(OfferCommand),
}

#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// List the members of a project
    List {
        /// Name of the project
        name: ProjectId,
    },
    /// Give an account a role: viewer, submitter, operator or admin
    Set {
        /// Name of the project
        name: ProjectId,
        /// Name of the account
        user: UserName,
        /// Role in the project
        role: ProjectRole,
    },
    /// Take the role of an account away
    Remove {
        /// Name of the project
        name: ProjectId,
        /// Name of the account
        user: UserName,
    },
}

#[derive(Debug, Subcommand)]
pub enum OfferCommand {
    /// List the parties that are offered to a project by name
    List {
        /// Name of the project
        name: ProjectId,
    },
    /// Offer a party to a project
    Offer {
        /// Name of the project
        name: ProjectId,
        /// Name of the party
        party: PartyId,
        /// Offer only this dataset; can be repeated [default: all datasets of the party]
        #[arg(long = "dataset", value_name = "NAME")]
        datasets: Vec<DatasetName>,
    },
    /// Withdraw a party from a project; active runs continue
    Withdraw {
        /// Name of the project
        name: ProjectId,
        /// Name of the party
        party: PartyId,
    },
}
