"""Debezium's transforms under their own class names and options, for change events of any connector."""

if __name__ != "connectkit.transforms.debezium":
    raise ImportError("import connectkit.transforms.debezium: the bare folder would load every class twice")
