//! Where to send: the endpoint as written, checked before the first request.

use http::Uri;

use super::SendError;
use crate::{Protocol, SendConfig};

/// A plain http address, with the path for the HTTP protocols.
#[derive(Debug)]
pub(crate) struct Endpoint(pub(crate) Uri);

impl Endpoint {
    /// Reads `config.endpoint`, or takes the protocol's own.
    pub(crate) fn parse(config: &SendConfig) -> Result<Self, SendError> {
        let text = config.endpoint.as_deref().unwrap_or_else(|| config.protocol.default_endpoint());
        let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri = url.parse().map_err(|_| wrong("is not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("is not an http URL (TLS is not offered)"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("has no host"))?.clone();
        if authority.as_str().contains('@') {
            return Err(wrong("has a user name, which is not offered"));
        }
        let path = match (config.protocol, uri.path()) {
            (Protocol::OtlpHttp | Protocol::OtlpHttpJson, "" | "/") => "/v1/traces",
            (Protocol::JaegerHttp, "" | "/") => "/api/traces",
            (Protocol::OtlpHttp | Protocol::OtlpHttpJson | Protocol::JaegerHttp, path) => path,
            (_, "" | "/") => "/",
            _ => return Err(wrong("has a path, which gRPC and UDP have no use for")),
        };
        let uri = Uri::builder().scheme("http").authority(authority).path_and_query(path).build();
        uri.map(Self).map_err(|_| wrong("is not a URL"))
    }
}

fn wrong(problem: &'static str) -> SendError {
    SendError::Endpoint { problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(protocol: Protocol, endpoint: Option<&str>) -> Result<String, SendError> {
        let config = SendConfig { protocol, endpoint: endpoint.map(str::to_owned), ..SendConfig::default() };
        Endpoint::parse(&config).map(|endpoint| endpoint.0.to_string())
    }

    #[test]
    fn knows_each_protocols_own_port_and_path() {
        assert_eq!(read(Protocol::OtlpGrpc, None).unwrap(), "http://127.0.0.1:4317/");
        assert_eq!(read(Protocol::OtlpHttp, None).unwrap(), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(read(Protocol::OtlpHttpJson, Some("[::1]:9/")).unwrap(), "http://[::1]:9/v1/traces");
        assert_eq!(read(Protocol::JaegerHttp, None).unwrap(), "http://127.0.0.1:14268/api/traces");
        assert_eq!(read(Protocol::JaegerCompact, Some("agent:6831")).unwrap(), "http://agent:6831/");
        assert_eq!(read(Protocol::OtlpHttp, Some("http://h:1/in")).unwrap(), "http://h:1/in");
    }

    #[test]
    fn refuses_what_it_cannot_use_without_repeating_it() {
        for endpoint in
            ["https://host:1", "http://user:secret@host:1", "http://host:1/path", "http://", "a b"]
        {
            let error = read(Protocol::OtlpGrpc, Some(endpoint)).unwrap_err().to_string();
            assert!(error.contains("--endpoint") && !error.contains("secret"), "{error}");
        }
    }
}
