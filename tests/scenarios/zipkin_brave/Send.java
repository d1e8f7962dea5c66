import brave.Span;
import brave.Tracing;
import java.util.List;
import zipkin2.Endpoint;
import zipkin2.reporter.BytesMessageSender;
import zipkin2.reporter.Encoding;
import zipkin2.reporter.brave.AsyncZipkinSpanHandler;
import zipkin2.reporter.urlconnection.URLConnectionSender;

/**
 * Sends one trace with Brave and zipkin-reporter, and prints what Jaeger's API must show of it.
 *
 * <p>Usage: java -cp JARS Send.java JSON|PROTO3 ENDPOINT. The printed JSON: {"traceID", "service", "process", "spans": {operation:
 * {"parent", "tags", "logs"}}}; tags and logs by their values. Ends with an exception when the sender had no success.
 */
public class Send {
  /** Notes failures, which the reporter only logs. */
  record Recording(BytesMessageSender inner, List<Exception> failures) implements BytesMessageSender {
    public Encoding encoding() {
      return inner.encoding();
    }

    public int messageMaxBytes() {
      return inner.messageMaxBytes();
    }

    public int messageSizeInBytes(List<byte[]> spans) {
      return inner.messageSizeInBytes(spans);
    }

    public int messageSizeInBytes(int size) {
      return inner.messageSizeInBytes(size);
    }

    public void send(List<byte[]> spans) throws java.io.IOException {
      try {
        inner.send(spans);
      } catch (Exception failure) {
        failures.add(failure);
        throw failure;
      }
    }

    public void close() throws java.io.IOException {
      inner.close();
    }
  }

  public static void main(String[] arguments) throws Exception {
    Encoding encoding = Encoding.valueOf(arguments[0]);
    String service = "brave " + arguments[0].toLowerCase();
    URLConnectionSender http = URLConnectionSender.newBuilder()
        .endpoint(arguments[1] + "/api/v2/spans").encoding(encoding).build();
    Recording sender = new Recording(http, new java.util.concurrent.CopyOnWriteArrayList<>());
    AsyncZipkinSpanHandler handler = AsyncZipkinSpanHandler.newBuilder(sender).build();
    String traceId;
    String parent;
    try (Tracing tracing = Tracing.newBuilder()
        .localServiceName(service).localIp("10.0.0.7").localPort(8080)
        .traceId128Bit(true).addSpanHandler(handler).build()) {
      Span root = tracing.tracer().newTrace().name("get /").kind(Span.Kind.SERVER).start();
      root.tag("http.path", "/x").annotate("cache miss");
      Span leaf = tracing.tracer().newChild(root.context()).name("select").kind(Span.Kind.CLIENT).start();
      leaf.remoteServiceName("db").remoteIpAndPort("10.0.0.8", 5432);
      leaf.error(new IllegalStateException("too slow")).finish();
      root.finish();
      traceId = root.context().traceIdString();
      parent = root.context().spanIdString();
    }
    handler.flush();
    handler.close();
    sender.close();
    if (!sender.failures().isEmpty()) {
      throw sender.failures().get(0);
    }
    String host = "\"net.host.ip\": \"10.0.0.7\", \"net.host.port\": 8080";
    String peer = "\"peer.service\": \"db\", \"net.peer.ip\": \"10.0.0.8\", \"net.peer.port\": 5432";
    System.out.printf(
        "{\"traceID\": \"%s\", \"service\": \"%s\", \"process\": {}, \"spans\": {"
            + "\"get /\": {\"parent\": null, \"tags\": {%s, \"span.kind\": \"server\", \"http.path\": \"/x\"}, \"logs\": [\"cache miss\"]}, "
            + "\"select\": {\"parent\": \"%s\", \"tags\": {%s, %s, \"span.kind\": \"client\", \"error\": \"too slow\"}, \"logs\": []}}}%n",
        traceId, service, host, parent, host, peer);
  }
}
