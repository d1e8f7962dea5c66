//! What the library's codes mean to whoever runs this, and what to do about them.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::health::Health;

/// A broker's word for a mechanism that it does not offer.
const UNKNOWN_MECHANISM: &str = "Unsupported SASL mechanism";

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
        Code::UnsupportedSASLMechanism => {
            "the brokers do not know this .plaintext.mechanism: set one that they know"
        }
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

/// An error that reading a topic ends in for now. Why a connection fails was told with it (see [`tell`]), and is of more use than that it
/// does.
pub(crate) fn tell_of_topic(health: &Health, topic: &str, code: RDKafkaErrorCode) {
    use RDKafkaErrorCode as Code;
    let is_of_connection = matches!(
        code,
        Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::SSL
    );
    if is_of_connection && health.knows_why() {
        return;
    }
    let what = format!("topic {topic}: {}", what_to_do(code));
    let failure = health.last_failure();
    if is_of_connection && !failure.is_empty() {
        health.is_down(&format!("{what} ({failure})"));
    } else {
        health.is_down(&what);
    }
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
        // It calls every failure to authenticate by the same code; the broker's own word is in the text.
        Code::Authentication if text.contains(UNKNOWN_MECHANISM) => {
            let advice = what_to_do(Code::UnsupportedSASLMechanism);
            health.is_down_because(&format!("{advice} ({text})"));
        }
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::SSL => {
            health.is_down_because(&format!("{} ({text})", what_to_do(code)));
        }
        _ => tracing::debug!(target: "librdkafka", "{code}: {text}"),
    }
}
