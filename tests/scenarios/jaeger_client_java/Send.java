import com.google.gson.GsonBuilder;
import io.jaegertracing.internal.JaegerSpan;
import io.jaegertracing.internal.JaegerSpanContext;
import io.jaegertracing.internal.JaegerTracer;
import io.jaegertracing.internal.reporters.InMemoryReporter;
import io.jaegertracing.internal.samplers.ConstSampler;
import io.jaegertracing.thrift.internal.senders.HttpSender;
import io.jaegertracing.thrift.internal.senders.ThriftSender;
import io.jaegertracing.thrift.internal.senders.UdpSender;
import io.opentracing.References;
import java.util.LinkedHashMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Records one trace with Jaeger's own client for Java, and prints what Jaeger's API must show of it.
 *
 * <p>Usage: java -cp … Send.java udp HOST PORT SERVICE | http URL - SERVICE
 * By UDP (Thrift's compact protocol) ids of traces have 64 bits and are sampled; by HTTP they have 128 bits and are debugged.
 * What is printed is described in tests/src/recorded.rs. The sender throws what it could not send.
 */
public class Send {
  static final Map<String, Object> spans = new LinkedHashMap<>();
  static boolean isLong;

  static List<Object> typed(String type, Object value) {
    return List.of(type, value);
  }

  static List<String> reference(String type, JaegerSpan span) {
    JaegerSpanContext context = span.context();
    String trace = String.format(isLong ? "%016x%016x" : "%2$016x", context.getTraceIdHigh(), context.getTraceIdLow());
    return List.of(type, trace, String.format("%016x", context.getSpanId()));
  }

  static void finish(JaegerSpan span, long begin, long duration, Map<String, Object> tags, List<?> logs, List<?> references) {
    Map<String, Object> expected = new LinkedHashMap<>();
    expected.put("start", begin);
    expected.put("duration", duration);
    expected.put("flags", isLong ? 3 : 1);
    expected.put("tags", tags);
    expected.put("logs", logs);
    expected.put("references", references);
    spans.put(span.getOperationName(), expected);
    span.finish(begin + duration);
  }

  public static void main(String[] args) throws Exception {
    isLong = args[0].equals("http");
    ThriftSender sender = isLong
      ? new HttpSender.Builder(args[1]).build()
      : new UdpSender(args[1], Integer.parseInt(args[2]), 0);
    InMemoryReporter recorded = new InMemoryReporter();
    JaegerTracer.Builder builder = new JaegerTracer.Builder(args[3])
      .withReporter(recorded)
      .withSampler(new ConstSampler(true))
      .withTag("zone", "zürich")
      .withTag("replica", 3)
      .withTag("canary", true);
    if (isLong) builder.withTraceId128Bit();
    JaegerTracer tracer = builder.build();

    long begin = System.currentTimeMillis() * 1000 - 1_000_000 + 7;
    JaegerSpan elsewhere = tracer.buildSpan("elsewhere").start();
    JaegerSpan root = tracer.buildSpan("GET /ü").withStartTimestamp(begin).withTag("span.kind", "server")
      .withTag("text", "žluťoučký 🦀 \"quoted\" \\").withTag("empty", "").withTag("truth", true).withTag("falsehood", false)
      .withTag("whole", 7).withTag("beyond double", (1L << 53) + 1).withTag("ratio", 0.1).start();
    if (isLong) root.setTag("sampling.priority", 1);
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("event", "cache miss");
    fields.put("key", "ключ");
    fields.put("size", 7);
    fields.put("hit", false);
    root.log(begin + 1_501, fields);
    JaegerSpan child = tracer.buildSpan("SELECT").withStartTimestamp(begin + 2_000)
      .addReference(References.CHILD_OF, root.context()).addReference(References.FOLLOWS_FROM, elsewhere.context())
      .withTag("span.kind", "client").withTag("error", true).start();
    child.log(begin + 3_000, "retry");
    JaegerSpan after = tracer.buildSpan("after").withStartTimestamp(begin + 8_000).addReference(References.FOLLOWS_FROM, child.context()).start();

    finish(after, begin + 8_000, 0, Map.of(), List.of(), List.of(reference("FOLLOWS_FROM", child)));
    finish(child, begin + 2_000, 3_500,
      Map.of("span.kind", typed("string", "client"), "error", typed("bool", true), "otel.status_code", typed("string", "ERROR")),
      List.of(Map.of("at", begin + 3_000, "fields", Map.of("event", typed("string", "retry")))),
      List.of(reference("CHILD_OF", root), reference("FOLLOWS_FROM", elsewhere)));
    Map<String, Object> tags = new LinkedHashMap<>();
    tags.put("sampler.type", typed("string", "const"));
    tags.put("sampler.param", typed("bool", true));
    tags.put("span.kind", typed("string", "server"));
    tags.put("text", typed("string", "žluťoučký 🦀 \"quoted\" \\"));
    tags.put("empty", typed("string", ""));
    tags.put("truth", typed("bool", true));
    tags.put("falsehood", typed("bool", false));
    tags.put("whole", typed("int64", 7));
    tags.put("beyond double", typed("int64", "9007199254740993"));
    tags.put("ratio", typed("float64", 0.1));
    if (isLong) tags.put("sampling.priority", typed("int64", 1));
    Map<String, Object> seen = Map.of(
      "event", typed("string", "cache miss"), "key", typed("string", "ключ"), "size", typed("int64", 7), "hit", typed("bool", false));
    finish(root, begin, 10_000, tags, List.of(Map.of("at", begin + 1_501, "fields", seen)), List.of());

    // The remote reporter swallows failures: its sender tells of them.
    int sent = 0;
    for (JaegerSpan span : recorded.getSpans()) sent += sender.append(span);
    sent += sender.close();
    if (sent != spans.size()) throw new IllegalStateException(sent + " of " + spans.size() + " spans were sent");
    Map<String, Object> process = new HashMap<>(Map.of(
      "jaeger.version", typed("string", "Java-1.8.1"), "zone", typed("string", "zürich"),
      "replica", typed("int64", 3), "canary", typed("bool", true)));
    // Of the machine.
    for (String key : List.of("hostname", "ip")) process.put(key, null);
    Object traceID = reference("", root).get(1);
    System.out.println(new GsonBuilder().serializeNulls().create().toJson(Map.of("traceID", traceID, "service", args[3], "process", process, "spans", spans)));
  }
}
