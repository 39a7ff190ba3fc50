import java.util.ArrayList;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.source.SourceConnector;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

/** Emits orders of five fields as fast as the worker takes them; the twin of benchmarks/plugins.py. */
public class BenchSource extends SourceConnector {
    private static final Schema ORDER = SchemaBuilder.struct().name("order")
        .field("id", Schema.INT64_SCHEMA)
        .field("name", Schema.OPTIONAL_STRING_SCHEMA)
        .field("price", Schema.FLOAT64_SCHEMA)
        .field("ts", Timestamp.SCHEMA)
        .field("active", Schema.BOOLEAN_SCHEMA)
        .build();

    private Map<String, String> props;

    @Override public void start(Map<String, String> props) { this.props = props; }
    @Override public Class<? extends Task> taskClass() { return Orders.class; }
    @Override public List<Map<String, String>> taskConfigs(int maxTasks) { return List.of(props); }
    @Override public void stop() { }
    @Override public ConfigDef config() { return new ConfigDef(); }
    @Override public String version() { return "1"; }

    public static class Orders extends SourceTask {
        private long records;
        private long sent;
        private int batch;
        private String topic;
        private boolean avro;
        private final Map<String, String> partition = Map.of("task", "0");

        @Override public void start(Map<String, String> props) {
            records = Long.parseLong(props.getOrDefault("records", "1000000"));
            batch = Integer.parseInt(props.getOrDefault("batch", "1000"));
            topic = props.get("topic");
            avro = "avro".equals(props.get("format"));
        }

        @Override public List<SourceRecord> poll() throws InterruptedException {
            if (sent == 0) {
                System.out.printf("BENCH start %.6f%n", System.currentTimeMillis() / 1e3);
            }
            if (sent >= records) {
                Thread.sleep(100);
                return null;
            }
            List<SourceRecord> polled = new ArrayList<>(batch);
            for (long end = Math.min(sent + batch, records); sent < end; sent++) {
                polled.add(new SourceRecord(
                    partition, Map.of("pos", sent), topic, avro ? ORDER : null, avro ? struct(sent) : map(sent)));
            }
            return polled;
        }

        private static Struct struct(long number) {
            return new Struct(ORDER).put("id", number).put("name", "hello world").put("price", 3.14)
                .put("ts", new Date(1234567890123L)).put("active", true);
        }

        private static Map<String, Object> map(long number) {
            Map<String, Object> order = new LinkedHashMap<>();
            order.put("id", number);
            order.put("name", "hello world");
            order.put("price", 3.14);
            order.put("ts", 1234567890123L);
            order.put("active", true);
            return order;
        }

        @Override public void stop() { }
        @Override public String version() { return "1"; }
    }
}
