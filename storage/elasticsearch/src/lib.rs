//! Spans in Elasticsearch and OpenSearch, in Jaeger's schema.
