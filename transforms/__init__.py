"""Single message transforms and predicates, in Connect's names."""

if __name__ != "connectkit.transforms":
    raise ImportError("import connectkit.transforms: the bare folder would load every class twice")
