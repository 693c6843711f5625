//! Everything that can be found wrong with documents before the first of them is sent, by the rules that the hub keeps: a
//! file whose last document is refused must not have changed the template of the first.

use std::collections::{BTreeMap, BTreeSet};

use flow_domain::error::Error;
use flow_domain::id::{PartyId, TemplateId};
use flow_domain::task::TaskBody;
use flow_domain::template::{TemplateBody, validate_head};
use serde_json::Value;

use super::apply::template_doc;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::manifest::{Document, TaskDoc};
use crate::resolve;

/// Checks the documents as they will be applied, in order.
pub async fn documents(client: &Client, documents: &[Document]) -> Result<(), Failure> {
    let mut templates: BTreeMap<&str, &TemplateBody> = BTreeMap::new();
    for document in documents {
        if let Document::Template(doc) = document {
            let wrong =
                |errors| Failure::invalid(&format!("template {}", doc.name), &Error::from(errors));
            validate_head(&doc.name, &doc.remark).map_err(wrong)?;
            doc.body.validate().map_err(wrong)?;
        }
    }
    let parties = if documents.iter().any(|document| matches!(document, Document::Task(_))) {
        parties(client).await?
    } else {
        None
    };
    for document in documents {
        match document {
            Document::Template(doc) => {
                templates.insert(&doc.name, &doc.body);
            }
            Document::Task(doc) => task(client, doc, &templates, parties.as_ref()).await?,
        }
    }
    Ok(())
}

/// The parties that the hub knows; `None` if the caller may not list them.
async fn parties(client: &Client) -> Result<Option<BTreeSet<String>>, Failure> {
    match client.list::<Value>(&["parties"], &[], "cursor").await {
        Ok(parties) => Ok(Some(
            parties.iter().filter_map(|party| party["name"].as_str().map(str::to_owned)).collect(),
        )),
        Err(failure) if failure.exit == Exit::Auth => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn task(
    client: &Client,
    doc: &TaskDoc,
    templates: &BTreeMap<&str, &TemplateBody>,
    parties: Option<&BTreeSet<String>>,
) -> Result<(), Failure> {
    let mut of_file = templates.get(doc.template.as_str()).copied();
    if let (Some(_), Some(revision)) = (of_file, doc.revision) {
        // What this file says becomes the next revision; the ones before are the hub's.
        let newest = resolve::by_name(client, "templates", &doc.template)
            .await?
            .and_then(|found| found["revision"].as_u64());
        of_file = of_file.filter(|_| newest.is_none_or(|newest| u64::from(revision) > newest));
    }
    let body = match of_file {
        Some(body) => body.clone(),
        None => {
            let (mut value, template) = resolve::template(client, &doc.template).await?;
            if let Some(revision) = doc.revision.filter(|revision| *revision != template.revision) {
                value = client
                    .get(&["templates", &template.id, "revisions", &revision.to_string()], &[])
                    .await?;
            }
            // A hub of a later version may know fields that are not known here. It checks the task by itself.
            let Ok(found) = template_doc(&value) else { return Ok(()) };
            found.body
        }
    };
    let known = |party: &PartyId| parties.is_none_or(|parties| parties.contains(party.as_str()));
    checked(doc)
        .validate(&body, &known)
        .map_err(|errors| Failure::invalid(&format!("task {}", doc.name), &Error::from(errors)))
}

/// The task as the domain checks it. What the template is called plays no part in that.
fn checked(doc: &TaskDoc) -> TaskBody {
    let TaskDoc { name, remark, template: _, revision, epochs, parameters, members, rules } =
        doc.clone();
    let template: TemplateId = "0".repeat(32).parse().expect("32 hexadecimal digits");
    TaskBody {
        name,
        remark,
        template,
        revision: revision.unwrap_or(1),
        epochs,
        parameters,
        members,
        rules,
    }
}
