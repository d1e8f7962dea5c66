//! A server that answers as it is told and remembers what it was asked: for what a real server cannot be made to do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Method and path, `GET /`.
    pub line: String,
    /// Header lines in lower case.
    pub headers: Vec<String>,
    pub body: String,
}

impl Asked {
    /// Whether this header line, in lower case, came along.
    pub fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|line| line == header)
    }

    /// Lines of a bulk's body that are actions.
    pub fn actions(&self) -> usize {
        self.body.lines().filter(|line| line.starts_with("{\"index\"")).count()
    }
}

/// What it answers: status, further header lines, body.
pub type Answer = (u16, &'static str, String);

/// In place of a status: the answer breaks off in its middle, and the connection is reset.
pub const RESET: u16 = 0;

/// Runs until the test program ends.
pub struct FakeServer {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeServer {
    /// Answers every request with what `answer` makes of it.
    pub fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_with(Some, answer)
    }

    /// As [`FakeServer::start`], by TLS. A connection that cannot be agreed on is closed.
    pub fn start_tls(
        config: rustls::ServerConfig,
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let config = Arc::new(config);
        let accept = move |connection| {
            let session = rustls::ServerConnection::new(config.clone()).expect("a sound configuration");
            Some(rustls::StreamOwned::new(session, connection))
        };
        Self::start_with(accept, answer)
    }

    fn start_with<S: Read + Write>(
        accept: impl Fn(TcpStream) -> Option<S> + Send + Sync + 'static,
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (accept, answer, log) = (Arc::new(accept), Arc::new(answer), asked.clone());
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                // Else the body of an answer waits for its head to be confirmed, 40 ms.
                connection.set_nodelay(true).expect("an open socket");
                let (accept, answer, log) = (accept.clone(), answer.clone(), log.clone());
                std::thread::spawn(move || {
                    let socket = connection.try_clone().expect("a second handle");
                    if let Some(stream) = accept(connection) {
                        serve(stream, &socket, &*answer, &log);
                    }
                });
            }
        });
        Self { address, asked }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far whose line holds `part`.
    pub fn asked(&self, part: &str) -> Vec<Asked> {
        let asked = self.asked.lock().expect("no panic in a server thread");
        asked.iter().filter(|asked| asked.line.contains(part)).cloned().collect()
    }
}

fn serve(
    stream: impl Read + Write,
    socket: &TcpStream,
    answer: &dyn Fn(&Asked) -> Answer,
    log: &Mutex<Vec<Asked>>,
) {
    let mut stream = BufReader::new(stream);
    while let Some(asked) = read_request(&mut stream) {
        log.lock().expect("no panic in a server thread").push(asked.clone());
        let (status, headers, body) = answer(&asked);
        if status == RESET {
            return reset(stream.get_mut(), socket, &body);
        }
        let body = if headers.contains("content-encoding: gzip") { gzip(&body) } else { body.into_bytes() };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        let writer = stream.get_mut();
        let sent = writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&body));
        if sent.and_then(|()| writer.flush()).is_err() {
            return;
        }
    }
}

fn gzip(body: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body.as_bytes()).and_then(|()| encoder.finish()).expect("a Vec takes all")
}

/// Half of an answer, then no polite end: without time to linger the system resets the connection.
fn reset(stream: &mut impl Write, socket: &TcpStream, body: &str) {
    let half = &body[..body.len() / 2];
    let answer = format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n{half}", body.len());
    rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO)).expect("an open socket");
    // A client that is gone already has its reset.
    let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
}

fn read_request(reader: &mut impl BufRead) -> Option<Asked> {
    let mut lines = reader.by_ref().lines();
    let line = lines.next()?.ok()?;
    let headers: Vec<String> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .map(|line| line.to_lowercase())
        .collect();
    let length =
        headers.iter().find_map(|header| header.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if headers.iter().any(|header| header == "content-encoding: gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(body.as_slice()).read_to_end(&mut plain).ok()?;
        body = plain;
    }
    let line = line.trim_end_matches(" HTTP/1.1").to_owned();
    Some(Asked { line, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

/// What a healthy OpenSearch says to `GET /`, to templates, and to a bulk: everything stored.
pub fn healthy(asked: &Asked) -> Answer {
    if asked.line == "GET /" {
        let body =
            r#"{"version":{"number":"3.8.0"},"tagline":"The OpenSearch Project: https://opensearch.org/"}"#;
        return (200, "", body.to_owned());
    }
    if asked.line == "GET /_remote/info" {
        return (200, "", remotes(&[("east", true), ("west", true)]));
    }
    if asked.line.starts_with("POST /_bulk") {
        return (200, "", stored(asked.actions()));
    }
    if asked.line.starts_with("GET /_index_template?") {
        return (200, "", "{}".to_owned());
    }
    if asked.line.starts_with("GET /_template") {
        return (200, "", fitting_templates());
    }
    (200, "", r#"{"acknowledged":true}"#.to_owned())
}

/// What every version says of remote clusters: whether each is connected.
pub fn remotes(clusters: &[(&str, bool)]) -> String {
    let told = clusters.iter().map(|(name, connected)| {
        format!(
            r#""{name}":{{"connected":{connected},"mode":"sniff","seeds":["10.0.0.1:9300"],"num_nodes_connected":{nodes},"max_connections_per_cluster":3,"initial_connect_timeout":"30s","skip_unavailable":false}}"#,
            nodes = u8::from(*connected)
        )
    });
    format!("{{{}}}", told.collect::<Vec<_>>().join(","))
}

/// What a server with Jaeger's templates says of them.
pub fn fitting_templates() -> String {
    let keyword = r#"{"type":"keyword"}"#;
    let spans = format!(
        r#""traceID":{keyword},"spanID":{keyword},"operationName":{keyword},"process":{{"properties":{{"serviceName":{keyword},"tags":{{"type":"nested"}}}}}},
        "tags":{{"type":"nested"}},"logs":{{"type":"nested","properties":{{"fields":{{"type":"nested"}}}}}},
        "startTime":{{"type":"long"}},"duration":{{"type":"long"}},"startTimeMillis":{{"type":"date"}}"#
    );
    let services = format!(r#""serviceName":{keyword},"operationName":{keyword}"#);
    let template = |name, fields| {
        format!(
            r#""jaeger-{name}":{{"order":0,"index_patterns":["*jaeger-{name}-*"],"mappings":{{"properties":{{{fields}}}}}}}"#
        )
    };
    format!("{{{},{}}}", template("span", spans), template("service", services))
}

/// A bulk's answer with so many stored items.
pub fn stored(items: usize) -> String {
    let items = vec![r#"{"index":{"status":201}}"#; items].join(",");
    format!(r#"{{"errors":false,"items":[{items}]}}"#)
}
