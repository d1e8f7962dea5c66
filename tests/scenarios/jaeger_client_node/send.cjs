// Records one trace with Jaeger's own client for Node, and prints what Jaeger's API must show of it.
//
// Usage: NODE_PATH=… node send.cjs udp HOST PORT SERVICE | http URL - SERVICE
// By UDP (the client speaks Thrift's binary protocol only) ids of traces have 64 bits and are sampled; by HTTP they have 128 bits and are debugged.
// What is printed is described in tests/src/recorded.rs. Exit status 1 when the reporter says that it could not send.
const { initTracer, opentracing } = require('jaeger-client');

const [wire, address, port, service] = process.argv.slice(2);
const isLong = wire === 'http';
const failures = [];
const logger = { info: () => {}, error: (message) => failures.push(message) };
const reporter = wire === 'udp' ? { agentHost: address, agentPort: Number(port) } : { collectorEndpoint: address };
const tracer = initTracer(
  { serviceName: service, sampler: { type: 'const', param: 1 }, reporter },
  { logger, traceId128bit: isLong, tags: { zone: 'zürich', replica: 3, canary: true } },
);

// Milliseconds with a quarter are whole microseconds, and exact in a double.
const begin = Date.now() - 1000 + 0.25;
const flags = isLong ? 3 : 1;
const spans = {};

// The client leaves zeros away in front.
const idOf = (span) => [span.context().traceIdStr.padStart(isLong ? 32 : 16, '0'), span.context().spanIdStr.padStart(16, '0')];

function finish(span, startMs, durationMs, { tags, logs = [], references = [] }) {
  spans[span.operationName] = { start: startMs * 1000, duration: durationMs * 1000, flags, tags, logs, references };
  span.finish(startMs + durationMs);
}

const elsewhere = tracer.startSpan('elsewhere');
const root = tracer.startSpan('GET /ü', {
  startTime: begin,
  tags: { 'span.kind': 'server', text: 'žluťoučký 🦀 "quoted" \\', empty: '', truth: true, falsehood: false },
});
root.addTags({ whole: 7, ratio: 0.1, negative: -3, bytes: Buffer.from([0, 255, 1]), object: { a: [1, 'ü'] } });
if (isLong) root.setTag('sampling.priority', 1);
root.log({ event: 'cache miss', key: 'ключ', size: 7, hit: false }, begin + 1.5);
const child = tracer.startSpan('SELECT', {
  startTime: begin + 2,
  references: [opentracing.childOf(root.context()), opentracing.followsFrom(elsewhere.context())],
  tags: { 'span.kind': 'client', error: true, 'db.statement': "select 'ü'" },
});
child.log({ event: 'retry' }, begin + 3);
child.log({ event: 'error', message: 'zu langsam' }, begin + 4.25);
const after = tracer.startSpan('after', { startTime: begin + 8, references: [opentracing.followsFrom(child.context())] });

finish(after, begin + 8, 0, { tags: {}, references: [['FOLLOWS_FROM', ...idOf(child)]] });
finish(child, begin + 2, 3.5, {
  tags: {
    'span.kind': ['string', 'client'],
    // What failed has OpenTelemetry's status, too.
    error: ['bool', true],
    'otel.status_code': ['string', 'ERROR'],
    'db.statement': ['string', "select 'ü'"],
  },
  logs: [
    { at: (begin + 3) * 1000, fields: { event: ['string', 'retry'] } },
    { at: (begin + 4.25) * 1000, fields: { event: ['string', 'error'], message: ['string', 'zu langsam'] } },
  ],
  references: [['CHILD_OF', ...idOf(root)], ['FOLLOWS_FROM', ...idOf(elsewhere)]],
});
finish(root, begin, 10, {
  tags: {
    'sampler.type': ['string', 'const'],
    'sampler.param': ['bool', true],
    'span.kind': ['string', 'server'],
    text: ['string', 'žluťoučký 🦀 "quoted" \\'],
    empty: ['string', ''],
    truth: ['bool', true],
    falsehood: ['bool', false],
    // All numbers are doubles to this client.
    whole: ['float64', 7],
    ratio: ['float64', 0.1],
    negative: ['float64', -3],
    bytes: ['binary', 'AP8B'],
    object: ['string', '{"a":[1,"ü"]}'],
    ...(isLong ? { 'sampling.priority': ['float64', 1] } : {}),
  },
  logs: [{
    at: (begin + 1.5) * 1000,
    fields: { event: ['string', 'cache miss'], key: ['string', 'ключ'], size: ['float64', 7], hit: ['bool', false] },
  }],
});
const [traceID] = idOf(root);

tracer.close(() => {
  const tags = {
    'jaeger.version': ['string', 'Node-3.19.0'],
    zone: ['string', 'zürich'],
    replica: ['float64', 3],
    canary: ['bool', true],
    // Of the machine and the process.
    hostname: null,
    ip: null,
    'client-uuid': null,
  };
  console.log(JSON.stringify({ traceID, service, process: tags, spans }));
  failures.forEach((failure) => console.error(failure));
  process.exit(failures.length ? 1 : 0);
});
