//! The permanent errors that both runtimes return.

use flow_domain::member::{Reason, ReasonCode};

use super::RuntimeError;

pub fn rejected(text: &str) -> RuntimeError {
    RuntimeError::Refused(Reason::new(ReasonCode::RuntimeError, text))
}

pub fn started_before() -> RuntimeError {
    rejected("this attempt was started before, and an attempt starts once; start a new run")
}

pub fn forgotten() -> RuntimeError {
    rejected(
        "the agent has removed the state of this attempt and never starts it again; start a new run",
    )
}

pub fn still_alive() -> RuntimeError {
    rejected("this member is still alive; stop it first")
}

pub fn hold_expired() -> RuntimeError {
    RuntimeError::Refused(Reason::new(
        ReasonCode::HoldExpired,
        "the hold of this attempt has expired; reserve again",
    ))
}

#[cfg(feature = "kubernetes")]
pub fn name_taken() -> RuntimeError {
    let text = "the cluster contains an IflearnerJob with this member's name that the agent did not \
                create; ask the party to delete it";
    RuntimeError::Refused(Reason::new(ReasonCode::NameTaken, text))
}
