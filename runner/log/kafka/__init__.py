"""A Kafka cluster as a log. The only place that imports ``confluent_kafka``."""

from connectkit.runner.log.kafka.log import KafkaLog

__all__ = ["KafkaLog"]
