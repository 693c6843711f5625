//! What the platform knows of a training framework: data and pure functions.

use crate::member::Role;
use crate::template::Framework;

/// Whether a run whose required members stand as `(role, succeeded, complete)` has done its work. Iflearner: every
/// trainer exited 0 and the aggregator's status page showed all parties complete. Generic: every trainer exited 0.
#[must_use]
pub fn completes(framework: Framework, members: &[(Role, bool, bool)]) -> bool {
    let mut trainers = members.iter().filter(|(role, ..)| *role == Role::Trainer).peekable();
    let trained = trainers.peek().is_some() && trainers.all(|(_, succeeded, _)| *succeeded);
    trained
        && match framework {
            Framework::Iflearner => members.iter().any(|(role, _, complete)| *role == Role::Aggregator && *complete),
            Framework::Generic => true,
        }
}
