"""Source and sink connectors that ship with connectkit."""

if __name__ != "connectkit.connectors":
    raise ImportError("import connectkit.connectors: the bare folder would load every class twice")
