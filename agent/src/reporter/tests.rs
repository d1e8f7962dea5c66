//! The reporter against collectors that a test makes and takes away.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;

use clap::{Args, Command, FromArgMatches};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use spoor_net::tls::{TlsArgs, TlsPort};
use spoor_net::{Listener, ServeOptions};
use spoor_proto::jaeger::api_v2::collector_service_server::{CollectorService, CollectorServiceServer};
use spoor_proto::jaeger::api_v2::{PostSpansRequest, PostSpansResponse};
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};
use xtask::servers::free_address;

use super::*;
use crate::metrics::{Accounts, Counts};
use crate::testing::package;

/// A collector that answers as it is told, and notes what it gets.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// Of the next calls; then Ok.
    answers: VecDeque<Status>,
    always: Option<Status>,
    /// No call is ever answered.
    is_silent: bool,
    spans: usize,
    calls: usize,
    tenants: Vec<String>,
}

#[tonic::async_trait]
impl CollectorService for Fake {
    async fn post_spans(
        &self,
        request: Request<PostSpansRequest>,
    ) -> Result<Response<PostSpansResponse>, Status> {
        if self.called(request.metadata()) {
            std::future::pending::<()>().await;
        }
        let mut inner = self.0.lock().unwrap();
        if let Some(status) = inner.answers.pop_front().or_else(|| inner.always.clone()) {
            return Err(status);
        }
        inner.spans += request.into_inner().batch.unwrap().spans.len();
        Ok(Response::new(PostSpansResponse {}))
    }
}

impl Fake {
    /// Notes a call; answers whether it gets no answer.
    fn called(&self, headers: &tonic::metadata::MetadataMap) -> bool {
        let mut inner = self.0.lock().unwrap();
        inner.calls += 1;
        for header in ["x-tenant", "x-scope-orgid"] {
            let tenant = headers.get(header).map(|value| format!("{header}={}", value.to_str().unwrap()));
            inner.tenants.extend(tenant);
        }
        inner.is_silent
    }

    fn spans(&self) -> usize {
        self.0.lock().unwrap().spans
    }

    fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    fn answering(answers: impl IntoIterator<Item = Status>) -> Self {
        let fake = Self::default();
        fake.0.lock().unwrap().answers.extend(answers);
        fake
    }

    fn always(status: Status) -> Self {
        let fake = Self::default();
        fake.0.lock().unwrap().always = Some(status);
        fake
    }

    /// Serves on a port, with TLS where there are settings.
    fn serve(&self, address: &str, tls: Option<&spoor_net::tls::TlsConfig>) -> Serving {
        let mut listener = Listener::bind("test", &address.parse().unwrap()).unwrap();
        if let Some(tls) = tls {
            listener = listener.with_tls(tls).unwrap();
        }
        let address = listener.local_addr();
        let router = Routes::new(CollectorServiceServer::new(self.clone())).into_axum_router();
        let stop = CancellationToken::new();
        let options = ServeOptions { http2_only: true, ..ServeOptions::default() };
        let task = tokio::spawn(spoor_net::serve(listener, router, options, stop.clone()));
        Serving { address, stop, task }
    }
}

