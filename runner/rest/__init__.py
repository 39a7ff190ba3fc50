"""Kafka Connect's REST interface, and what it lacks under ``/connectkit``; imported only if it is on."""
