//! Access tokens: JSON Web Tokens signed with Ed25519 (RFC 8037), ten minutes long. The algorithm
//! is ours alone to choose, keys are looked up by `kid` in memory, and the signing is done by `ring`.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

/// Seconds an access token is good for.
pub(crate) const LIFE_S: i64 = 600;
/// Seconds that clocks may differ.
const LEEWAY_S: u64 = 30;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    /// The account.
    pub(crate) sub: String,
    /// The family of refresh tokens.
    pub(crate) sid: String,
    /// Words with spaces between.
    pub(crate) scope: String,
    pub(crate) iat: i64,
    pub(crate) nbf: i64,
    pub(crate) exp: i64,
}

struct Ed25519Signer(Ed25519KeyPair);

impl Signer<Vec<u8>> for Ed25519Signer {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for Ed25519Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct Ed25519Verifier(Vec<u8>);

impl Verifier<Vec<u8>> for Ed25519Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .ok()
            .ok_or_else(SignatureError::new)
    }
}

impl JwtVerifier for Ed25519Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

fn signer(
    algorithm: &Algorithm,
    key: &EncodingKey,
) -> jsonwebtoken::errors::Result<Box<dyn JwtSigner>> {
    if *algorithm != Algorithm::EdDSA {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.as_bytes())
        .ok()
        .ok_or(ErrorKind::InvalidEddsaKey)?;
    Ok(Box::new(Ed25519Signer(pair)))
}

fn verifier(
    algorithm: &Algorithm,
    key: &DecodingKey,
) -> jsonwebtoken::errors::Result<Box<dyn JwtVerifier>> {
    if *algorithm != Algorithm::EdDSA {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(Ed25519Verifier(key.try_get_as_bytes()?.to_vec())))
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Signs and reads tokens of one server.
#[derive(Clone)]
pub(crate) struct TokenKeys {
    signing: EncodingKey,
    kid: String,
    /// Every key that is still believed, by name.
    believed: Vec<(String, DecodingKey)>,
    issuer: String,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenKeys").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// A new key, as PKCS #8.
pub(crate) fn new_key() -> Option<Vec<u8>> {
    let made = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).ok()?;
    Some(made.as_ref().to_vec())
}

impl TokenKeys {
    /// The newest key, as PKCS #8, comes first and signs; older ones are believed. None when one of
    /// them is no key.
    pub(crate) fn new(pkcs8: &[Vec<u8>], issuer: &str) -> Option<Self> {
        static INSTALL: Once = Once::new();
        // Once for the process; a second one would be refused and is the same.
        INSTALL.call_once(|| {
            PROVIDER.install_default().ok();
        });
        let mut believed = Vec::new();
        for key in pkcs8 {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key).ok()?;
            let public = pair.public_key().as_ref().to_vec();
            let kid = blake3::hash(&public).to_hex()[..16].to_owned();
            believed.push((kid, DecodingKey::from_ed_der(&public)));
        }
        let kid = believed.first()?.0.clone();
        let signing = EncodingKey::from_ed_der(pkcs8.first()?);
        Some(Self { signing, kid, believed, issuer: issuer.to_owned() })
    }

    /// A token for an account.
    pub(crate) fn sign(
        &self,
        account: &str,
        family: &str,
        scope: &str,
        now_s: i64,
    ) -> Option<String> {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.issuer.clone(),
            sub: account.to_owned(),
            sid: family.to_owned(),
            scope: scope.to_owned(),
            iat: now_s,
            nbf: now_s,
            exp: now_s + LIFE_S,
        };
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, &self.signing).ok()
    }

    /// What a token says, if it is one of ours and good now.
    pub(crate) fn read(&self, token: &str) -> Option<Claims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.alg != Algorithm::EdDSA {
            return None;
        }
        let kid = header.kid?;
        let (_, key) = self.believed.iter().find(|(name, _)| *name == kid)?;
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.leeway = LEEWAY_S;
        rules.validate_nbf = true;
        rules.set_audience(&[&self.issuer]);
        rules.set_issuer(&[&self.issuer]);
        rules.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        jsonwebtoken::decode::<Claims>(token, key, &rules).ok().map(|data| data.claims)
    }
}

#[cfg(test)]
mod tests;
