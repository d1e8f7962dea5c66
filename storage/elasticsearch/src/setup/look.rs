//! Looking at what is there: whether the indices to come would fit, and whether those that are there do.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::StatusCode;
use spoor_model::UnixNanos;

use super::STEP_TIMEOUT;
use super::reach::Reach;
use super::watched::Watched;
use crate::TemplateConfig;
use crate::client::{Cause, Client, Error, Request, Server};
use crate::index::now;
use crate::template::applied::{self, Applied, encoded};
use crate::template::{TemplateNames, fit, is_composable};

/// How far ahead of now the next index is thought of, so that a template is looked at before the first write that needs it.
pub(crate) const AHEAD: Duration = Duration::from_secs(90);

/// What was found.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Findings {
    /// What would be wrong with indices to come, a sentence each.
    pub(crate) to_come: Vec<String>,
    /// Of those, what the next writes would cause: the index is not there yet.
    pub(crate) imminent: Vec<String>,
    /// What is wrong with indices that are there, by their names.
    pub(crate) there: BTreeMap<String, String>,
    /// What could not be looked at, and why.
    pub(crate) unseen: Vec<String>,
    /// The templates that apply.
    pub(crate) templates: Vec<TemplateName>,
    /// What cannot be reached.
    pub(crate) reach: Reach,
}

/// A template by its name, of one kind or the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TemplateName {
    Composable(String),
    Legacy(String),
}

/// True when it is away, or does not answer in time.
pub(super) fn is_silent(error: &Error) -> bool {
    is_away(error) || matches!(error.fault.cause, Cause::TimedOut | Cause::OwnTimeOut)
}

/// True when the store did not get the request or could not think about it: what holds for it holds for all requests.
pub(crate) fn is_away(error: &Error) -> bool {
    match &error.fault.cause {
        Cause::Connect(_) | Cause::Broken(_) => true,
        Cause::Status(refusal) => matches!(
            refusal.status,
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        ),
        Cause::TimedOut | Cause::OwnTimeOut | Cause::Token | Cause::TooLarge(_) | Cause::Malformed(_) => {
            false
        }
    }
}

/// Looks at what would apply to the indices to come.
pub(crate) async fn at_indices_to_come(
    client: &Client,
    server: Server,
    families: &[Watched],
    config: &TemplateConfig,
    findings: &mut Findings,
) -> Result<(), Error> {
    let moment = now().saturating_add(AHEAD);
    for family in families {
        let index = family.index_to_come(moment);
        let applied = match applied::to_index(client, &index, Instant::now() + STEP_TIMEOUT).await {
            Ok(applied) => applied,
            Err(error) if is_away(&error) => return Err(error),
            Err(error) => {
                findings.unseen.push(error.to_string());
                continue;
            }
        };
        findings
            .templates
            .extend(applied.composable.iter().map(|(name, _)| TemplateName::Composable(name.clone())));
        findings.templates.extend(applied.legacy.iter().cloned().map(TemplateName::Legacy));
        let Some(trouble) = trouble(server, family, &index, &applied, config) else { continue };
        if trouble.unreadable && would_be_made(client, family, moment).await? {
            findings.imminent.push(trouble.text.clone());
        }
        findings.to_come.push(trouble.text);
    }
    Ok(())
}

/// Whether writes of now or soon have the store make an index.
async fn would_be_made(client: &Client, family: &Watched, soon: UnixNanos) -> Result<bool, Error> {
    for index in [now(), soon].map(|moment| family.written_index(moment)).into_iter().flatten() {
        let path = format!("/{}?filter_path=*.aliases", encoded(&index));
        let request = Request::get(path, format!("ask whether there is an index {index}"));
        match client.send(request, Instant::now() + STEP_TIMEOUT).await {
            Ok(_) => {}
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => return Ok(true),
            Err(error) if is_away(&error) => return Err(error),
            Err(_) => {}
        }
    }
    Ok(false)
}

/// What is wrong with what applies to an index to come, where it comes from, and what to do.
fn trouble(
    server: Server,
    family: &Watched,
    index: &str,
    applied: &Applied,
    config: &TemplateConfig,
) -> Option<Trouble> {
    let names = &family.template;
    let documents = names.kind.documents();
    if let Some(misfit) = fit::misfit_of_mapping(names.kind, &applied.mappings) {
        let advice = advice(server, family, applied, config);
        let text = if applied.is_nothing() {
            format!("no index template is for new indices of {documents} ({index}): {misfit}; {advice}")
        } else {
            let source = applied.described();
            format!("new indices of {documents} ({index}) would be made by {source}: {misfit}; {advice}")
        };
        return Some(Trouble { text, unreadable: true });
    }
    let text = lifecycle_trouble(names, index, applied, config.use_ilm)?;
    Some(Trouble { text, unreadable: false })
}

