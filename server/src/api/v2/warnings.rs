//! Warnings about tasks and templates that are valid and that parties would refuse: their inventories
//! offer no such image or dataset. A party that has never connected, or does not disclose its names,
//! causes no warning.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use flow_domain::id::{PartyId, ProjectId};
use flow_domain::policy::Allow;
use flow_domain::task::{TaskBody, TaskMember};
use flow_domain::template::TemplateBody;
use flow_domain::text::clip;
use serde::Deserialize;

use crate::api::problem::ApiError;
use crate::state::App;

/// Limit of the warnings in one response.
const WARNINGS_MAX: usize = 20;
/// Longest list of names in a warning, in characters.
const NAMES_CHARS_MAX: usize = 200;
/// Inventories that are read at once.
const INVENTORIES_PAGE: u32 = 100;

/// The part of a party's inventory that a task refers to.
#[derive(Debug, Default, Deserialize)]
struct Offer {
    images: Option<BTreeMap<String, Allow>>,
    datasets: Option<BTreeSet<String>>,
    #[serde(default)]
    runtime: BTreeMap<String, String>,
}

impl Offer {
    /// Returns `None` for an inventory of another version.
    fn parse(inventory: &str) -> Option<Self> {
        serde_json::from_str(inventory).ok()
    }

    /// Names the entry of the configuration that maps an image.
    fn remedy(&self, image: &str, is_embedded: bool) -> String {
        let section = if is_embedded { "hub_agent.images" } else { "images" };
        let value = match self.runtime.get("kind").map(String::as_str) {
            Some("process") => "root = DIRECTORY",
            Some("kubernetes") => "container = REFERENCE",
            _ => "root or container",
        };
        format!("map it with `[{section}.\"{image}\"]` and {value} in the configuration there")
    }
}

/// Warns about members whose parties map no such image or offer no such dataset. `image_reported`:
/// the response already warns that no party maps the image.
pub(super) async fn of_task(
    app: &App,
    project: &ProjectId,
    template: &TemplateBody,
    task: &TaskBody,
    image_reported: bool,
) -> Result<Vec<String>, ApiError> {
    let parties: Vec<&str> = task.members.iter().map(|member| member.party.as_str()).collect();
    let inventories: HashMap<String, String> =
        app.store.inventories(&parties).await?.into_iter().collect();
    let members: Vec<&PartyId> = task.members.iter().map(|member| &member.party).collect();
    let offers = app.store.offered(project, &members).await?;
    let image = &template.image;
    let (mut without_image, mut warnings) = (Vec::new(), Vec::new());
    for TaskMember { party, role: _, dataset } in &task.members {
        let offer = inventories.get(party.as_str()).and_then(|json| Offer::parse(json));
        let Some(offer) = offer else { continue };
        if let (Some(dataset), Some(offered)) = (dataset, &offer.datasets)
            && !offered.contains(dataset.as_str())
        {
            let visible = |name: &&String| match offers.get(party) {
                Some(offer) => name.parse().is_ok_and(|name| offer.contains(&name)),
                None => false,
            };
            warnings.push(format!(
                "{party} offers no dataset \"{dataset}\" ({})",
                it_has(offered.iter().filter(visible))
            ));
        }
        match offer.images.as_ref().map(|images| images.get(image)) {
            Some(None) => without_image.push((party, offer)),
            Some(Some(Allow::No)) => {
                warnings.push(format!("{party} does not allow the image {image:?}"));
            }
            Some(Some(Allow::Yes | Allow::Ask)) | None => {}
        }
    }
    if !image_reported && let Some(warning) = without_image_warning(app, image, &without_image) {
        warnings.insert(0, warning);
    }
    warnings.truncate(WARNINGS_MAX);
    Ok(warnings)
}

/// Returns one warning for all parties of a task that do not map its image.
fn without_image_warning(app: &App, image: &str, parties: &[(&PartyId, Offer)]) -> Option<String> {
    let (first, offer) = parties.first()?;
    let mapped: BTreeSet<&String> = parties
        .iter()
        .flat_map(|(_, offer)| offer.images.iter().flatten())
        .map(|(name, _)| name)
        .collect();
    let remedy = offer.remedy(image, is_embedded(app, first));
    Some(match parties {
        [_] => {
            format!("{first} maps no image {image:?} ({}): {remedy}", it_has(mapped.into_iter()))
        }
        _ => {
            let list: Vec<&str> = parties.iter().map(|(party, _)| party.as_str()).collect();
            format!(
                "{} map no image {image:?} ({}); for example at {first}: {remedy}",
                clip(&list.join(", "), NAMES_CHARS_MAX),
                mapped_are(mapped.into_iter())
            )
        }
    })
}

/// Warns about an image that no party of the project maps.
pub(super) async fn of_template(
    app: &App,
    project: &ProjectId,
    template: &TemplateBody,
) -> Result<Vec<String>, ApiError> {
    let (mut mapped, mut after) = (BTreeSet::new(), String::new());
    let mut example = None;
    loop {
        let page = app.store.inventories_after(&after, INVENTORIES_PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after.clone_from(last);
        let parsed = page
            .into_iter()
            .filter_map(|(party, inventory)| Some((party.parse::<PartyId>().ok()?, inventory)));
        let page: Vec<(PartyId, String)> = parsed.collect();
        let ids: Vec<&PartyId> = page.iter().map(|(party, _)| party).collect();
        let offered = app.store.offered(project, &ids).await?;
        for (party, inventory) in page {
            if !offered.contains_key(&party) {
                continue;
            }
            let Some(offer) = Offer::parse(&inventory) else { continue };
            match &offer.images {
                // A party that does not disclose its images may map this one.
                None => return Ok(Vec::new()),
                Some(images) if images.contains_key(&template.image) => return Ok(Vec::new()),
                Some(images) => mapped.extend(images.keys().cloned()),
            }
            example.get_or_insert((party, offer));
        }
    }
    // No party has connected yet.
    let Some((party, offer)) = example else { return Ok(Vec::new()) };
    let is_embedded = is_embedded(app, &party);
    Ok(vec![format!(
        "no party maps the image {:?} ({}); for example at {party}: {}",
        template.image,
        mapped_are(mapped.iter()),
        offer.remedy(&template.image, is_embedded)
    )])
}

fn is_embedded(app: &App, party: &PartyId) -> bool {
    app.embedded.get() == Some(party)
}

fn it_has<'a>(all: impl Iterator<Item = &'a String>) -> String {
    names(all).map_or("it has none".to_owned(), |names| format!("it has {names}"))
}

fn mapped_are<'a>(all: impl Iterator<Item = &'a String>) -> String {
    names(all).map_or("there is none".to_owned(), |names| format!("mapped are {names}"))
}

/// Joins names; `None` without any.
fn names<'a>(all: impl Iterator<Item = &'a String>) -> Option<String> {
    let names: Vec<&str> = all.map(String::as_str).collect();
    (!names.is_empty()).then(|| clip(&names.join(", "), NAMES_CHARS_MAX).into_owned())
}
