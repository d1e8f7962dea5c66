import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.codelibs.opensearch.runner.OpenSearchRunner;

/**
 * One node of a cluster whose nodes are processes of their own. The runner's own program can start several nodes in one
 * process only, and makes a single node one that looks for no others.
 *
 * Arguments: the folder, in which node.properties holds the node's settings; the port for clients; the cluster's name.
 */
public final class ClusterNode {
    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        Properties settings = new Properties();
        try (Reader reader = Files.newBufferedReader(folder.resolve("node.properties"))) {
            settings.load(reader);
        }
        OpenSearchRunner runner = new OpenSearchRunner();
        runner.onBuild((number, builder) ->
            settings.stringPropertyNames().forEach(name -> builder.put(name, settings.getProperty(name))));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(runner)));
        int basePort = Integer.parseInt(arguments[1]) - 1;
        runner.build(OpenSearchRunner.newConfigs()
            .basePath(folder.toString()).numOfNode(1).baseHttpPort(basePort).clusterName(arguments[2]));
        // Until the shutdown hook runs.
        Thread.currentThread().join();
    }

    private static void close(OpenSearchRunner runner) {
        try {
            runner.close();
        } catch (Exception e) {
            e.printStackTrace();
        }
    }
}
