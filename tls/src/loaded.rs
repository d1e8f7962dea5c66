//! When the certificates end that this process works with, as a metric: one gauge for each setting that names a file of them. What is
//! told is what was loaded, whatever lies in the file by now.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rustls::pki_types::CertificateDer;
use x509_parser::parse_x509_certificate;

use crate::TlsError;
use crate::pem::{self, Unusable};

/// Of several certificates in a file, whose end counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// That of the first one in the file: the one that is shown, before those in between.
    OfLeaf,
    /// The earliest: authorities stand side by side.
    First,
}

/// The ends of certificates by the settings that name them. Clones tell into the same metric; one that was made by `default` is shown nowhere.
#[derive(Debug, Clone, Default)]
pub struct LoadedCertificates(Family<BySetting, Gauge>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BySetting {
    /// Without its dashes, as in a file of settings.
    setting: String,
}

impl LoadedCertificates {
    /// Makes the metric known. Once for a registry.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        registry.register(
            "spoor_tls_certificate_not_after_timestamp_seconds",
            "When a certificate that is in use ends (seconds since 1970), by the setting that names its file; of a file of authorities the first that ends",
            new.0.clone(),
        );
        new
    }

    /// These certificates are in use from now on, instead of those that were loaded for the setting before. `flag` may have its dashes.
    /// What cannot be read as a certificate has no end that could be told.
    pub fn replace(&self, flag: &str, certificates: &[CertificateDer<'_>], ending: Ending) {
        let counted = match ending {
            Ending::OfLeaf => certificates.get(..1).unwrap_or_default(),
            Ending::First => certificates,
        };
        let setting = BySetting { setting: flag.trim_start_matches('-').to_owned() };
        match counted.iter().filter_map(not_after).min() {
            Some(end) => {
                self.0.get_or_create(&setting).set(end);
            }
            None => {
                self.0.remove(&setting);
            }
        }
    }

    /// As [`LoadedCertificates::replace`], with what the PEM file at `path` holds now; without a path there is nothing to tell.
    ///
    /// # Errors
    /// [`TlsError`]: the file cannot be read, or holds no certificate.
    pub fn read(&self, flag: &str, path: &str, ending: Ending) -> Result<(), TlsError> {
        if path.is_empty() {
            return Ok(());
        }
        let read = pem::read(path).and_then(|pem| pem::certificates(&pem));
        let certificates = read.map_err(|Unusable(problem)| TlsError::File {
            flag: flag.to_owned(),
            path: path.to_owned(),
            problem,
        })?;
        self.replace(flag, &certificates, ending);
        Ok(())
    }
}

/// The last second of a certificate, since 1970.
fn not_after(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, parsed) = parse_x509_certificate(certificate).ok()?;
    Some(parsed.validity().not_after.timestamp())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    /// A certificate that ends with the beginning of a year.
    fn ending(year: i32) -> String {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn told(registry: &Registry) -> Vec<String> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
        let mut samples: Vec<String> =
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        samples.sort_unstable();
        samples
    }

    fn sample(setting: &str, end: i64) -> String {
        format!("spoor_tls_certificate_not_after_timestamp_seconds{{setting=\"{setting}\"}} {end}")
    }

    #[test]
    fn a_chain_ends_with_its_leaf_and_authorities_with_the_first_that_ends() {
        let mut registry = Registry::default();
        let loaded = LoadedCertificates::register(&mut registry);
        let bundle = [ending(2041), ending(2031), ending(2051)].concat();
        let bundle = pem::certificates(bundle.as_bytes()).unwrap();
        loaded.replace("--a.tls.cert", &bundle, Ending::OfLeaf);
        loaded.replace("--a.tls.ca", &bundle, Ending::First);
        assert_eq!(told(&registry), [sample("a.tls.ca", 1_924_992_000), sample("a.tls.cert", 2_240_611_200)]);
    }

    #[test]
    fn what_was_loaded_before_is_not_told_any_more() {
        let mut registry = Registry::default();
        let loaded = LoadedCertificates::register(&mut registry);
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_string_lossy().into_owned();
        std::fs::write(&path, ending(2031)).unwrap();
        loaded.read("--a.tls.ca", &path, Ending::First).unwrap();
        assert_eq!(told(&registry), [sample("a.tls.ca", 1_924_992_000)]);
        std::fs::write(&path, ending(2041)).unwrap();
        assert_eq!(told(&registry), [sample("a.tls.ca", 1_924_992_000)], "the file is not what is in use");
        loaded.read("--a.tls.ca", &path, Ending::First).unwrap();
        assert_eq!(told(&registry), [sample("a.tls.ca", 2_240_611_200)]);
        loaded.replace("--a.tls.ca", &[], Ending::First);
        assert_eq!(told(&registry), [""; 0]);
    }

    #[test]
    fn a_file_without_certificates_is_an_error_that_names_the_setting_and_no_file_is_none() {
        let loaded = LoadedCertificates::default();
        loaded.read("--a.tls.ca", "", Ending::First).unwrap();
        let error = loaded.read("--a.tls.ca", "/no/such.pem", Ending::First).unwrap_err().to_string();
        assert!(error.starts_with("--a.tls.ca=/no/such.pem: "), "{error}");
    }
}
