//! PEM files: certificates, authorities, private keys. What is wrong is said in words that quote nothing of the file.

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A PEM file is small; more is another file.
const MOST_BYTES: u64 = 1 << 20;

/// What is wrong with a file, as the end of a sentence that names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

/// The bytes of a file of at most 1 MiB.
///
/// # Errors
/// It cannot be read, or is too large to be what it should be.
pub fn read(path: &str) -> Result<Vec<u8>, Unusable> {
    let length = std::fs::metadata(path).map_err(|problem| Unusable(problem.to_string()))?.len();
    if length > MOST_BYTES {
        return Err(Unusable(format!("{length} bytes are too many for a PEM file")));
    }
    std::fs::read(path).map_err(|problem| Unusable(problem.to_string()))
}

/// All certificates, one or more.
///
/// # Errors
/// It is broken, or holds none.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.map_err(unusable)?;
    if certificates.is_empty() {
        return Err(Unusable("it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned()));
    }
    Ok(certificates)
}

/// All certificates, as those of authorities that vouch for others.
///
/// # Errors
/// As [`certificates`]; or one cannot be an authority's.
pub fn authorities(pem: &[u8]) -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        let added = roots.add(certificate);
        added.map_err(|problem| Unusable(format!("a certificate in it cannot be used: {problem}")))?;
    }
    Ok(roots)
}

/// The first private key: PKCS#8, PKCS#1 or SEC1.
///
/// # Errors
/// It is broken, or holds none that is not encrypted.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, Unusable> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|problem| match problem {
        PemError::NoItemsFound => Unusable(
            "it holds no private key in PEM, as PKCS#8, PKCS#1 or SEC1; an encrypted key cannot be used"
                .to_owned(),
        ),
        other => unusable(other),
    })
}

/// In words of ours where the crate's would quote what the file holds.
fn unusable(problem: PemError) -> Unusable {
    let words = match problem {
        PemError::Io(problem) => return Unusable(problem.to_string()),
        PemError::MissingSectionEnd { .. } => "a section has no -----END …----- line",
        PemError::IllegalSectionStart { .. } => "a -----BEGIN …----- line is broken",
        PemError::Base64Decode(_) => "a section is not base64",
        _ => "it is not PEM",
    };
    Unusable(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_broken_file_holds_is_not_told() {
        for broken in [
            &b"-----BEGIN SECRET-WORD\nSECRET-LINE\n"[..],
            b"-----BEGIN CERTIFICATE-----\nSECRET-LINE\n",
            b"-----BEGIN PRIVATE KEY-----\nSECRET-LINE\n-----END PRIVATE KEY-----\n",
            b"-----BEGIN SECRET-WORD-----\n\xff\xfe\n-----END SECRET-WORD-----\n",
        ] {
            let problems = [certificates(broken).err(), authorities(broken).err(), private_key(broken).err()];
            assert!(problems.iter().all(Option::is_some), "{problems:?}");
            let told = format!("{problems:?}");
            // Neither as text nor as a list of its bytes.
            assert!(!told.contains("SECRET") && !told.contains("83, 69, 67"), "{told}");
        }
    }

    #[test]
    fn a_file_that_is_no_pem_is_not_read_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MOST_BYTES + 1).unwrap();
        let problem = read(&file.path().to_string_lossy()).unwrap_err();
        assert!(problem.to_string().contains("too many for a PEM file"), "{problem}");
    }
}
