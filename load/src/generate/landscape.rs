//! The world that the traces run through: services with their instances, the names of their operations, and who calls whom.

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::popularity::Zipf;
use super::values::text;
use crate::GenerateConfig;

const DOMAINS: [&str; 20] = [
    "checkout",
    "cart",
    "catalog",
    "payment",
    "shipping",
    "account",
    "search",
    "pricing",
    "inventory",
    "order",
    "invoice",
    "review",
    "profile",
    "session",
    "notification",
    "recommendation",
    "fraud",
    "tax",
    "loyalty",
    "media",
];
const PARTS: [&str; 5] = ["api", "worker", "gateway", "store", "sync"];
const NOUNS: [&str; 10] = [
    "items",
    "customers",
    "orders",
    "prices",
    "baskets",
    "addresses",
    "coupons",
    "sessions",
    "reports",
    "images",
];
const VERBS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const STEPS: [&str; 5] = ["validate", "load", "compute", "render", "merge"];
const LANGUAGES: [&str; 5] = ["go", "java", "python", "rust", "nodejs"];
const ENVIRONMENTS: [&str; 3] = ["production", "staging", "canary"];

/// What a span does; decides its kind, its name and a part of its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Answers a request.
    Server,
    /// Works inside a service.
    Internal,
    /// Calls another service.
    Client,
    /// Asks a database.
    Database,
    /// Puts a message into a queue.
    Producer,
    /// Takes a message from a queue.
    Consumer,
}

/// All services.
#[derive(Debug)]
pub(crate) struct Landscape {
    services: Vec<Service>,
    by_popularity: Zipf,
    callee_rank: Zipf,
    instances: u32,
    names: OperationNames,
}

#[derive(Debug)]
struct Service {
    name: String,
    /// The services it calls, the most called first.
    callees: Vec<usize>,
}

/// How many of a service's operations belong to each role, and how popular they are.
#[derive(Debug)]
struct OperationNames {
    server: Zipf,
    internal: Zipf,
    client: Zipf,
    messaging: Zipf,
}

impl Landscape {
    const CALLEES: u32 = 5;

    /// The landscape that `config` describes.
    pub(crate) fn new(config: &GenerateConfig) -> Self {
        let by_popularity = Zipf::new(config.services.get());
        let mut rng = super::part_rng(config.seed, u64::MAX);
        let count = usize::try_from(config.services.get()).unwrap_or(usize::MAX);
        let services = (0..count)
            .map(|index| Service {
                name: service_name(index),
                callees: (0..Self::CALLEES)
                    .map(|_| match by_popularity.draw(&mut rng) {
                        // Nobody calls itself over the network when there is somebody else.
                        same if same == index => (same + 1) % count,
                        other => other,
                    })
                    .collect(),
            })
            .collect();
        Self {
            services,
            by_popularity,
            callee_rank: Zipf::new(Self::CALLEES),
            instances: config.instances.get(),
            names: OperationNames::new(config.operations),
        }
    }

    /// The service where a request from outside comes in.
    pub(crate) fn draw_entry(&self, rng: &mut fastrand::Rng) -> usize {
        self.by_popularity.draw(rng)
    }

    /// The service that `caller` calls next.
    pub(crate) fn draw_callee(&self, caller: usize, rng: &mut fastrand::Rng) -> usize {
        let callees = &self.services[caller].callees;
        callees[self.callee_rank.draw(rng)]
    }

    /// One of a service's instances.
    pub(crate) fn draw_instance(&self, rng: &mut fastrand::Rng) -> u32 {
        rng.u32(0..self.instances)
    }

    /// The number of one of the names that spans of this role have.
    pub(crate) fn draw_operation(&self, role: Role, rng: &mut fastrand::Rng) -> usize {
        match role {
            Role::Server => self.names.server.draw(rng),
            Role::Internal => self.names.internal.draw(rng),
            Role::Client | Role::Database => self.names.client.draw(rng),
            Role::Producer | Role::Consumer => self.names.messaging.draw(rng),
        }
    }

