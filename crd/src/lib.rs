//! The custom resource `iflearnerjobs.git.iflytek.com/v1`: its types, its schema and the names that
//! its readers share.
//!
//! The operator reconciles these objects and the agent creates and reads them, so the types stand
//! in a crate of their own. Field names, values and conditions are an interface: a manifest or a
//! client of the original operator reads and writes them too. The crate has no client and knows
//! nothing of how an IflearnerJob is reconciled.

#![warn(missing_docs)]

mod definition;
mod iflearnerjob;
mod schema;

pub use definition::definition;
pub use iflearnerjob::{
    ALLOW_ANNOTATION, CERTIFICATES_DIR, CertificateSource, Certificates, Exposure, ExposureDriver,
    GatewayRef, IflearnerJob, IflearnerJobSpec, IflearnerJobStatus, JOB_ANNOTATION, JobRef,
    OUTPUTS_DIR, OUTPUTS_VOLUME, OptIn, PARTY_CERTIFICATE, Phase, Role, RunPolicy,
    SERVER_CERTIFICATE, SIDECAR_CONTAINER, Sidecar, UID_LABEL, condition,
};
