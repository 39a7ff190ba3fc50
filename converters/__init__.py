"""Converters: bytes on the wire to typed records and back."""

if __name__ != "connectkit.converters":
    raise ImportError("import connectkit.converters: the bare folder would load every class twice")
