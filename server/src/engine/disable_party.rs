//! Disabling of a party. The queue processes it after every change that was posted before. A hub
//! that is killed between the two writes records the state in the runs at its next start.

use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::PartyId;
use flow_domain::run::Input;
use tokio::sync::oneshot;

use super::queue::Queue;

#[derive(Debug)]
pub(super) struct DisableRequest {
    pub(super) party: PartyId,
    /// False: the party is enabled.
    pub(super) disabled: bool,
    pub(super) reply: oneshot::Sender<Result<(), Error>>,
}

impl Queue {
    pub(super) async fn disable_party(&mut self, request: DisableRequest) {
        let DisableRequest { party, disabled, reply } = request;
        let changed = self.set_party_disabled(&party, disabled).await;
        // The caller may have disconnected.
        let _ = reply.send(changed);
    }

    async fn set_party_disabled(&mut self, party: &PartyId, disabled: bool) -> Result<(), Error> {
        let now = self.now();
        if !self.store.disable_party(party, disabled, now).await? {
            let message = format!("there is no party {party}");
            return Err(Error::new(ErrorCode::PartyNotFound, message));
        }
        if disabled {
            self.party_states.disabled.insert(party.clone());
        } else {
            self.party_states.disabled.remove(party);
        }
        let connected = self.connected_instance(party);
        let input = Input::PartyDisabled { party: party.clone(), disabled, connected };
        self.apply_to_party(party, &input).await;
        Ok(())
    }
}
