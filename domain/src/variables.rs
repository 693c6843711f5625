//! Names of environment variables: the ones of the environment contract (`FED_*`), and the ones
//! that a template or a spec may set.

/// Prefix of all variables of the contract; see `framework::contract` for their meaning.
pub const PREFIX: &str = "FED_";

/// Variables of the contract in specs; the agent sets the others.
const IN_SPECS: [&str; 12] = [
    "FED_RUN_ID",
    "FED_ROLE",
    "FED_PARTY",
    "FED_PARTY_INDEX",
    "FED_PARTIES",
    "FED_TRAINERS",
    "FED_EPOCHS",
    "FED_PARAMS",
    "FED_LISTEN_ADDR",
    "FED_HTTP_ADDR",
    "FED_SERVER_ADDR",
    "FED_PEERS",
];
/// Variables by which a program loads code. This list is a second check only: the allow-list of
/// each party decides which names a template may set (`crate::policy`), and this list keeps an
/// entry there from giving access to the dynamic linker.
const LOADERS: [&str; 6] =
    ["GCONV_PATH", "BASH_ENV", "ENV", "PYTHONSTARTUP", "PYTHONHOME", "PERL5OPT"];

/// True if no template may set this variable, because it belongs to the contract or the agent,
/// makes an allowed program load other code, or names a proxy: a workload would connect to its own
/// aggregator through the proxy (hazard L14), and only the party knows its network.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.starts_with(PREFIX)
        || upper == "HOME"
        || upper.ends_with("_PROXY")
        || upper.starts_with("LD_")
        || upper.starts_with("DYLD_")
        || LOADERS.contains(&upper.as_str())
}

/// True if the contract sets this variable in specs.
#[must_use]
pub fn is_contract_variable(name: &str) -> bool {
    IN_SPECS.contains(&name)
}

/// True if a spec may set this variable: a variable that a template may set, or one of the
/// contract.
#[must_use]
pub fn is_spec_variable(name: &str) -> bool {
    is_contract_variable(name) || !is_reserved(name)
}

/// True if `name` is accepted as the name of an environment variable in a template: 1 to 128
/// letters, digits and `_`, not starting with a digit.
#[must_use]
pub fn is_env_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}
