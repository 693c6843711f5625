//! The optional APIs of the cluster, read at the start and from time to time.
//!
//! A missing API becomes a condition of the jobs that need it, and never a watch that fails again
//! and again.

use kube::Client;

use crate::gateway_api::GrpcRoute;

/// The optional APIs that the API server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apis {
    /// `grpcroutes.gateway.networking.k8s.io/v1`.
    pub grpc_route: bool,
    /// `ingresses.networking.k8s.io/v1`.
    pub ingress: bool,
}

impl Apis {
    /// Reads the APIs from the API server.
    pub async fn discover(client: &Client) -> kube::Result<Self> {
        Ok(Self {
            grpc_route: has::<GrpcRoute>(client).await?,
            ingress: has::<k8s_openapi::api::networking::v1::Ingress>(client).await?,
        })
    }
}

/// Returns whether the API server serves this kind.
pub async fn has<K: kube::Resource<DynamicType = ()>>(client: &Client) -> kube::Result<bool> {
    match client.list_api_group_resources(&K::api_version(&())).await {
        Ok(list) => Ok(list.resources.iter().any(|resource| resource.name == K::plural(&()))),
        // The code alone decides: the answer for an unknown group is a plain text without a reason.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}
