//! Story: what `docs/openapi/v3.yaml` promises of API v3 is what the server does, for every question that schemathesis makes up from
//! it, good ones and bad ones. What it may find all the same is told, with the reason, in `scenarios/openapi/schemathesis.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use spoor_load::Protocol;
use spoor_tests::traffic::{keys_of, requests, send, to};
use spoor_tests::{Role, Spoor};
use tokio::process::Command;

/// The questions are the same each time.
const SEED: &str = "20";
/// Questions that are made up for each route, beside those of the examples and of each parameter's limits.
const QUESTIONS: &str = "25";
/// What the description calls a trace that is there, and a service.
const EXAMPLE_ID: &str = "5b8efff798038103d269b633813fc60c";
const EXAMPLE_SERVICE: &str = "example: frontend";
const EXAMPLE_ATTRIBUTE: &str = "http.request.method: GET";
const FILTER: &str = "          example:
            op: gt
            args:
              - field: { name: duration, level: span }
              - scalar: { value: 1ms }
";
/// Its routes with parameters, each of which has examples.
const WITH_EXAMPLES: [&str; 5] =
    ["/operations", "/traces/{id}", "/traces", "/trace-summaries", "/dependencies"];

/// Why a question whose every parameter is as described may be refused, in the beginnings of the messages: what no description can say.
const REFUSED: [&str; 5] = [
    // One parameter has to be less than another.
    "query.startTimeMin must be before query.startTimeMax",
    "malformed parameter query.durationMax: it is shorter than query.durationMin",
    "malformed parameter startTime: it is later than endTime",
    // A token is one that was given out, for the same search.
    "malformed parameter query.pageToken: it ",
    // Whether a condition makes sense follows from all of its parts.
    "malformed parameter query.filter: ",
];

#[tokio::test(flavor = "multi_thread")]
async fn api_v3_does_what_its_description_promises() -> Result<()> {
    let spoor = Spoor::start(Role::AllInOne, &["--span-storage.type=memory"]).await?;
    let folder = tempfile::tempdir()?;
    let Described { text: described, service, attributes } = described(&spoor).await?;
    // A filter stands in place of a service and attributes: its example is another question than theirs.
    let with_filter = described.replace(&attributes, "").replace(&service, "    OperationName:");
    for examples in [described.replace(FILTER, ""), with_filter] {
        ensure!(examples != described, "nothing was changed");
        std::fs::write(folder.path().join("v3.yaml"), examples)?;
        let how = ["--phases", "examples", "--mode", "positive"];
        examples_are_answered(&ask(&spoor, folder.path(), &how, QUESTIONS).await?)?;
    }
    std::fs::write(folder.path().join("v3.yaml"), &described)?;
    let good = ["--phases", "coverage,fuzzing", "--mode", "positive"];
    good_questions_are_refused_for_known_reasons(&ask(&spoor, folder.path(), &good, QUESTIONS).await?)?;
    ask(&spoor, folder.path(), &["--phases", "examples,coverage,fuzzing"], QUESTIONS).await?;

    // Were the description another one, it would be noticed.
    let other = described.replace("required: [services]", "required: [services, nothing]");
    ensure!(other != described, "nothing was changed");
    std::fs::write(folder.path().join("v3.yaml"), other)?;
    let found = ask(&spoor, folder.path(), &["--phases", "examples,coverage,fuzzing"], "1").await;
    let found = format!("{:#}", found.err().context("a wrong description is not noticed")?);
    ensure!(found.contains("nothing"), "it found something else: {found}");
    Ok(())
}

/// The description, whose examples have become those of this server, so that they find something.
struct Described {
    text: String,
    /// The example of a search's service, up to the next parameter.
    service: String,
    /// The example of a search's attributes.
    attributes: String,
}

