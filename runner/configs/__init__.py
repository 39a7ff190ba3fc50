"""The options of the worker and of every connector, and the files they are read from."""
