//! Which optional APIs the cluster has. Found out at the start and looked at again from time to time: an API that is
//! missing becomes a condition of the jobs that want it, never a watch that fails for ever.

use kube::Client;

use crate::gateway_api::GrpcRoute;

/// What is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apis {
    /// `grpcroutes.gateway.networking.k8s.io/v1`.
    pub grpc_route: bool,
    /// `ingresses.networking.k8s.io/v1`.
    pub ingress: bool,
}

impl Apis {
    /// Ask the API server.
    pub async fn discover(client: &Client) -> kube::Result<Self> {
        Ok(Self {
            grpc_route: has::<GrpcRoute>(client).await?,
            ingress: has::<k8s_openapi::api::networking::v1::Ingress>(client).await?,
        })
    }
}

/// Whether the API server serves this kind.
pub async fn has<K: kube::Resource<DynamicType = ()>>(client: &Client) -> kube::Result<bool> {
    match client.list_api_group_resources(&K::api_version(&())).await {
        Ok(list) => Ok(list.resources.iter().any(|resource| resource.name == K::plural(&()))),
        // By its code alone: to a group that nobody serves the answer is a plain text without a reason.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}
