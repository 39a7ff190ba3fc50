"""The worker: tasks, chain, log, stores and command line."""

if __name__ != "connectkit.runner":
    raise ImportError("import connectkit.runner: the bare folder would load every class twice")
