//! Checks all documents with the rules of the hub before the first request, so that a file with an
//! invalid document changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use flow_domain::error::Error;
use flow_domain::id::{PartyId, TemplateId};
use flow_domain::task::TaskBody;
use flow_domain::template::TemplateBody;
use flow_domain::validation::validate_head;
use serde_json::Value;

use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::manifest::{self, Document, TaskDoc};
use crate::resolve;

/// Checks the documents in the order in which they will be applied.
pub async fn documents(client: &Client, documents: &[Document]) -> Result<(), CliError> {
    let mut bodies: BTreeMap<&str, TemplateBody> = BTreeMap::new();
    for document in documents {
        if let Document::Template(doc) = document {
            let invalid =
                |errors| CliError::invalid(&format!("template {}", doc.name), &Error::from(errors));
            let (name, remark, body) = doc.clone().into_parts();
            validate_head(&name, &remark).map_err(invalid)?;
            body.validate().map_err(invalid)?;
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
                bodies.insert(&doc.name, doc.clone().into_parts().2);
            }
            Document::Task(doc) => task(client, doc, &bodies, parties.as_ref()).await?,
        }
    }
    Ok(())
}

/// Lists the names of all parties. Returns `None` if the user may not list them.
async fn parties(client: &Client) -> Result<Option<BTreeSet<String>>, CliError> {
    match client.list::<Value>(&["parties"], &[], "cursor").await {
        Ok(parties) => Ok(Some(
            parties.iter().filter_map(|party| party["name"].as_str().map(str::to_owned)).collect(),
        )),
        Err(error) if error.exit == Exit::Auth => Ok(None),
        Err(error) => Err(error),
    }
}

async fn task(
    client: &Client,
    doc: &TaskDoc,
    bodies: &BTreeMap<&str, TemplateBody>,
    parties: Option<&BTreeSet<String>>,
) -> Result<(), CliError> {
    let mut of_file = bodies.get(doc.template.as_str());
    if let (Some(_), Some(revision)) = (of_file, doc.revision) {
        // The template of this file becomes the next revision. The hub has the earlier ones.
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
            // A newer hub may send fields that this version does not know. Then only the hub checks
            // the task.
            let Ok(found) = manifest::template_doc(&value) else { return Ok(()) };
            found.into_parts().2
        }
    };
    let known = |party: &PartyId| parties.is_none_or(|parties| parties.contains(party.as_str()));
    task_body(doc)
        .validate(&body, &known)
        .map_err(|errors| CliError::invalid(&format!("task {}", doc.name), &Error::from(errors)))
}

/// Converts the document for the checks of the domain, which ignore the id of the template.
fn task_body(doc: &TaskDoc) -> TaskBody {
    let TaskDoc { name, remark, template: _, revision, epochs, parameters, members, rules } =
        doc.clone();
    let template: TemplateId = "0".repeat(32).parse().expect("32 hexadecimal digits are an id");
    TaskBody {
        name,
        remark,
        template,
        revision: revision.unwrap_or(1),
        epochs,
        parameters,
        members: members.into_iter().map(Into::into).collect(),
        rules: rules.into(),
    }
}
