//! Cipher suites by the names of Go's crypto/tls, which Jaeger's settings use.

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{ALL_CIPHER_SUITES, default_provider};
use rustls::{ProtocolVersion, SupportedCipherSuite};

/// The suite of that name.
pub(super) fn parse(text: &str) -> Result<SupportedCipherSuite, String> {
    let text = text.trim();
    let found = ALL_CIPHER_SUITES.iter().find(|suite| name(**suite) == text);
    found.copied().ok_or_else(|| {
        let known: Vec<String> = ALL_CIPHER_SUITES.iter().copied().map(name).collect();
        format!("{text:?} is no cipher suite that is spoken here; there are {}", known.join(", "))
    })
}

/// Go's name; rustls marks those of TLS 1.3.
fn name(suite: SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

/// The cryptography with these suites alone; as in Go, those of TLS 1.3 are restricted only when some are named.
pub(super) fn provider(wanted: &[SupportedCipherSuite]) -> CryptoProvider {
    let mut provider = default_provider();
    let is_13 = |suite: &SupportedCipherSuite| suite.version().version == ProtocolVersion::TLSv1_3;
    let names_13 = wanted.iter().any(is_13);
    if !wanted.is_empty() {
        provider.cipher_suites.retain(|suite| wanted.contains(suite) || (is_13(suite) && !names_13));
    }
    provider
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_have_gos_names_and_an_unknown_one_is_told_which_there_are() {
        for name in ["TLS_AES_128_GCM_SHA256", " TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"] {
            assert!(parse(name).is_ok(), "{name}");
        }
        let error = parse("TLS_RSA_WITH_RC4_128_SHA").unwrap_err();
        assert!(
            error.contains("RC4") && error.contains("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
            "{error}"
        );
    }

    #[test]
    fn suites_of_tls_1_3_are_restricted_only_by_name() {
        let of = |names: &[&str]| {
            let wanted: Vec<_> = names.iter().map(|name| parse(name).unwrap()).collect();
            provider(&wanted).cipher_suites.into_iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]).len(), ALL_CIPHER_SUITES.len());
        assert_eq!(of(&["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]).len(), 4);
        let both = ["TLS_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"];
        assert_eq!(of(&both), both);
    }
}
