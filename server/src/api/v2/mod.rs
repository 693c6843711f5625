//! `/api/v2`: one file per resource.

mod access;
mod apply;
mod bulk;
mod check;
mod contacts;
mod events;
mod export;
mod feed;
mod filter;
mod info;
mod live;
mod lookup;
mod members;
mod orphans;
mod outputs;
mod overview;
mod params;
mod parties;
mod reference;
pub(super) mod runs;
mod system;
mod tasks;
pub(super) mod templates;
mod warnings;
mod webhooks;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::App;

/// Returns all routes, relative to `/api/v2`. One `routes!` has all methods of a path.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default()
        .routes(routes!(apply::apply))
        .routes(routes!(check::check))
        .routes(routes!(templates::list, templates::create))
        .routes(routes!(templates::get, templates::edit, templates::delete))
        .routes(routes!(templates::revisions))
        .routes(routes!(templates::revision))
        .routes(routes!(tasks::list, tasks::create))
        .routes(routes!(tasks::get, tasks::edit, tasks::delete))
        .routes(routes!(tasks::start))
        .routes(routes!(tasks::stop))
        .routes(routes!(tasks::clone))
        .routes(routes!(bulk::stop))
        .routes(routes!(bulk::delete))
        .routes(routes!(events::list))
        .routes(routes!(feed::list))
        .routes(routes!(info::get))
        .routes(routes!(system::get))
        .routes(routes!(overview::get))
        .routes(routes!(runs::list_all))
        .routes(routes!(runs::compare))
        .routes(routes!(runs::list))
        .routes(routes!(runs::get))
        .routes(routes!(export::export))
        .routes(routes!(members::get))
        .routes(routes!(members::logs))
        .routes(routes!(members::series))
        .routes(routes!(outputs::list))
        .routes(routes!(outputs::get))
        .routes(routes!(parties::list, parties::create))
        .routes(routes!(parties::get, parties::delete))
        .routes(routes!(contacts::list))
        .routes(routes!(parties::rotate_secret))
        .routes(routes!(parties::disable))
        .routes(routes!(parties::enable))
        .routes(routes!(orphans::list))
        .routes(routes!(orphans::stop))
        .routes(routes!(orphans::keep))
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::get, webhooks::edit, webhooks::delete))
        .routes(routes!(webhooks::rotate_secret))
        .routes(routes!(webhooks::test))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::redeliver))
        .routes(routes!(access::setup::setup))
        .routes(routes!(access::me::get))
        .routes(routes!(access::sign_in_codes::create))
        .routes(routes!(access::sessions::list, access::sessions::create))
        .routes(routes!(access::sessions::delete))
        .routes(routes!(access::users::list, access::users::create))
        .routes(routes!(access::users::get, access::users::edit, access::users::delete))
        .routes(routes!(access::users::set_password))
        .routes(routes!(access::tokens::list, access::tokens::create))
        .routes(routes!(access::tokens::get, access::tokens::delete))
        .routes(routes!(access::access_tokens::create))
        .routes(routes!(access::devices::start))
        .routes(routes!(access::devices::poll))
        .routes(routes!(access::devices::get))
        .routes(routes!(access::devices::approve))
        .routes(routes!(access::devices::deny))
        .routes(routes!(access::oidc::list))
        .routes(routes!(access::oidc::start))
        .routes(routes!(access::oidc::callback))
        .routes(routes!(access::oidc::link))
        .routes(routes!(access::projects::list, access::projects::create))
        .routes(routes!(access::projects::get, access::projects::edit, access::projects::delete))
        .routes(routes!(access::projects::members))
        .routes(routes!(access::projects::set_member, access::projects::remove_member))
        .routes(routes!(access::projects::parties))
        .routes(routes!(access::projects::offer_party, access::projects::withdraw_party))
        .routes(routes!(access::audit::list))
}
