//! Access tokens, sign-in with an identity provider, and sign-in of devices.

use flow_domain::id::UserName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{SecretText, Time, schema};

/// Access token: proves for some minutes what the API token proves that it was made from.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AccessToken {
    /// Signed token (JWT, RFC 9068) for `Authorization: Bearer`.
    #[schema(value_type = String)]
    pub access_token: SecretText,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    pub token_type: String,
    /// Seconds until the token expires.
    #[schema(example = 900)]
    pub expires_in: u64,
}

/// Public keys that verify access tokens of this hub (RFC 7517).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JsonWebKeySet {
    /// The keys.
    pub keys: Vec<JsonWebKey>,
}

/// Public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JsonWebKey {
    /// Type of the key.
    #[schema(example = "EC")]
    pub kty: String,
    /// Curve.
    #[schema(example = "P-256")]
    pub crv: String,
    /// Algorithm of the key.
    #[schema(example = "ES256")]
    pub alg: String,
    /// Use of the key.
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    pub usage: String,
    /// Id of the key, as in the header of a token.
    pub kid: String,
    /// First coordinate, in base64url.
    pub x: String,
    /// Second coordinate, in base64url.
    pub y: String,
}

/// Identity providers of the hub.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OidcProviderList {
    /// Providers, by name.
    pub items: Vec<OidcProvider>,
}

/// Identity provider.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OidcProvider {
    /// Name of the provider at this hub.
    #[schema(value_type = schema::ProviderName)]
    pub name: String,
    /// Text for a button.
    pub label: String,
    /// Path that begins a sign-in, for a browser.
    #[schema(example = "/api/v2/oidc/company/start")]
    pub start: String,
}

/// Request to link a person at an identity provider to an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = IdentityInput::sample)]
pub struct IdentityInput {
    /// Name of the account.
    #[schema(value_type = schema::UserName)]
    pub user: UserName,
    /// The person's `sub` at the provider.
    #[schema(min_length = 1, max_length = 255)]
    pub subject: String,
}

/// Request to begin the sign-in of a device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = DeviceStart::sample)]
pub struct DeviceStart {
    /// The device, for the person who approves.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub client: String,
}

/// Sign-in of a device that waits for an approval (RFC 8628).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceStarted {
    /// Code with which the device asks for its token.
    #[schema(value_type = String)]
    pub device_code: SecretText,
    /// Code that the person types.
    #[schema(value_type = schema::UserCode)]
    pub user_code: String,
    /// Address at which the person approves.
    pub verification_uri: String,
    /// The same address with the code.
    pub verification_uri_complete: String,
    /// Seconds until both codes expire.
    pub expires_in: u64,
    /// Seconds to wait between two polls.
    pub interval: u64,
}

/// Request of a device for its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = DevicePoll::sample)]
pub struct DevicePoll {
    /// The `device_code`.
    #[schema(value_type = String, max_length = 256)]
    pub device_code: SecretText,
}

/// Device that waits for an approval.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeviceRequest {
    /// Code that the person types.
    #[schema(value_type = schema::UserCode)]
    pub user_code: String,
    /// The device as it named itself.
    pub client: String,
    /// Address from which the device asked.
    pub address: String,
    /// When the device asked.
    pub created_at: Time,
    /// When the code expires.
    pub expires_at: Time,
}
