//! A new token of a federation administrator, for an operator of the hub's machine who lost it.

use flow_domain::access::{TokenScope, UserKind};
use flow_domain::id::UserName;
use flow_domain::time::Timestamp;

use super::token::TokenText;
use crate::store::{AccessEntry, ApiToken, Store, StoreError, User, UserEdit};

/// Days until the token expires: enough to create another one.
const LIFE_S: u64 = 24 * 3600;
/// Name of the actor in the audit.
const ACTOR: &str = "flow-server admin-token";

/// Makes the account an enabled administrator of the federation, creates it if there is none, and
/// returns a new token.
pub(crate) async fn recover(
    store: &Store,
    name: &UserName,
    now: Timestamp,
) -> Result<TokenText, StoreError> {
    let entry = |action: &str| AccessEntry {
        id: flow_common::ids::audit_id(),
        at: now,
        actor_id: None,
        actor: ACTOR.to_owned(),
        action: action.to_owned(),
        object: name.to_string(),
        project: None,
        address: String::new(),
        detail: String::new(),
    };
    let user = match store.user(name).await? {
        Some(user) => {
            let edit = UserEdit {
                federation_admin: Some(true),
                disabled_at: Some(None),
                password_hash: None,
            };
            store.edit_user(name, &edit, &entry("edit_user")).await?;
            user
        }
        None => {
            let user = User {
                id: flow_common::ids::user_id(),
                name: name.clone(),
                kind: UserKind::Person,
                federation_admin: true,
                password_hash: None,
                created_at: now,
                disabled_at: None,
            };
            store.create_user(&user, &entry("create_user")).await?;
            user
        }
    };
    let text = TokenText::generate(user.kind);
    let token = ApiToken {
        id: flow_common::ids::token_id(),
        user: user.id,
        name: ACTOR.to_owned(),
        digest: text.digest(),
        hint: text.hint(),
        scope: TokenScope::Api,
        project: None,
        role: None,
        created_at: now,
        expires_at: Some(now.plus_secs(LIFE_S)),
        last_used_at: None,
    };
    store.create_token(&token, name, &entry("create_token")).await?;
    Ok(text)
}
