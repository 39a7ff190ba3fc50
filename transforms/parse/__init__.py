"""The Parse transform: fields out of text, by grok patterns, regular expressions and log formats."""

if __name__ != "connectkit.transforms.parse":
    raise ImportError("import connectkit.transforms.parse: the bare folder would load every class twice")
