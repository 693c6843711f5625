//! The name and the secret with which an agent authenticates.

use std::path::PathBuf;

use flow_common::secret_file::{self, Secret};
use flow_domain::id::PartyId;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

#[derive(Debug, Clone)]
pub enum SecretSource {
    /// The file is read at each connection, so a replaced secret takes effect.
    File(PathBuf),
    Fixed(Secret),
    /// No secret: the hub is in this process and knows the party of the connection.
    Embedded,
}

/// A party's name and secret, with which its agent authenticates.
#[derive(Debug, Clone)]
pub struct Login {
    pub party: PartyId,
    pub secret: SecretSource,
}

impl Login {
    /// Metadata of every call of a connection. An error describes the fault of the secret.
    pub fn credentials(&self) -> Result<Credentials, String> {
        let read;
        let secret = match &self.secret {
            SecretSource::File(path) => {
                read =
                    secret_file::read(path).map_err(|error| format!("hub.secret_file: {error}"))?;
                Some(&read)
            }
            SecretSource::Fixed(secret) => Some(secret),
            SecretSource::Embedded => None,
        };
        Credentials::new(&self.party, secret).ok_or_else(|| {
            "hub.secret_file: the secret has characters that an HTTP header cannot carry: write \
             the secret to the file again"
                .to_owned()
        })
    }

    /// Describes the secret for a message.
    pub(super) fn secret_source(&self) -> String {
        match &self.secret {
            SecretSource::File(path) => format!("the secret in {}", path.display()),
            SecretSource::Fixed(_) | SecretSource::Embedded => "the secret".to_owned(),
        }
    }
}

/// Metadata of every call.
#[derive(Clone)]
pub struct Credentials {
    pub(super) party: MetadataValue<Ascii>,
    pub(super) bearer: Option<MetadataValue<Ascii>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({:?})", self.party)
    }
}

impl Credentials {
    /// The name of a party and, over the network, its secret. `None` if a header cannot carry the
    /// secret.
    pub(super) fn new(party: &PartyId, secret: Option<&Secret>) -> Option<Self> {
        let bearer = match secret {
            Some(secret) => {
                let mut value =
                    MetadataValue::try_from(format!("Bearer {}", secret.expose())).ok()?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        Some(Self { party: MetadataValue::try_from(party.as_str()).ok()?, bearer })
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("flow-party", self.party.clone());
        if let Some(bearer) = &self.bearer {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        Ok(request)
    }
}