async fn described(spoor: &Spoor) -> Result<Described> {
    let report = send(&to(spoor, Protocol::OtlpGrpc, 1), requests(5, 600, 100)).await?;
    let (trace_id, _) = *keys_of(&report, |_| true).first().context("spans were sent")?;
    let (_, trace) = spoor.query(&format!("/api/v3/traces/{trace_id}")).await?;
    let of = |attributes: &Value, named: Option<&str>| {
        let is_asked = |key: &Value| named.is_none_or(|name| key == name);
        let found = attributes.as_array()?.iter().find(|one| {
            is_asked(&one["key"])
                && one["value"]["stringValue"].as_str().is_some_and(|value| !value.contains('/'))
        })?;
        Some((found["key"].as_str()?.to_owned(), found["value"]["stringValue"].as_str()?.to_owned()))
    };
    let of_service = &trace["result"]["resourceSpans"][0];
    let (_, service) =
        of(&of_service["resource"]["attributes"], Some("service.name")).context("the trace has a service")?;
    let spans = of_service["scopeSpans"][0]["spans"].as_array().context("and spans")?;
    let attribute = spans.iter().find_map(|span| of(&span["attributes"], None));
    let (key, value) = attribute.with_context(|| format!("none of them has an attribute: {trace}"))?;
    let description = std::fs::read_to_string(root().join("docs/openapi/v3.yaml")).context("read it")?;
    for example in [EXAMPLE_ID, EXAMPLE_SERVICE, FILTER, EXAMPLE_ATTRIBUTE] {
        ensure!(description.contains(example), "the description has no longer the example {example}");
    }
    let text = description
        .replace(EXAMPLE_ID, &trace_id.to_string())
        .replace(EXAMPLE_SERVICE, &format!("example: {service}"))
        .replace(EXAMPLE_ATTRIBUTE, &format!("{key}: {value:?}"));
    let service = format!("      example: {service}\n    OperationName:");
    Ok(Described { text, service, attributes: format!("          example:\n            {key}: {value:?}\n") })
}

/// A question that was asked, and its answer.
struct Asked {
    address: String,
    status: u64,
    /// The message of an error.
    message: String,
}

/// Runs schemathesis over the `v3.yaml` in this folder, which checks every answer against its schema; what was asked. An error says
/// what it found.
async fn ask(spoor: &Spoor, folder: &Path, how: &[&str], questions: &str) -> Result<Vec<Asked>> {
    let scenario = root().join("tests/scenarios/openapi");
    let interpreter = spoor_tests::python_environment("openapi", &scenario.join("requirements.txt")).await?;
    let output = Command::new(interpreter.with_file_name("schemathesis"))
        .arg("--config-file")
        .arg(scenario.join("schemathesis.toml"))
        .args(["run", "v3.yaml", "--url", &spoor.url("query-http"), "--seed", SEED])
        .args(["--max-examples", questions, "--continue-on-failure", "--no-color"])
        .args(["--suppress-health-check", "all", "--report", "har", "--report-har-path", "asked.har"])
        .args(how)
        .current_dir(folder)
        .output()
        .await
        .context("run schemathesis")?;
    let found = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{found}\n{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&std::fs::read(folder.join("asked.har"))?)?;
    let entries = report["log"]["entries"].as_array().context("the report has entries")?;
    entries.iter().map(asked).collect()
}

fn asked(entry: &Value) -> Result<Asked> {
    let address = entry["request"]["url"].as_str().context("a question has an address")?;
    let (_, address) = address.split_once("/api/v3").with_context(|| address.to_owned())?;
    let answer = &entry["response"];
    let status = answer["status"].as_u64().context("an answer has a status")?;
    let text = answer["content"]["text"].as_str().unwrap_or_default();
    let error: Value = serde_json::from_str(text).unwrap_or_default();
    let message = error["error"]["message"].as_str().unwrap_or_default().to_owned();
    Ok(Asked { address: address.to_owned(), status, message })
}

/// The route of an address below `/api/v3`.
fn route(address: &str) -> &str {
    let path = address.split('?').next().unwrap_or_default();
    if path.starts_with("/traces/") { "/traces/{id}" } else { path }
}

/// Each route was asked with its examples, and has an answer; schemathesis has held its body against the schema.
fn examples_are_answered(all: &[Asked]) -> Result<()> {
    for Asked { address, status, message } in all {
        ensure!((200..300).contains(status), "the example {address}: {status} {message}");
    }
    let routes: BTreeSet<&str> = all.iter().map(|asked| route(&asked.address)).collect();
    ensure!(routes == WITH_EXAMPLES.into_iter().collect(), "{routes:?}");
    Ok(())
}

/// Good questions find something or nothing; a refusal has one of the reasons that no description can rule out.
fn good_questions_are_refused_for_known_reasons(all: &[Asked]) -> Result<()> {
    let mut answered: BTreeMap<&str, usize> = BTreeMap::new();
    for Asked { address, status, message } in all {
        match status {
            200..300 | 404 => *answered.entry(route(address)).or_default() += 1,
            400 if REFUSED.iter().any(|reason| message.starts_with(reason)) => {}
            _ => bail!("the good question {address}: {status} {message}"),
        }
    }
    for route in WITH_EXAMPLES.into_iter().chain(["/services"]) {
        ensure!(answered.contains_key(route), "no good question to {route} was answered: {answered:?}");
    }
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