struct Serving {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Serving {
    /// As `kill -9` does.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// As SIGTERM does.
    async fn drain(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

/// The settings that these flags make.
fn config(flags: &[&str]) -> ReporterConfig {
    let command = ReporterConfig::augment_args(Command::new("test").no_binary_name(true));
    ReporterConfig::from_arg_matches(&command.get_matches_from(flags)).unwrap()
}

/// A reporter at work.
struct Running {
    buffer: Arc<Buffer>,
    accounts: Arc<Accounts>,
    peers: Arc<Peers>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn start(targets: &str, flags: &[&str]) -> Running {
    start_with(targets, flags, system_resolver())
}

fn start_with(targets: &str, flags: &[&str], resolve: Resolve) -> Running {
    let accounts = Arc::new(Accounts::default());
    let buffer = Arc::new(Buffer::in_memory(1 << 20, Arc::clone(&accounts)));
    let targets = crate::config::parse_targets(targets).unwrap();
    let metrics = Arc::new(ConnectionMetrics::default());
    let reporter = Reporter::with_resolver(&config(flags), targets, Arc::clone(&buffer), metrics, resolve);
    let (stop, peers) = (CancellationToken::new(), reporter.peers());
    let task = tokio::spawn(reporter.run(stop.clone()));
    Running { buffer, accounts, peers, stop, task }
}

impl Running {
    fn send(&self, packages: u32) {
        (0..packages).for_each(|_| self.buffer.push(package("shop", 1)));
    }

    /// Everything that was sent has ended.
    async fn done(&self) -> Counts {
        tokio::time::timeout(PATIENCE, self.buffer.emptied()).await.expect("all ends in time");
        self.accounts.counts()
    }

    /// So many collectors are well.
    async fn well(&self, count: usize) {
        until(|| self.peers.well() == count).await;
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

async fn until(condition: impl Fn() -> bool) {
    let come_true = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, come_true).await.expect("it comes true in time");
}

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn batches_go_round_and_a_killed_collector_costs_none() {
    let fakes = [Fake::default(), Fake::default(), Fake::default()];
    let targets = fakes.each_ref().map(|_| free_address().unwrap());
    let mut servers: Vec<_> =
        fakes.iter().zip(&targets).map(|(fake, target)| fake.serve(target, None)).collect();
    let running = start(&targets.join(","), &[]);
    running.well(3).await;
    running.send(30);
    running.done().await;
    assert!(fakes.iter().all(|fake| fake.spans() >= 5), "{:?}", fakes.each_ref().map(Fake::spans));
    servers.remove(1).kill().await;
    running.send(30);
    servers.remove(1).drain().await;
    running.send(30);
    let counts = running.done().await;
    assert_eq!((counts.delivered, counts.in_flight, counts.waiting), (90, 0, 0));
    assert!(fakes.iter().map(Fake::spans).sum::<usize>() >= 90);
    // Back again.
    let before = fakes[1].spans();
    let _again = fakes[1].serve(&targets[1], None);
    running.well(2).await;
    running.send(30);
    running.done().await;
    assert!(fakes[1].spans() > before, "it gets its share again");
    running.end().await;
}

#[tokio::test]
async fn spans_wait_for_collectors_that_are_not_there_yet() {
    let address = free_address().unwrap();
    let running = start(&address, &[]);
    running.send(5);
    until(|| running.accounts.counts().in_flight == 1).await;
    let fake = Fake::default();
    let _server = fake.serve(&address, None);
    assert_eq!(running.done().await.delivered, 5);
    running.end().await;
}

#[tokio::test]
async fn a_busy_collector_is_left_alone_as_long_as_it_asks_and_others_take_over() {
    let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(30)));
    let busy = Fake::always(Status::with_error_details(Code::ResourceExhausted, "busy", details));
    let fine = Fake::default();
    let servers = [busy.serve("127.0.0.1:0", None), fine.serve("127.0.0.1:0", None)];
    let running =
        start(&format!("{},{}", servers[0].address, servers[1].address), &["--reporter.grpc.max-requests=1"]);
    running.well(2).await;
    running.send(20);
    let counts = running.done().await;
    assert_eq!((counts.delivered, busy.calls(), fine.spans()), (20, 1, 20));
    running.end().await;
}

#[tokio::test]
async fn what_collectors_refuse_is_counted_and_holds_nobody_up() {
    let unsure = |_| Status::internal("cannot read it");
    let fake = Fake::answering([Status::invalid_argument("no")].into_iter().chain((0..3).map(unsure)));
    let server = fake.serve("127.0.0.1:0", None);
    let running = start(&server.address.to_string(), &["--reporter.grpc.max-requests=1"]);
    running.send(3);
    let counts = running.done().await;
    assert_eq!((counts.refused, counts.delivered, fake.calls()), (2, 1, 5));
    running.end().await;
}

#[tokio::test]
async fn of_a_batch_that_is_refused_in_part_only_that_part_is_lost() {
    let refuses =
        |spans| spoor_net::grpc::refusal_in_part(Code::InvalidArgument, format!("{spans} of 10"), spans);
    // The last number is of a collector that cannot count.
    let fake = Fake::answering([3, 10, 99].map(refuses));
    let server = fake.serve("127.0.0.1:0", None);
    let running = start(&server.address.to_string(), &["--reporter.grpc.max-requests=1"]);
    (0..4).for_each(|_| running.buffer.push(package("shop", 10)));
    let counts = running.done().await;
    assert_eq!((counts.refused, counts.delivered, counts.retries, fake.calls()), (23, 17, 0, 4));
    assert_eq!((counts.waiting, counts.in_flight), (0, 0));
    running.end().await;
}

#[tokio::test]
async fn failures_of_which_nothing_is_known_cost_a_batch_time_and_no_spans() {
    let unsure = |_| Status::unknown("upstream connect error");
    let fake = Fake::answering((0..5).map(unsure));
    let server = fake.serve("127.0.0.1:0", None);
    let running = start(&server.address.to_string(), &["--reporter.grpc.max-requests=1"]);
    running.send(1);
    let counts = running.done().await;
    assert_eq!((counts.refused, counts.delivered, counts.retries, fake.calls()), (0, 1, 5, 6));
    running.end().await;
}

#[tokio::test]
async fn the_tenant_is_told_with_every_batch_in_the_header_that_is_set() {
    for (header, told) in [
        ("--reporter.grpc.tenant-header=x-tenant", "x-tenant=acme"),
        ("--reporter.grpc.tenant-header=X-Scope-OrgID", "x-scope-orgid=acme"),
    ] {
        let fake = Fake::default();
        let server = fake.serve("127.0.0.1:0", None);
        let running = start(&server.address.to_string(), &["--reporter.grpc.tenant=acme", header]);
        running.send(1);
        running.done().await;
        assert_eq!(fake.0.lock().unwrap().tenants, [told]);
        running.end().await;
    }
}

#[tokio::test]
async fn a_batch_that_may_be_at_fault_is_tried_as_often_as_is_set() {
    let fake = Fake::answering((0..2).map(|_| Status::internal("cannot read it")));
    let server = fake.serve("127.0.0.1:0", None);
    let running = start(&server.address.to_string(), &["--reporter.grpc.retry.max=2"]);
    running.send(1);
    let counts = running.done().await;
    assert_eq!((counts.refused, counts.delivered, fake.calls()), (1, 0, 2));
    running.end().await;
}

#[tokio::test]
async fn a_collector_that_answers_in_no_time_that_is_set_leaves_its_batches_to_others() {
    let (silent, fine) = (Fake::default(), Fake::default());
    silent.0.lock().unwrap().is_silent = true;
    let servers = [silent.serve("127.0.0.1:0", None), fine.serve("127.0.0.1:0", None)];
    let targets = format!("{},{}", servers[0].address, servers[1].address);
    let running = start(&targets, &["--reporter.grpc.timeout=50ms"]);
    running.well(2).await;
    running.send(4);
    assert_eq!(running.done().await.delivered, 4);
    assert!(silent.calls() > 0 && fine.spans() >= 4);
    running.end().await;
}

#[tokio::test]
async fn a_name_is_looked_up_again_and_so_many_of_its_collectors_are_used() {
    let fakes: Vec<Fake> = (0..4).map(|_| Fake::default()).collect();
    let mut servers: Vec<_> = fakes.iter().map(|fake| fake.serve("127.0.0.1:0", None)).collect();
    let known: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
    let resolve: Resolve = Arc::new({
        let known = Arc::clone(&known);
        move |host, port| {
            assert_eq!((host.as_str(), port), ("collectors", 14250));
            let answer = known.lock().unwrap().clone();
            Box::pin(async move { Ok(answer) })
        }
    });
    let flags = ["--reporter.grpc.discovery.min-peers=2", "--reporter.grpc.resolve-interval=1s"];
    let running = start_with("dns:///collectors:14250", &flags, resolve);
    running.send(4);
    known.lock().unwrap().extend(servers.iter().map(|server| server.address));
    running.done().await;
    running.well(2).await;
    // One of those in use goes; another takes its place.
    let used = (0..4).find(|index| running.peers.uses(servers[*index].address)).unwrap();
    servers.remove(used).kill().await;
    running.well(2).await;
    running.send(4);
    assert_eq!(running.done().await.delivered, 8);
    running.end().await;
}

/// TLS of the fake's port.
#[derive(clap::Parser)]
struct Port {
    #[command(flatten)]
    tls: TlsArgs<FakePort>,
}

enum FakePort {}

impl TlsPort for FakePort {
    const PREFIX: &'static str = "fake";
    const NAME: &'static str = "the fake";
}

/// An authority, and a certificate of it for `collector.example` that serves either side.
fn certificates() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["collector.example".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    for (name, text) in [("ca", issuer.pem()), ("cert", certificate.pem()), ("key", key.serialize_pem())] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[tokio::test]
async fn tls_is_spoken_both_ways_and_a_wrong_name_gets_no_span() {
    let folder = certificates();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let [ca, cert, key] = ["ca", "cert", "key"].map(file);
    let flags = [
        "fake".to_owned(),
        "--fake.tls.enabled".to_owned(),
        format!("--fake.tls.cert={cert}"),
        format!("--fake.tls.key={key}"),
        format!("--fake.tls.client-ca={ca}"),
    ];
    let port = <Port as clap::Parser>::parse_from(flags);
    let fake = Fake::default();
    let server = fake.serve("127.0.0.1:0", Some(&port.tls));
    let target = server.address.to_string();
    let mut flags = vec![
        "--reporter.grpc.tls.enabled".to_owned(),
        format!("--reporter.grpc.tls.ca={ca}"),
        format!("--reporter.grpc.tls.cert={cert}"),
        format!("--reporter.grpc.tls.key={key}"),
    ];
    let as_str =
        |flags: &[String]| -> Vec<&'static str> { flags.iter().map(|flag| &*flag.clone().leak()).collect() };
    let stranger = start(&target, &as_str(&flags));
    stranger.send(1);
    flags.push("--reporter.grpc.tls.server-name=collector.example".to_owned());
    let running = start(&target, &as_str(&flags));
    running.send(2);
    assert_eq!(running.done().await.delivered, 2);
    assert_eq!((stranger.peers.well(), fake.spans()), (0, 2));
    stranger.end().await;
    running.end().await;
    // Anybody's certificate will do.
    let own = [&flags[0], &flags[2], &flags[3]].map(Clone::clone);
    let mut flags = as_str(&own);
    flags.push("--reporter.grpc.tls.skip-host-verify");
    let running = start(&target, &flags);
    running.send(1);
    assert_eq!(running.done().await.delivered, 1);
    running.end().await;
}

#[test]
fn tls_settings_of_no_effect_are_refused_by_name() {
    for (flags, told) in [
        (&["--reporter.grpc.tls.ca=/x"][..], "without --reporter.grpc.tls.enabled"),
        (&["--reporter.grpc.tls.enabled", "--reporter.grpc.tls.cert=/x"], "go together"),
        (&["--reporter.grpc.tls.enabled", "--reporter.grpc.tls.ca=/there/is/none"], "/there/is/none"),
    ] {
        let error = check_tls(&config(flags).tls).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[tokio::test]
async fn a_proxy_that_answers_400_costs_no_batch() {
    let listener = Listener::bind("test", &"127.0.0.1:0".parse().unwrap()).unwrap();
    let proxy = listener.local_addr();
    let router = axum::Router::new().fallback(async || http::StatusCode::BAD_REQUEST);
    let options = ServeOptions { http2_only: true, ..ServeOptions::default() };
    let stop = CancellationToken::new();
    let serving = tokio::spawn(spoor_net::serve(listener, router, options, stop.clone()));
    let fake = Fake::default();
    let collector = fake.serve("127.0.0.1:0", None);
    let targets = format!("{proxy},{}", collector.address);
    let running = start(&targets, &["--reporter.grpc.retry.max=1"]);
    running.well(2).await;
    running.send(10);
    let counts = running.done().await;
    assert_eq!((counts.delivered, counts.refused), (10, 0));
    assert!(counts.retries > 0, "the proxy was asked");
    running.end().await;
    stop.cancel();
    serving.await.unwrap().unwrap();
}
