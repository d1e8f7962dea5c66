// Sends one trace with OpenTelemetry's Zipkin exporter for Node, and prints what Jaeger's API must show of it.
//
// Usage: node send.js ENDPOINT
// The printed JSON: {"traceID", "service", "process", "spans": {operation: {"parent", "tags", "logs"}}}; tags and logs by their values.
// Exit status 1 when the exporter did not report success for every span.

const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require('@opentelemetry/api');
const { ZipkinExporter } = require('@opentelemetry/exporter-zipkin');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BasicTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const service = 'node zipkin/ü';
const inner = new ZipkinExporter({ url: `${process.argv[2]}/api/v2/spans` });
const results = [];
const recording = {
  export: (spans, done) => inner.export(spans, (result) => { results.push(result.code); done(result); }),
  shutdown: () => inner.shutdown(),
  forceFlush: () => inner.forceFlush(),
};

async function main() {
  const resource = resourceFromAttributes({ 'service.name': service, 'deployment.environment': 'tést' });
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(recording)] });
  const tracer = provider.getTracer('story', '1.2.3');
  const root = tracer.startSpan('GET /', { kind: SpanKind.SERVER, attributes: { 'http.path': '/ü', count: 7 } });
  root.addEvent('cache miss');
  const { traceId, spanId } = root.spanContext();
  const within = trace.setSpan(ROOT_CONTEXT, root);
  const leaf = tracer.startSpan('SELECT', { kind: SpanKind.CLIENT, attributes: { 'peer.service': 'db' } }, within);
  leaf.setStatus({ code: SpanStatusCode.ERROR, message: 'zu langsam' });
  leaf.end();
  root.end();
  await provider.forceFlush();
  await provider.shutdown();
  const spans = {
    'GET /': { parent: null, tags: { 'span.kind': 'server', 'http.path': '/ü', count: '7' }, logs: ['cache miss'] },
    SELECT: {
      parent: spanId,
      tags: { 'span.kind': 'client', 'peer.service': 'db', 'otel.status_code': 'ERROR', error: 'zu langsam' },
      logs: [],
    },
  };
  const ofProcess = { 'deployment.environment': 'tést' };
  console.log(JSON.stringify({ traceID: traceId, service, process: ofProcess, spans }));
  process.exit(results.length === 2 && results.every((code) => code === 0) ? 0 : 1);
}

main();
