// Records one trace with OpenTelemetry's SDK for Node and its exporter for Jaeger, and prints what Jaeger's API must show of it.
//
// Usage: NODE_PATH=… node send.cjs udp HOST PORT SERVICE | http URL - SERVICE
// What is printed is described in tests/src/recorded.rs. Exit status 1 when the exporter did not report success.
const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require('@opentelemetry/api');
const { JaegerExporter } = require('@opentelemetry/exporter-jaeger');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const [wire, address, port, service] = process.argv.slice(2);
const tags = [{ key: 'zone', value: 'zürich' }];
const inner = new JaegerExporter(wire === 'udp' ? { host: address, port: Number(port), tags } : { endpoint: address, tags });
const results = [];
const recording = {
  export: (spans, done) => inner.export(spans, (result) => { results.push(result.code); done(result); }),
  shutdown: () => inner.shutdown(),
  forceFlush: () => inner.forceFlush(),
};

const second = Math.floor(Date.now() / 1000) - 2;
const at = (micros) => [second, micros * 1000];
const inMicros = (micros) => second * 1_000_000 + micros;
const expected = {};

function finish(span, from, to, { tags, logs = [], references = [] }) {
  // With this exporter every span says what its resource says; the scope goes by its older names.
  const common = {
    'service.name': ['string', service],
    'deployment.environment': ['string', 'tést'],
    'otel.library.name': ['string', 'story'],
    'otel.library.version': ['string', '1.2.3'],
  };
  expected[span.name] = { start: inMicros(from), duration: to - from, flags: 1, tags: { ...tags, ...common }, logs, references };
  span.end(at(to));
}

async function main() {
  const resource = resourceFromAttributes({ 'service.name': service, 'deployment.environment': 'tést' });
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(recording)] });
  const tracer = provider.getTracer('story', '1.2.3');
  const far = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
  const attributes = { text: 'žluťoučký 🦀 "quoted" \\', truth: true, falsehood: false, whole: 7, ratio: 0.1, list: ['a', 'b'] };
  const root = tracer.startSpan('GET /ü', { kind: SpanKind.SERVER, attributes, startTime: at(10), links: [{ context: far }] });
  root.addEvent('cache miss', { key: 'ключ', size: 7 }, at(1_250));
  const { traceId, spanId } = root.spanContext();
  const within = trace.setSpan(ROOT_CONTEXT, root);
  const leaf = tracer.startSpan('SELECT', { kind: SpanKind.CLIENT, startTime: at(2_001) }, within);
  leaf.setStatus({ code: SpanStatusCode.ERROR, message: 'zu langsam' });
  const middle = tracer.startSpan('compute', { startTime: at(2_002) }, within);
  middle.setStatus({ code: SpanStatusCode.OK });

  finish(leaf, 2_001, 3_000, {
    tags: {
      'span.kind': ['string', 'client'],
      error: ['bool', true],
      'otel.status_code': ['string', 'ERROR'],
      'otel.status_description': ['string', 'zu langsam'],
    },
    references: [['CHILD_OF', traceId, spanId]],
  });
  finish(middle, 2_002, 2_002, {
    tags: { 'otel.status_code': ['string', 'OK'] },
    references: [['CHILD_OF', traceId, spanId]],
  });
  finish(root, 10, 9_999, {
    tags: {
      'span.kind': ['string', 'server'],
      text: ['string', 'žluťoučký 🦀 "quoted" \\'],
      truth: ['bool', true],
      falsehood: ['bool', false],
      whole: ['float64', 7],
      ratio: ['float64', 0.1],
      list: ['string', 'a,b'],
    },
    logs: [{
      at: inMicros(1_250),
      fields: { event: ['string', 'cache miss'], key: ['string', 'ключ'], size: ['float64', 7] },
    }],
    references: [['FOLLOWS_FROM', far.traceId, far.spanId]],
  });
  await provider.forceFlush();
  await provider.shutdown();
  console.log(JSON.stringify({ traceID: traceId, service, process: { zone: ['string', 'zürich'] }, spans: expected }));
  process.exit(results.length === 1 && results[0] === 0 ? 0 : 1);
}

main();
