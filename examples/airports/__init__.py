"""Real data from a file through transforms and a topic into another file (``make run``)."""
