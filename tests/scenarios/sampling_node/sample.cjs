// Samples with OpenTelemetry's remote sampler for Node, once it was told how, and prints the share of traces that it records by operation.
//
// Usage: NODE_PATH=… node sample.cjs URL SERVICE. Prints JSON; ends with an error when it is told nothing within a minute.
const { randomBytes } = require("node:crypto");
const { ROOT_CONTEXT, SpanKind } = require("@opentelemetry/api");
const { JaegerRemoteSampler } = require("@opentelemetry/sampler-jaeger-remote");

const TRACES = 4000;
const [endpoint, serviceName] = process.argv.slice(2);
const never = { shouldSample: () => ({ decision: 0 }), toString: () => "initial" };
const sampler = new JaegerRemoteSampler({ endpoint, serviceName, poolingInterval: 50, initialSampler: never });

function share(operation) {
  let recorded = 0;
  for (let trace = 0; trace < TRACES; trace++) {
    const id = randomBytes(16).toString("hex");
    recorded += sampler.shouldSample(ROOT_CONTEXT, id, operation, SpanKind.SERVER, {}, []).decision === 2;
  }
  return recorded / TRACES;
}

const end = Date.now() + 60_000;
setInterval(() => {
  if (!sampler.toString().includes("sampler=initial")) {
    const shares = Object.fromEntries(["never", "always", "other"].map((name) => [name, share(name)]));
    console.log(JSON.stringify(shares));
    process.exit(0);
  }
  if (Date.now() > end) {
    console.error(`nothing was told: ${sampler}`);
    process.exit(1);
  }
}, 20);
