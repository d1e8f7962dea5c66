//! Putting in place what a writer needs.

use std::time::Instant;

use http::StatusCode;

use super::STEP_TIMEOUT;
use super::look::TemplateName;
use super::watched::Watched;
use crate::TemplateConfig;
use crate::client::{Cause, Client, Error, Request, Server};
use crate::template::{Kind, is_composable, template};

/// The names that the families' templates have on this server.
pub(crate) fn names(server: Server, families: &[Watched], config: &TemplateConfig) -> Vec<TemplateName> {
    let name = |family: &Watched| family.template.name.clone();
    if is_composable(server, config) {
        families.iter().map(|family| TemplateName::Composable(name(family))).collect()
    } else {
        families.iter().map(|family| TemplateName::Legacy(name(family))).collect()
    }
}

/// Installs the templates, after a look whether the lifecycle policy that they name is there.
pub(crate) async fn templates(
    client: &Client,
    server: Server,
    families: &[Watched],
    config: &TemplateConfig,
) -> Result<(), Error> {
    if config.use_ilm {
        find_policy(client, server, &config.ilm_policy_name).await?;
    }
    let priorities = [
        config.span_priority,
        config.service_priority,
        config.dependencies_priority,
        config.sampling_priority,
    ];
    if !is_composable(server, config) && priorities.iter().any(|&priority| priority != 0) {
        tracing::warn!(%server, "legacy index templates have no priority; --es.composable-templates installs such as have");
    }
    for family in families {
        let template = template(server, &family.template, config);
        let attempted = format!("install the index template {}", template.path);
        let body = template.body.to_string().into_bytes();
        let request = Request::put(template.path, body, attempted);
        client
            .send(request, Instant::now() + STEP_TIMEOUT)
            .await
            .map_err(|error| with_way_out(error, template.kind))?;
    }
    Ok(())
}

/// Servers refuse composable templates that match the same indices with the same priority, and do not know our flags.
fn with_way_out(mut error: Error, kind: Kind) -> Error {
    if let Cause::Status(refusal) = &mut error.fault.cause
        && refusal.status == StatusCode::BAD_REQUEST
        && refusal.reason.contains("index patterns")
    {
        refusal.reason = format!(
            "{}; set {} to another number, or delete the other template or narrow its patterns",
            refusal.reason,
            kind.priority_flag()
        );
    }
    error
}

async fn find_policy(client: &Client, server: Server, policy: &str) -> Result<(), Error> {
    let path = match server {
        Server::Elasticsearch(_) => format!("/_ilm/policy/{policy}"),
        Server::OpenSearch(_) => format!("/_plugins/_ism/policies/{policy}"),
    };
    let request = Request::get(path, format!("find the lifecycle policy {policy}"));
    let found = client.send(request, Instant::now() + STEP_TIMEOUT).await;
    found.map(drop).map_err(|mut error| {
        if let Cause::Status(refusal) = &mut error.fault.cause
            && refusal.status == StatusCode::NOT_FOUND
        {
            refusal.reason =
                format!("{}; create the policy, or correct --es.ilm-policy-name", refusal.reason);
        }
        error
    })
}
