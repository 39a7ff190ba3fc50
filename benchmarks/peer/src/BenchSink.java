import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

/** Counts records and times the first to the last; the twin of benchmarks/plugins.py. */
public class BenchSink extends SinkConnector {
    private Map<String, String> props;

    @Override public void start(Map<String, String> props) { this.props = props; }
    @Override public Class<? extends Task> taskClass() { return Counter.class; }
    @Override public List<Map<String, String>> taskConfigs(int maxTasks) { return List.of(props); }
    @Override public void stop() { }
    @Override public ConfigDef config() { return new ConfigDef(); }
    @Override public String version() { return "1"; }

    public static class Counter extends SinkTask {
        private long records;
        private long count;
        private long began;
        private Object last;

        @Override public void start(Map<String, String> props) {
            records = Long.parseLong(props.getOrDefault("records", "1000000"));
        }

        @Override public void put(Collection<SinkRecord> polled) {
            if (polled.isEmpty()) {
                return;
            }
            if (count == 0) {
                began = System.nanoTime();
            }
            long before = count;
            for (SinkRecord record : polled) {
                last = record.value();
            }
            count += polled.size();
            if (before < records && count >= records) {
                System.out.printf("BENCH sink %d %.6f%n", count, (System.nanoTime() - began) / 1e9);
            }
        }

        @Override public void stop() { }
        @Override public String version() { return "1"; }
    }
}
