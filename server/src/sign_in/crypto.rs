//! Signatures of JSON Web Tokens with ring: ES256 and EdDSA sign and verify, RS256 and PS256 only
//! verify. Algorithms with a shared secret (HS256 and relatives) are refused: a public key must
//! never be usable as such a secret.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, Result};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

/// Algorithms that the hub can verify.
pub(crate) const VERIFIABLE: [Algorithm; 4] =
    [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256, Algorithm::PS256];

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
        rsa_pub_components_from_public_key: |_| Err(ErrorKind::UnsupportedAlgorithm.into()),
        ec_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        ed_pub_components_from_private_key: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        compute_digest: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    },
};

/// Another provider for tokens is installed in this process.
#[derive(Debug, thiserror::Error)]
#[error("another cryptography provider for JSON Web Tokens is installed in this process")]
pub(crate) struct OtherProvider;

/// Installs the provider for this process. Without a provider the library panics at the first
/// token, so the hub calls this at its start.
pub(crate) fn install() -> std::result::Result<(), OtherProvider> {
    // An error means that a provider is installed, which the next line compares.
    let _ = PROVIDER.install_default();
    match CryptoProvider::try_get_default() {
        Some(installed) if std::ptr::eq(installed, &raw const PROVIDER) => Ok(()),
        _ => Err(OtherProvider),
    }
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    match (algorithm, key.family()) {
        (Algorithm::ES256, AlgorithmFamily::Ec) => {
            let pair = EcdsaKeyPair::from_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                key.as_bytes(),
                &SystemRandom::new(),
            );
            Ok(Box::new(Es256(pair.map_err(|_| Error::from(ErrorKind::InvalidEcdsaKey))?)))
        }
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => {
            let pair = Ed25519KeyPair::from_pkcs8(key.as_bytes());
            Ok(Box::new(EdDsa(pair.map_err(|_| Error::from(ErrorKind::InvalidEddsaKey))?)))
        }
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    }
}

struct Es256(EcdsaKeyPair);

impl Signer<Vec<u8>> for Es256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        let signed = self.0.sign(&SystemRandom::new(), message);
        signed.map(|signature| signature.as_ref().to_vec()).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Es256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

struct EdDsa(Ed25519KeyPair);

impl Signer<Vec<u8>> for EdDsa {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for EdDsa {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let algorithm = *algorithm;
    let rsa = |parameters: &'static RsaParameters| match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => {
            Ok(PublicKey::Rsa { parameters, n: n.clone(), e: e.clone() })
        }
        DecodingKeyKind::SecretOrDer(_) => Err(Error::from(ErrorKind::InvalidKeyFormat)),
    };
    let key = match (algorithm, key.family()) {
        (Algorithm::ES256, AlgorithmFamily::Ec) => {
            PublicKey::Bytes(&ECDSA_P256_SHA256_FIXED, key.try_get_as_bytes()?.to_vec())
        }
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => {
            PublicKey::Bytes(&ED25519, key.try_get_as_bytes()?.to_vec())
        }
        (Algorithm::RS256, AlgorithmFamily::Rsa) => rsa(&RSA_PKCS1_2048_8192_SHA256)?,
        (Algorithm::PS256, AlgorithmFamily::Rsa) => rsa(&RSA_PSS_2048_8192_SHA256)?,
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(Box::new(RingVerifier { algorithm, key }))
}

struct RingVerifier {
    algorithm: Algorithm,
    key: PublicKey,
}

enum PublicKey {
    Bytes(&'static dyn VerificationAlgorithm, Vec<u8>),
    Rsa { parameters: &'static RsaParameters, n: Vec<u8>, e: Vec<u8> },
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), signature::Error> {
        let verified = match &self.key {
            PublicKey::Bytes(algorithm, key) => {
                UnparsedPublicKey::new(*algorithm, key).verify(message, signature)
            }
            PublicKey::Rsa { parameters, n, e } => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::KeyPair as _;

    #[test]
    fn installed_provider_is_ours_and_a_second_installation_is_harmless() {
        install().unwrap();
        install().unwrap();
    }

    #[test]
    fn both_signing_algorithms_sign_what_they_verify() {
        install().unwrap();
        let random = SystemRandom::new();
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
                .unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let ed_pair = Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap();
        for (algorithm, private, public) in [
            (
                Algorithm::ES256,
                EncodingKey::from_ec_der(pkcs8.as_ref()),
                DecodingKey::from_ec_der(pair.public_key().as_ref()),
            ),
            (
                Algorithm::EdDSA,
                EncodingKey::from_ed_der(ed.as_ref()),
                DecodingKey::from_ed_der(ed_pair.public_key().as_ref()),
            ),
        ] {
            let signature = jsonwebtoken::crypto::sign(b"message", &private, algorithm).unwrap();
            let verify = |message: &[u8]| {
                jsonwebtoken::crypto::verify(&signature, message, &public, algorithm).unwrap()
            };
            assert!(verify(b"message") && !verify(b"massage"), "{algorithm:?}");
        }
    }

    /// RFC 7515, appendix A.2.
    #[test]
    fn rs256_example_of_the_standard_is_verified() {
        install().unwrap();
        let modulus = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx\
            HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs\
            D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSH\
            SXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV\
            MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8\
            NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
        let message = "eyJhbGciOiJSUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7\
            AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4\
            BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K\
            0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv\
            hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB\
            p0igcN_IoypGlUPQGe77Rw";
        let key = DecodingKey::from_rsa_components(modulus, "AQAB").unwrap();
        let verify = |algorithm| {
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm)
        };
        assert!(verify(Algorithm::RS256).unwrap());
        assert!(!verify(Algorithm::PS256).unwrap());
    }

    #[test]
    fn shared_secrets_are_refused_for_both_directions() {
        install().unwrap();
        let private = EncodingKey::from_secret(b"public key as a secret").unwrap();
        let public = DecodingKey::from_secret(b"public key as a secret").unwrap();
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512, Algorithm::ES256] {
            assert!(jsonwebtoken::crypto::sign(b"", &private, algorithm).is_err());
            assert!(jsonwebtoken::crypto::verify("", b"", &public, algorithm).is_err());
        }
    }
}
