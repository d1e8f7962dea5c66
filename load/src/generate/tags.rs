//! What a span says about itself: twelve attributes from constant to unique, events, status.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::{Status, span::Event, status::StatusCode};

use super::landscape::{Landscape, Role, method, queue, route};
use super::tree::Node;
use super::values::{double, flag, int, text};

/// Attributes of every span.
pub(crate) const PER_SPAN: usize = 12;

const TIERS: [&str; 4] = ["free", "basic", "business", "enterprise"];
const FAILURES: [(&str, &str); 5] = [
    ("TimeoutError", "deadline exceeded after 2000 ms"),
    ("ConnectionError", "connection reset by peer"),
    ("ValidationError", "field \"quantity\" must be positive"),
    ("NotFoundError", "no such item"),
    ("OverloadError", "queue is full, try later"),
];

/// The attributes of a span, always [`PER_SPAN`]: eight that every span has, four that follow from its role.
pub(crate) fn attributes(
    landscape: &Landscape,
    node: &Node,
    failed: bool,
    rng: &mut fastrand::Rng,
) -> Vec<KeyValue> {
    let mut all = Vec::with_capacity(PER_SPAN);
    all.push(text("component", "spoor-load"));
    all.push(flag("cache.hit", rng.bool()));
    all.push(text("customer.tier", TIERS[rng.usize(0..TIERS.len())]));
    all.push(int("retry.count", i64::from(rng.u32(0..16).saturating_sub(12))));
    all.push(int("thread.id", i64::from(rng.u32(1..=64))));
    all.push(text("user.id", format!("user-{:05}", rng.u32(0..50_000))));
    all.push(double("queue.wait_ms", f64::from(rng.u32(0..500_000)) / 1000.0));
    all.push(text("request.id", format!("{:016x}{:016x}", rng.u64(..), rng.u64(..))));
    match node.role {
        Role::Server => server(&mut all, node, failed, rng),
        Role::Client => client(&mut all, landscape, node, failed, rng),
        Role::Database => database(&mut all, landscape, node, rng),
        Role::Internal => internal(&mut all, landscape, node, rng),
        Role::Producer | Role::Consumer => messaging(&mut all, node, rng),
    }
    all
}

fn server(all: &mut Vec<KeyValue>, node: &Node, failed: bool, rng: &mut fastrand::Rng) {
    let route = route(node.operation);
    all.push(text("http.request.method", method(node.operation)));
    all.push(text("url.path", route.replace("{id}", &rng.u32(0..1_000_000).to_string())));
    all.push(text("http.route", route));
    all.push(int("http.response.status_code", status_code(failed, rng)));
}

fn client(
    all: &mut Vec<KeyValue>,
    landscape: &Landscape,
    node: &Node,
    failed: bool,
    rng: &mut fastrand::Rng,
) {
    let address = format!("{}.mesh.example.internal", landscape.service_name(node.peer));
    all.push(text("http.request.method", method(node.operation)));
    all.push(text(
        "url.full",
        format!("http://{address}:8080/upstream/{}/{}", node.operation, rng.u32(0..1_000_000)),
    ));
    all.push(text("server.address", address));
    all.push(int("http.response.status_code", status_code(failed, rng)));
}

fn database(all: &mut Vec<KeyValue>, landscape: &Landscape, node: &Node, rng: &mut fastrand::Rng) {
    all.push(text("db.system.name", "postgresql"));
    all.push(text("db.namespace", landscape.service_name(node.service)));
    all.push(text(
        "db.query.text",
        format!(
            "SELECT id, name, updated_at FROM table_{} WHERE tenant = $1 AND id = ANY($2) LIMIT 50",
            node.operation
        ),
    ));
    all.push(int("db.response.returned_rows", i64::from(rng.u32(0..=50))));
}

fn internal(all: &mut Vec<KeyValue>, landscape: &Landscape, node: &Node, rng: &mut fastrand::Rng) {
    let service = landscape.service_name(node.service);
    all.push(text("code.function.name", format!("{service}::step_{}", node.operation)));
    all.push(text("code.file.path", format!("src/{service}/step_{}.rs", node.operation)));
    all.push(int("code.line.number", i64::from(rng.u32(1..900))));
    all.push(double("progress.share", f64::from(rng.u32(0..=100)) / 100.0));
}

fn messaging(all: &mut Vec<KeyValue>, node: &Node, rng: &mut fastrand::Rng) {
    all.push(text("messaging.system", "kafka"));
    all.push(text("messaging.destination.name", queue(node.operation)));
    all.push(text("messaging.message.id", format!("{:016x}", rng.u64(..))));
    all.push(int("messaging.message.body.size", i64::from(rng.u32(64..65_536))));
}

fn status_code(failed: bool, rng: &mut fastrand::Rng) -> i64 {
    if failed {
        [500, 502, 503, 504][rng.usize(0..4)]
    } else {
        [200, 200, 200, 201, 204, 404][rng.usize(0..6)]
    }
}

/// The end a span came to: an error with its message, else mostly unset, as instrumentations leave it.
pub(crate) fn status(failed: bool, rng: &mut fastrand::Rng) -> Option<Status> {
    if failed {
        let message = FAILURES[rng.usize(0..FAILURES.len())].1.to_owned();
        return Some(Status { code: StatusCode::Error.into(), message });
    }
    (rng.u32(0..10) == 0).then(|| Status { code: StatusCode::Ok.into(), message: String::new() })
}

/// None to two events within the span; a failed span has an exception as its last.
pub(crate) fn events(node: &Node, failed: bool, rng: &mut fastrand::Rng) -> Vec<Event> {
    let count = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2][rng.usize(0..10)];
    let count = if failed { count.max(1) } else { count };
    let step = (node.end - node.start) / (count + 1);
    (1..=count)
        .map(|number| {
            let time_unix_nano = node.start + step * number;
            let (name, attributes) = if failed && number == count {
                exception(rng)
            } else {
                ("work.progress", progress(number, rng))
            };
            Event { time_unix_nano, name: name.to_owned(), attributes, ..Event::default() }
        })
        .collect()
}

fn exception(rng: &mut fastrand::Rng) -> (&'static str, Vec<KeyValue>) {
    let (kind, message) = FAILURES[rng.usize(0..FAILURES.len())];
    let trace = format!(
        "{kind}: {message}\n    at handle (handler.rs:{})\n    at main (main.rs:12)",
        rng.u32(10..400)
    );
    let attributes = vec![
        text("exception.type", kind),
        text("exception.message", message),
        text("exception.stacktrace", trace),
    ];
    ("exception", attributes)
}

fn progress(number: u64, rng: &mut fastrand::Rng) -> Vec<KeyValue> {
    let message = format!("step {number} done for batch {}", rng.u32(0..10_000));
    vec![text("message", message), int("work.items", i64::from(rng.u32(0..1_000)))]
}
