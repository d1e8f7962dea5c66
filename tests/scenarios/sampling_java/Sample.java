import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.extension.trace.jaeger.sampler.JaegerRemoteSampler;
import io.opentelemetry.sdk.trace.IdGenerator;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingDecision;
import java.time.Duration;
import java.util.List;
import java.util.StringJoiner;

/**
 * Samples with OpenTelemetry's remote sampler for Java, once it was told how, and prints the share of traces that it records by
 * operation.
 *
 * <p>Usage: java -cp JARS Sample.java URL SERVICE. Prints JSON; ends with an exception when it is told nothing within a minute.
 */
public class Sample {
  private static final int TRACES = 4000;

  public static void main(String[] arguments) throws Exception {
    JaegerRemoteSampler sampler = JaegerRemoteSampler.builder()
        .setEndpoint(arguments[0]).setServiceName(arguments[1])
        .setPollingInterval(Duration.ofMillis(50)).setInitialSampler(Sampler.alwaysOff()).build();
    String initial = "JaegerRemoteSampler{" + Sampler.alwaysOff().getDescription() + "}";
    long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (sampler.getDescription().equals(initial)) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException("nothing was told: " + sampler.getDescription());
      }
      Thread.sleep(20);
    }
    StringJoiner shares = new StringJoiner(",", "{", "}");
    for (String operation : List.of("never", "always", "other")) {
      shares.add("\"" + operation + "\":" + share(sampler, operation));
    }
    System.out.println(shares);
    System.exit(0);
  }

  private static double share(Sampler sampler, String operation) {
    int recorded = 0;
    for (int trace = 0; trace < TRACES; trace++) {
      String id = IdGenerator.random().generateTraceId();
      SamplingDecision decision = sampler
          .shouldSample(Context.root(), id, operation, SpanKind.SERVER, Attributes.empty(), List.of())
          .getDecision();
      recorded += decision == SamplingDecision.RECORD_AND_SAMPLE ? 1 : 0;
    }
    return (double) recorded / TRACES;
  }
}
