//! Which of Zipkin's tags describe the process rather than the span: the resource attributes of OpenTelemetry's semantic
//! conventions 1.6, which its exporters put on every span, and three of OpenCensus's.

/// Whether a tag of this name belongs to the resource.
pub(super) fn is_resource_key(key: &[u8]) -> bool {
    let Some(dot) = key.iter().position(|byte| *byte == b'.') else { return false };
    let rest = &key[dot + 1..];
    match &key[..dot] {
        b"cloud" => {
            matches!(rest, b"provider" | b"account.id" | b"region" | b"availability_zone" | b"platform")
        }
        b"aws" => is_aws_key(rest),
        b"container" => matches!(rest, b"name" | b"id" | b"runtime" | b"image.name" | b"image.tag"),
        b"deployment" => rest == b"environment",
        b"device" => matches!(rest, b"id" | b"model.identifier" | b"model.name"),
        b"faas" => matches!(rest, b"name" | b"id" | b"version" | b"instance" | b"max_memory"),
        b"host" => {
            matches!(
                rest,
                b"id" | b"name" | b"type" | b"arch" | b"image.name" | b"image.id" | b"image.version"
            )
        }
        b"k8s" => is_kubernetes_key(rest),
        b"os" => matches!(rest, b"type" | b"description" | b"name" | b"version"),
        b"process" => is_process_key(rest),
        b"service" => matches!(rest, b"namespace" | b"instance.id" | b"version"),
        b"telemetry" => matches!(rest, b"sdk.name" | b"sdk.language" | b"sdk.version" | b"auto.version"),
        b"webengine" => matches!(rest, b"name" | b"version" | b"description"),
        b"opencensus" => matches!(rest, b"starttime" | b"exporterversion" | b"resourcetype"),
        _ => false,
    }
}

fn is_aws_key(rest: &[u8]) -> bool {
    matches!(
        rest,
        b"ecs.container.arn"
            | b"ecs.cluster.arn"
            | b"ecs.launchtype"
            | b"ecs.task.arn"
            | b"ecs.task.family"
            | b"ecs.task.revision"
            | b"eks.cluster.arn"
            | b"log.group.names"
            | b"log.group.arns"
            | b"log.stream.names"
            | b"log.stream.arns"
    )
}

fn is_kubernetes_key(rest: &[u8]) -> bool {
    let Some(dot) = rest.iter().position(|byte| *byte == b'.') else { return false };
    let field = &rest[dot + 1..];
    match &rest[..dot] {
        b"cluster" | b"namespace" | b"container" => field == b"name",
        b"node" | b"pod" | b"replicaset" | b"deployment" | b"statefulset" | b"daemonset" | b"job"
        | b"cronjob" => matches!(field, b"name" | b"uid"),
        _ => false,
    }
}

fn is_process_key(rest: &[u8]) -> bool {
    matches!(
        rest,
        b"pid"
            | b"executable.name"
            | b"executable.path"
            | b"command"
            | b"command_line"
            | b"command_args"
            | b"owner"
            | b"runtime.name"
            | b"runtime.version"
            | b"runtime.description"
    )
}

#[cfg(test)]
mod tests {
    use super::is_resource_key;

    #[test]
    fn only_the_names_of_the_conventions_belong_to_the_resource() {
        for key in [
            "host.name",
            "k8s.pod.uid",
            "process.runtime.version",
            "telemetry.sdk.name",
            "aws.eks.cluster.arn",
        ] {
            assert!(is_resource_key(key.as_bytes()), "{key}");
        }
        for key in
            ["", "host", "host.names", "k8s.pod", "k8s.cluster.uid", "http.method", ".", "process.pid.x"]
        {
            assert!(!is_resource_key(key.as_bytes()), "{key}");
        }
    }
}
