"""AvroConverter: Avro with schemas in a registry, written and read without an Avro library."""
