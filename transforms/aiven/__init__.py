"""Transforms under the class names and options of Aiven's collection."""

if __name__ != "connectkit.transforms.aiven":
    raise ImportError("import connectkit.transforms.aiven: the bare folder would load every class twice")
