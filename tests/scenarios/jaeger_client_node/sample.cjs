// Samples with the remote sampler of Jaeger's own client for Node, once it was told how, and prints the share of traces that it records by operation.
//
// Usage: NODE_PATH=… node sample.cjs HOST:PORT SERVICE. Prints JSON; ends with an error when it is told nothing within a minute.
const { ConstSampler, InMemoryReporter, RemoteSampler, Tracer } = require('jaeger-client');

const TRACES = 4000;
const [hostPort, serviceName] = process.argv.slice(2);
const failures = [];
const sampler = new RemoteSampler(serviceName, {
  hostPort,
  sampler: new ConstSampler(false),
  refreshInterval: 50,
  logger: { info: () => {}, error: (message) => failures.push(message) },
  onSamplerUpdate: told,
});
const tracer = new Tracer(serviceName, new InMemoryReporter(), sampler);

function share(operation) {
  let recorded = 0;
  for (let trace = 0; trace < TRACES; trace++) recorded += tracer.startSpan(operation).context().isSampled();
  return recorded / TRACES;
}

function told() {
  console.log(JSON.stringify(Object.fromEntries(['never', 'always', 'other'].map((name) => [name, share(name)]))));
  process.exit(0);
}

setTimeout(() => {
  console.error(`nothing was told: ${failures}`);
  process.exit(1);
}, 60_000);
