"""Transforms under the class names and options of Confluent's collection."""

if __name__ != "connectkit.transforms.confluent":
    raise ImportError("import connectkit.transforms.confluent: the bare folder would load every class twice")