/// What is wrong with indices to come.
struct Trouble {
    text: String,
    /// What is written could not be found.
    unreadable: bool,
}

fn lifecycle_trouble(names: &TemplateNames, index: &str, applied: &Applied, use_ilm: bool) -> Option<String> {
    let found = applied.rollover_alias();
    let wanted = names.aliases.as_ref().map(|aliases| aliases.write.as_str());
    let what = format!("new indices of {} ({index})", names.kind.documents());
    match (found, wanted) {
        (Some(found), wanted) if wanted == Some(found) => None,
        (Some(found), _) if !use_ilm => Some(format!(
            "{what} would have the rollover alias {found:?} by {}, so that a lifecycle policy may take them for its own; narrow its \
             patterns",
            applied.described()
        )),
        (found, Some(wanted)) if use_ilm => Some(format!(
            "{what} would have the rollover alias {:?} instead of {wanted:?}, so that the lifecycle policy cannot roll them over; run \
             jaeger-es-rollover init with --es.use-ilm, or have Spoor install the templates by --es.ilm-policy-name",
            found.unwrap_or_default()
        )),
        _ => None,
    }
}

fn advice(server: Server, family: &Watched, applied: &Applied, config: &TemplateConfig) -> String {
    let flag = family.template.kind.priority_flag();
    match (&applied.composable, config.create) {
        (None, false) if applied.is_nothing() => {
            "install one (jaeger-es-rollover init, or --es.create-index-templates=true)".to_owned()
        }
        (_, false) => "correct it, or set --es.create-index-templates=true".to_owned(),
        (Some((_, priority)), true) if is_composable(server, config) => {
            format!("delete it, narrow its patterns, or set {flag} above {priority}")
        }
        (Some((_, priority)), true) => format!(
            "composable templates take the place of legacy ones: delete it, narrow its patterns, or set --es.composable-templates and \
             {flag} above {priority}"
        ),
        (None, true) => format!(
            "the one that Spoor installs is {}: delete the others, narrow their patterns, or give them a negative order",
            family.template.name
        ),
    }
}

/// Looks at the indices that are read.
pub(crate) async fn at_indices_there(
    client: &Client,
    families: &[Watched],
    findings: &mut Findings,
) -> Result<(), Error> {
    for family in families {
        let kind = family.template.kind;
        let fields = fit::asked_fields(kind);
        if fields.is_empty() {
            continue;
        }
        let path = format!(
            "/{}/_field_caps?fields={fields}&include_unmapped=true&ignore_unavailable=true&allow_no_indices=true",
            family.read_targets(now())
        );
        let request =
            Request::get(path, format!("look at the fields of the indices of {}", kind.documents()));
        let answer = client.send(request, Instant::now() + STEP_TIMEOUT).await;
        let caps = answer.map(|reply| serde_json::from_slice::<fit::FieldCaps>(&reply.body));
        match caps {
            Ok(Ok(caps)) => findings.there.extend(fit::misfits_of_indices(kind, &caps)),
            Ok(Err(error)) => {
                findings.unseen.push(format!("the fields of the indices of {}: {error}", kind.documents()))
            }
            Err(error) if is_away(&error) => return Err(error),
            // Before the first document there is nothing to look at.
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {}
            Err(error) => findings.unseen.push(error.to_string()),
        }
    }
    Ok(())
}

/// Whether all these templates are still there.
pub(crate) async fn are_there(
    client: &Client,
    names: &[TemplateName],
    timeout: Duration,
) -> Result<bool, Error> {
    const ATTEMPTED: &str = "ask whether the index templates are still there";
    let deadline = Instant::now() + timeout;
    let (mut paths, mut legacy) = (Vec::new(), Vec::new());
    for name in names {
        match name {
            TemplateName::Composable(name) => {
                paths.push((
                    format!("/_index_template/{}?filter_path=index_templates.name", encoded(name)),
                    1,
                ));
            }
            TemplateName::Legacy(name) => legacy.push(encoded(name)),
        }
    }
    legacy.sort();
    legacy.dedup();
    if !legacy.is_empty() {
        paths.push((format!("/_template/{}?filter_path=*.order", legacy.join(",")), legacy.len()));
    }
    for (path, expected) in paths {
        let reply = match client.send(Request::get(path, ATTEMPTED), deadline).await {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => return Ok(false),
            other => other?,
        };
        let found: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&reply.body)
            .map_err(|error| reply.malformed(ATTEMPTED, &error.to_string()))?;
        if found.len() < expected {
            return Ok(false);
        }
    }
    Ok(true)
}
