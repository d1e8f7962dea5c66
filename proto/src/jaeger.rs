//! Jaeger's messages and gRPC services, generated from `proto/idl/jaeger` by `cargo xtask gen`.
//! For answers, clients, tests and everything off the hot path; spans themselves go through [`crate::convert`].

/// What the .proto files say, those of OTLP among them: an encoded `google.protobuf.FileDescriptorSet`, for reflection.
pub const FILE_DESCRIPTORS: &[u8] = include_bytes!("gen/descriptors.binpb");

/// The span model, PostSpans, the query and remote sampling (package `jaeger.api_v2`).
#[expect(
    missing_docs,
    unused_qualifications,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated code, not ours to shape"
)]
pub mod api_v2 {
    include!("gen/jaeger.api_v2.rs");
}

/// The query in OTLP's span model (package `jaeger.api_v3`).
#[expect(
    missing_docs,
    unused_qualifications,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated code, not ours to shape"
)]
pub mod api_v3 {
    include!("gen/jaeger.api_v3.rs");
}

/// Structured conditions of searches (package `jaeger.expression.v1`).
pub mod expression {
    /// The first version.
    #[expect(missing_docs, reason = "generated code, not ours to shape")]
    pub mod v1 {
        include!("gen/jaeger.expression.v1.rs");
    }
}
