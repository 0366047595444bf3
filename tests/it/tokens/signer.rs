//! Makes tokens by hand, good ones and all others.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData};
use serde_json::{Value, json};

/// A key pair of someone's.
pub struct Signer {
    pub id: String,
    algorithm: Algorithm,
    key: EncodingKey,
    public: Value,
}

impl Signer {
    pub fn ed25519(id: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.der_bytes());
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::EdDSA,
            key: EncodingKey::from_ed_der(pair.serialized_der()),
            public: json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
                "kid": id, "x": x}),
        }
    }

    pub fn p256(id: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let point = pair.der_bytes();
        let coordinate = |at: usize| URL_SAFE_NO_PAD.encode(&point[at..at + 32]);
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::ES256,
            key: EncodingKey::from_ec_der(pair.serialized_der()),
            public: json!({"kty": "EC", "crv": "P-256", "kid": id,
                "x": coordinate(1), "y": coordinate(33)}),
        }
    }

    pub fn jwk(&self) -> Value {
        self.public.clone()
    }

    pub fn header(&self) -> Value {
        json!({"alg": format!("{:?}", self.algorithm), "typ": "JWT", "kid": self.id})
    }

    /// A token that says this.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_text(&self.header().to_string(), &claims.to_string())
    }

    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = unsigned(header, claims);
        let signature = crypto::sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

/// A token signed with a shared secret.
pub fn sign_with_secret(header: &str, claims: &str, secret: &[u8]) -> String {
    let message = unsigned(header, claims);
    let key = EncodingKey::from_secret(secret);
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

/// The part of a token that is signed.
pub fn unsigned(header: &str, claims: &str) -> String {
    let [header, claims] = [header, claims].map(|json| URL_SAFE_NO_PAD.encode(json));
    format!("{header}.{claims}")
}

/// A token's header and claims.
pub fn read(token: &str) -> (Value, Value) {
    let part = |at: usize| {
        let part = token.split('.').nth(at).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    (part(0), part(1))
}
