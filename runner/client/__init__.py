"""A client of Kafka Connect's REST interface, for Java clusters and for our own worker alike."""
