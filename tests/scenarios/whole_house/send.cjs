// An application that works and works: a span every 50 ms, by OpenTelemetry's SDK for Node and its exporter for Jaeger (Thrift by HTTP) over TLS,
// until its input ends.
//
// Usage: NODE_PATH=… NODE_EXTRA_CA_CERTS=… node send.cjs URL
// Prints a line for each span, when its export is over: {"trace", "span", "exported"}.
const { JaegerExporter } = require('@opentelemetry/exporter-jaeger');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');

const PAUSE_MS = 50;
const inner = new JaegerExporter({ endpoint: process.argv[2] });
const telling = {
  export: (spans, done) =>
    inner.export(spans, (result) => {
      for (const span of spans) {
        const { traceId, spanId } = span.spanContext();
        console.log(JSON.stringify({ trace: traceId, span: spanId, exported: result.code === 0 }));
      }
      done(result);
    }),
  shutdown: () => inner.shutdown(),
  forceFlush: () => inner.forceFlush(),
};

async function main() {
  const processor = new BatchSpanProcessor(telling, { maxQueueSize: 50_000, scheduledDelayMillis: 500 });
  const resource = resourceFromAttributes({ 'service.name': 'application' });
  const provider = new BasicTracerProvider({ resource, spanProcessors: [processor] });
  const tracer = provider.getTracer('house');
  const working = setInterval(() => tracer.startSpan('GET /by-node').end(), PAUSE_MS);
  process.stdin.resume();
  process.stdin.on('end', async () => {
    clearInterval(working);
    await provider.shutdown();
    process.exit(0);
  });
}

main();
