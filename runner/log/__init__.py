"""The log behind one protocol: ``kafka`` (a broker) and ``embedded`` (a durable local log)."""