    /// A service's name.
    pub(crate) fn service_name(&self, service: usize) -> &str {
        &self.services[service].name
    }

    /// What an instance of a service says about itself: always eight attributes.
    pub(crate) fn resource(&self, service: usize, instance: u32) -> Resource {
        let name = self.service_name(service);
        let host = (service * 7 + usize::try_from(instance).unwrap_or(0) * 3) % 40;
        let attributes: Vec<KeyValue> = vec![
            text("service.name", name),
            text("service.instance.id", format!("{name}-{instance}")),
            text("host.name", format!("node-{host:02}.example.internal")),
            text("deployment.environment", ENVIRONMENTS[service % ENVIRONMENTS.len()]),
            text("telemetry.sdk.name", "opentelemetry"),
            text("telemetry.sdk.language", LANGUAGES[service % LANGUAGES.len()]),
            text("telemetry.sdk.version", format!("1.{}.0", 20 + service % 9)),
            text("k8s.pod.name", format!("{name}-{:08x}-{instance}", super::scramble(service as u64) >> 32)),
        ];
        Resource { attributes, ..Resource::default() }
    }

    /// The library that makes spans of this role.
    pub(crate) fn scope(role: Role) -> InstrumentationScope {
        let (name, version) = match scope_index(role) {
            0 => ("io.opentelemetry.contrib.http", "2.4.0"),
            1 => ("io.opentelemetry.contrib.database", "2.1.3"),
            _ => ("com.example.application", ""),
        };
        InstrumentationScope {
            name: name.to_owned(),
            version: version.to_owned(),
            ..InstrumentationScope::default()
        }
    }
}

/// Which of a resource's scopes makes spans of this role, from 0.
pub(crate) fn scope_index(role: Role) -> u8 {
    match role {
        Role::Server | Role::Client => 0,
        Role::Database => 1,
        Role::Internal | Role::Producer | Role::Consumer => 2,
    }
}

impl OperationNames {
    /// Shares `operations` names out: half to servers, the rest to inner work, calls and messages.
    fn new(operations: u32) -> Self {
        let internal = (operations / 5).max(1);
        let messaging = (operations / 10).max(1);
        let client = (operations / 10).max(1);
        // A call to a service and one to a database have the same number and different names.
        let server = operations.saturating_sub(internal + messaging * 2 + client * 2).max(1);
        Self {
            server: Zipf::new(server),
            internal: Zipf::new(internal),
            client: Zipf::new(client),
            messaging: Zipf::new(messaging),
        }
    }
}

/// The span name of operation `number` of a service in this role.
pub(crate) fn operation_name(role: Role, number: usize) -> String {
    let noun = NOUNS[number % NOUNS.len()];
    match role {
        Role::Server => format!("{} {}", method(number), route(number)),
        Role::Internal => format!("{}_{noun}_{number}", STEPS[number % STEPS.len()]),
        Role::Client => format!("{} /upstream/{number}/{noun}", method(number)),
        Role::Database => format!("SELECT {noun}_{number}"),
        Role::Producer => format!("publish {}", queue(number)),
        Role::Consumer => format!("process {}", queue(number)),
    }
}

/// The HTTP method of operation `number`.
pub(crate) fn method(number: usize) -> &'static str {
    VERBS[number % VERBS.len()]
}

/// The HTTP route of operation `number`.
pub(crate) fn route(number: usize) -> String {
    format!("/api/v{}/{}/{{id}}", 1 + number / NOUNS.len(), NOUNS[number % NOUNS.len()])
}

/// The queue of messaging operation `number`.
pub(crate) fn queue(number: usize) -> String {
    format!("{}.events.{number}", NOUNS[number % NOUNS.len()])
}

fn service_name(index: usize) -> String {
    let domain = DOMAINS[index % DOMAINS.len()];
    let part = PARTS[index / DOMAINS.len() % PARTS.len()];
    match index / (DOMAINS.len() * PARTS.len()) {
        0 => format!("{domain}-{part}"),
        round => format!("{domain}-{part}-{}", round + 1),
    }
}
