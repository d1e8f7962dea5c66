//! What the library's codes mean to whoever runs this, and what to do about them.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::health::Health;

/// The code in words, and what to do where something can be done.
pub(crate) fn what_to_do(code: RDKafkaErrorCode) -> String {
    use RDKafkaErrorCode as Code;
    let advice = match code {
        Code::AllBrokersDown
        | Code::BrokerTransportFailure
        | Code::MessageTimedOut
        | Code::OperationTimedOut => {
            "see that the brokers run and that the addresses they tell to clients (advertised.listeners) can be reached from here"
        }
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            "create the topic, or have the brokers do it (auto.create.topics.enable)"
        }
        Code::Authentication | Code::SaslAuthenticationFailed => {
            "the brokers do not take the user, the password or the certificate: see .authentication, .plaintext and .tls"
        }
        Code::UnsupportedSASLMechanism => "the brokers do not know this .plaintext.mechanism",
        Code::SSL => "TLS failed: see .tls.ca, and whether the brokers' port speaks TLS",
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed => {
            "the brokers' access rules do not allow it: allow it for our user"
        }
        Code::InconsistentGroupProtocol => {
            "members of the group share partitions in another way: set --kafka.consumer.assignor as they do (range for Jaeger v1)"
        }
        Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend => {
            "fewer replicas are in sync than the topic's min.insync.replicas: bring the other brokers back"
        }
        Code::FencedInstanceId => {
            "another member has the same --kafka.consumer.instance-id: give each its own"
        }
        _ => return code.to_string(),
    };
    format!("{code}: {advice}")
}

/// An error of the client as a whole: one that lasts makes the brokers unreachable, one broker of several does not.
pub(crate) fn tell(health: &Health, error: &KafkaError, text: &str) {
    use RDKafkaErrorCode as Code;
    let Some(code) = error.rdkafka_error_code() else {
        tracing::warn!(target: "librdkafka", "{text}");
        return;
    };
    match code {
        // Why they are down may have been told before, and is of more use.
        Code::AllBrokersDown if health.knows_why() => {}
        Code::AllBrokersDown => health.is_down(&format!("{} ({})", what_to_do(code), health.last_failure())),
        Code::BrokerTransportFailure => health.note_failure(text),
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::SSL => {
            health.is_down_because(&format!("{} ({text})", what_to_do(code)));
        }
        _ => tracing::debug!(target: "librdkafka", "{code}: {text}"),
    }
}
