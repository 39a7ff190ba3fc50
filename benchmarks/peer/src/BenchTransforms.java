import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.transforms.Transformation;

/** Times Kafka's transforms: a case a line, "struct|map TAB class=key:value;… TAB class…"; answers with ns. */
public class BenchTransforms {
    private static final int RECORDS = 1000;
    private static final int WARM_UP = 300;
    private static final int ROUNDS = 300;
    private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();
    private static Object sink;

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split("\t");
            List<Transformation<SinkRecord>> chain = new ArrayList<>();
            for (int i = 1; i < parts.length; i++) {
                chain.add(transform(parts[i]));
            }
            List<SinkRecord> records = new ArrayList<>();
            for (long number = 0; number < RECORDS; number++) {
                records.add(record(parts[0].equals("struct"), number));
            }
            for (int i = 0; i < WARM_UP; i++) {
                run(chain, records);
            }
            long best = Long.MAX_VALUE;
            for (int i = 0; i < ROUNDS; i++) {
                long began = CLOCK.getCurrentThreadCpuTime();
                run(chain, records);
                best = Math.min(best, CLOCK.getCurrentThreadCpuTime() - began);
            }
            System.out.printf("%.1f%n", (double) best / RECORDS);
            System.out.flush();
        }
    }

    private static void run(List<Transformation<SinkRecord>> chain, List<SinkRecord> records) {
        List<SinkRecord> made = new ArrayList<>(records.size());
        for (SinkRecord record : records) {
            for (Transformation<SinkRecord> each : chain) {
                record = each.apply(record);
                if (record == null) {
                    break;
                }
            }
            made.add(record);
        }
        sink = made;
    }

    @SuppressWarnings("unchecked")
    private static Transformation<SinkRecord> transform(String text) throws Exception {
        int equals = text.indexOf('=');
        Map<String, String> config = new LinkedHashMap<>();
        for (String option : text.substring(equals + 1).split(";")) {
            if (!option.isEmpty()) {
                config.put(option.substring(0, option.indexOf(':')), option.substring(option.indexOf(':') + 1));
            }
        }
        Class<?> type = Class.forName(text.substring(0, equals));
        Transformation<SinkRecord> made = (Transformation<SinkRecord>) type.getDeclaredConstructor().newInstance();
        made.configure(config);
        return made;
    }

    private static final Schema INNER = SchemaBuilder.struct().field("city", Schema.STRING_SCHEMA).build();
    private static final Schema ORDER = SchemaBuilder.struct().name("order")
        .field("id", Schema.INT64_SCHEMA)
        .field("name", Schema.STRING_SCHEMA)
        .field("price", Schema.FLOAT64_SCHEMA)
        .field("ts", Schema.INT64_SCHEMA)
        .field("address", INNER)
        .build();

    private static SinkRecord record(boolean struct, long number) {
        Object value;
        if (struct) {
            value = new Struct(ORDER).put("id", number).put("name", "hello world").put("price", 3.14)
                .put("ts", 1234567890123L).put("address", new Struct(INNER).put("city", "Berlin"));
        } else {
            Map<String, Object> map = new LinkedHashMap<>();
            map.put("id", number);
            map.put("name", "hello world");
            map.put("price", 3.14);
            map.put("ts", 1234567890123L);
            map.put("address", Map.of("city", "Berlin"));
            value = map;
        }
        return new SinkRecord("orders", 0, Schema.STRING_SCHEMA, "k", struct ? ORDER : null, value, number,
            1234567890123L, org.apache.kafka.common.record.TimestampType.CREATE_TIME);
    }
}
