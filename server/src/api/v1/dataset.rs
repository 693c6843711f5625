//! `federated_data`: in iflearner-flow a directory at the party, here a dataset of the party. A party
//! keeps its real paths; its configuration may give a dataset the path that old scripts send
//! (`v1_path`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use flow_domain::access::OfferedDatasets;
use flow_domain::error::{Error, FieldCode, FieldErrors};
use flow_domain::id::{DatasetName, PartyId, ProjectId};
use flow_domain::text::clip;
use serde::Deserialize;

use crate::api::problem::ApiError;
use crate::state::App;

/// Longest text of a request, and longest list of names, in a message, in characters.
const TEXT_CHARS_MAX: usize = 200;

/// The part of a party's inventory that names datasets.
#[derive(Debug, Default, Deserialize)]
struct Offer {
    /// `None` = the party keeps the names.
    datasets: Option<BTreeSet<String>>,
    /// Dataset by the path that clients of this API send.
    #[serde(default)]
    v1_paths: BTreeMap<String, String>,
}

impl Offer {
    /// Returns the part that the project may use.
    fn limited_to(mut self, offered: &OfferedDatasets) -> Self {
        let is_offered = |name: &String| name.parse().is_ok_and(|name| offered.contains(&name));
        if let Some(datasets) = &mut self.datasets {
            datasets.retain(is_offered);
        }
        self.v1_paths.retain(|_, name| is_offered(name));
        self
    }
}

/// The dataset of each party, for the `federated_data` of a request. A party that is not offered to
/// the project gets none: the engine rejects the party.
pub(super) async fn resolve(
    app: &App,
    project: &ProjectId,
    sent: &[(PartyId, String)],
) -> Result<Vec<Option<DatasetName>>, ApiError> {
    let with_data = sent.iter().filter(|(_, data)| !data.is_empty()).map(|(party, _)| party);
    let offered = app.store.offered(project, &with_data.collect::<Vec<_>>()).await?;
    let parties: Vec<&str> = offered.keys().map(PartyId::as_str).collect();
    let inventories: HashMap<String, String> =
        app.store.inventories(&parties).await?.into_iter().collect();
    let mut wrong = FieldErrors::default();
    let mut datasets = Vec::with_capacity(sent.len());
    for (index, (party, data)) in sent.iter().enumerate() {
        let Some(offered) = offered.get(party) else {
            datasets.push(None);
            continue;
        };
        let inventory = inventories.get(party.as_str());
        let offer = inventory.and_then(|json| serde_json::from_str::<Offer>(json).ok());
        let offer = offer.map(|offer| offer.limited_to(offered));
        match dataset(party, data, offer.as_ref()) {
            Ok(dataset) => datasets.push(dataset),
            Err(message) => {
                let path = format!("/federate_data/{index}/federated_data");
                wrong.add(path, FieldCode::Unknown, message);
            }
        }
    }
    wrong.finish().map_err(Error::from)?;
    Ok(datasets)
}

fn dataset(
    party: &PartyId,
    data: &str,
    offer: Option<&Offer>,
) -> Result<Option<DatasetName>, String> {
    if data.is_empty() {
        return Ok(None);
    }
    let path = match data.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    let by_path = offer.and_then(|offer| offer.v1_paths.get(path));
    if let Some(name) = by_path.and_then(|name| name.parse().ok()) {
        return Ok(Some(name));
    }
    let offered = offer.and_then(|offer| offer.datasets.as_ref());
    if let Ok(name) = data.parse::<DatasetName>()
        && offered.is_none_or(|offered| offered.contains(data))
    {
        return Ok(Some(name));
    }
    let known = match offered {
        Some(offered) if !offered.is_empty() => {
            let names: Vec<&str> = offered.iter().map(String::as_str).collect();
            format!("it has {}", clip(&names.join(", "), TEXT_CHARS_MAX))
        }
        Some(_) => "it has none".to_owned(),
        None => "its names are not known here".to_owned(),
    };
    Err(format!(
        "{party} declares no dataset {:?}: send the name of one of its datasets ({known}), or ask its administrator to set v1_path = {:?} in the [datasets.NAME] section of the dataset",
        clip(data, TEXT_CHARS_MAX),
        clip(path, TEXT_CHARS_MAX)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_a_name_or_a_published_path() {
        let offer: Offer = serde_json::from_str(
            r#"{"datasets": ["digits", "xray"], "v1_paths": {"/data/digits": "digits"}, "resources": {}}"#,
        )
        .expect("an inventory");
        let party = "hospital-a".parse().expect("a name");
        let name = |data: &str, offer: Option<&Offer>| {
            dataset(&party, data, offer).map(|name| name.map(String::from))
        };
        assert_eq!(name("", Some(&offer)), Ok(None));
        for (data, expected) in [
            ("digits", "digits"),
            ("/data/digits", "digits"),
            ("/data/digits/", "digits"),
            ("xray", "xray"),
        ] {
            assert_eq!(name(data, Some(&offer)), Ok(Some(expected.to_owned())), "{data}");
        }
        for data in ["/data/xray", "other", "/", "../digits", "DIGITS"] {
            let message = name(data, Some(&offer)).expect_err(data);
            assert!(message.contains("v1_path") && message.contains("digits, xray"), "{message}");
        }
        // A party that keeps its names, or has never connected.
        assert_eq!(name("digits", None), Ok(Some("digits".to_owned())));
        assert_eq!(name("digits", Some(&Offer::default())), Ok(Some("digits".to_owned())));
        assert!(name("/data/digits", None).is_err());
    }
}
