//! Claims about answers that travel compressed, and about asking from other origins.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};

use super::*;

struct Packed {
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Packed {
    fn encoding(&self) -> &str {
        self.headers.get("content-encoding").map_or("", |value| value.to_str().unwrap())
    }

    fn unpacked(&self) -> String {
        let mut text = String::new();
        let body = self.body.as_slice();
        match self.encoding() {
            "gzip" => MultiGzDecoder::new(body).read_to_string(&mut text).unwrap(),
            "deflate" => ZlibDecoder::new(body).read_to_string(&mut text).unwrap(),
            "zstd" => zstd::Decoder::new(body).unwrap().read_to_string(&mut text).unwrap(),
            _ => (&*body).read_to_string(&mut text).unwrap(),
        };
        text
    }
}

async fn get(port: &Port, path: &str, accepts: Option<&str>) -> Packed {
    let mut request = Request::get(path);
    if let Some(accepts) = accepts {
        request = request.header("accept-encoding", accepts);
    }
    let answer = port.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    Packed { headers: head.headers, body: body.collect().await.unwrap().to_bytes().to_vec() }
}

#[tokio::test]
async fn an_answer_is_compressed_as_its_client_asks_for_it() {
    let port = Port::new(&[], FakeReader::new(Script::Parts(vec![plain_trace(0xa, 5_000)])));
    let plain = get(&port, "/api/traces/a", None).await;
    assert_eq!((plain.encoding(), plain.headers["vary"].to_str().unwrap()), ("", "accept-encoding"));
    for (accepts, encoding) in [
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("deflate", "deflate"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("identity", ""),
        ("compress", ""),
        ("gzip;q=0", ""),
    ] {
        let packed = get(&port, "/api/traces/a", Some(accepts)).await;
        assert_eq!(packed.encoding(), encoding, "{accepts}");
        assert!(packed.unpacked().as_bytes() == plain.body, "{accepts}: another answer");
        assert!(encoding.is_empty() || packed.body.len() * 4 < plain.body.len());
    }
    // Grafana's.
    let packed = get(&port, "/api/traces/a", Some("gzip, deflate, br")).await;
    assert!(packed.encoding() == "br" && packed.body.len() * 4 < plain.body.len());
}

#[tokio::test]
async fn small_answers_travel_as_they_are() {
    let port = Port::with_traces(&[]);
    for path in ["/api/services", "/api/traces?service=a&limit=1", "/api/traces/c"] {
        let answer = get(&port, path, Some("gzip")).await;
        assert!(answer.encoding().is_empty() && answer.body.len() < 1_024, "{path}: {}", answer.body.len());
    }
    let page = get(&port, "/", Some("gzip")).await;
    assert!(page.encoding() == "gzip" && page.unpacked().contains("Spoor"));
}

#[tokio::test]
async fn compressed_pieces_flow_while_later_ones_are_not_there_yet() {
    let (to_client, ready) = tokio::sync::mpsc::channel::<Bytes>(1);
    let ready = Arc::new(tokio::sync::Mutex::new(ready));
    let piece = async move || {
        let pieces = futures::stream::unfold(ready.clone(), async |ready| {
            let piece = ready.lock().await.recv().await?;
            Some((Ok::<_, std::convert::Infallible>(piece), ready))
        });
        ([("content-type", "application/json")], Body::from_stream(pieces))
    };
    let router = Router::new().route("/", get_of(piece)).layer(compression::layer());
    let request = Request::get("/").header("accept-encoding", "gzip").body(Body::empty()).unwrap();
    let mut body = router.oneshot(request).await.unwrap().into_body();
    let (mut packed, received) = (Vec::new(), AtomicUsize::new(0));
    for round in 1..=3 {
        to_client.send(Bytes::from(format!("piece {round} "))).await.unwrap();
        let so_far = (1..=round).map(|round| format!("piece {round} ")).collect::<String>();
        while unpack_some(&packed) != so_far {
            packed.extend_from_slice(body.frame().await.unwrap().unwrap().data_ref().unwrap());
            received.fetch_add(1, Ordering::Relaxed);
        }
    }
    assert!(received.into_inner() >= 3);
}

fn get_of<H: axum::handler::Handler<T, ()>, T: 'static>(handler: H) -> axum::routing::MethodRouter {
    axum::routing::get(handler)
}

/// What can be told from the beginning of a stream.
fn unpack_some(packed: &[u8]) -> String {
    let (mut text, mut byte) = (Vec::new(), [0; 1]);
    let mut decoder = MultiGzDecoder::new(packed);
    while let Ok(1) = decoder.read(&mut byte) {
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

/// What a page of another origin may read of the answer to this request.
async fn cors(port: &Port, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    port.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn no_other_origin_may_ask_by_default() {
    let port = Port::with_traces(&[]);
    let answer = cors(&port, "GET", "/api/services", &[("origin", "https://a.example")]).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn allowed_origins_may_ask_and_read_errors_too() {
    let port = Port::with_traces(&[
        "--query.cors.allowed-origins=https://a.example,https://*.b.example",
        "--query.cors.allowed-headers=x-mine",
        "--query.cors.max-age=10m",
    ]);
    for path in ["/api/services", "/api/traces", "/api/none", "/"] {
        for (origin, allowed) in
            [("https://a.example", true), ("https://x.b.example", true), ("https://evil.example", false)]
        {
            let answer = cors(&port, "GET", path, &[("origin", origin)]).await;
            assert_eq!(answer.header("access-control-allow-origin"), allowed.then_some(origin), "{path}");
            assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        }
    }
    let asks = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "x-mine"),
    ];
    let answer = cors(&port, "OPTIONS", "/api/transform", &asks).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET,HEAD,POST"));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("x-mine"));
    assert_eq!(answer.header("access-control-max-age"), Some("600"));
}

#[tokio::test]
async fn a_preflight_tells_no_age_unless_it_is_set() {
    let port = Port::with_traces(&["--query.cors.allowed-origins=*"]);
    let asks = [("origin", "https://a.example"), ("access-control-request-method", "GET")];
    let answer = cors(&port, "OPTIONS", "/api/services", &asks).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://a.example"));
    assert_eq!(answer.header("access-control-max-age"), None);
}

#[tokio::test]
async fn a_null_in_place_of_tags_is_a_search_without_tags() {
    let port = Port::with_traces(&[]);
    let window = "query.startTimeMin=1970-01-01T00:00:01Z&query.startTimeMax=1970-01-01T00:00:02Z";
    for path in [
        "/api/traces?service=a&tags=null".to_owned(),
        format!("/api/v3/traces?{window}&query.serviceName=a&query.attributes=null"),
    ] {
        assert_eq!(port.get(&path).await.status, StatusCode::OK, "{path}");
        let asked = port.reader.searches.lock().unwrap().pop().unwrap();
        assert!(asked.tags.is_empty(), "{path}");
    }
}
