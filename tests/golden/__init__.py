"""Answers recorded from the Java implementation, and the runner that compares ours with them.

``python -m tests.golden FILE.jsonl[.gz] …`` reads any file of the format in ``FORMAT.md``, whatever its
name: a case's ``op`` says which area it belongs to. How the parts fit:

* ``codec``: schemas and values of a case to ours (``schema_of``, ``value_of``).
* ``compare``: ours against the recorded (``schema_difference``, ``value_difference``,
  ``pair_difference``, ``error_difference``), and ``expect``, which most areas are written with.
* ``areas``: the table of ops, and one module an area. A module has ``run(case) -> Outcome``.
* ``data``: the recorded answers. Those whose name begins with ``random`` were recorded from the same Java
  releases for inputs drawn at random, to reach what nobody thought of; the others are one file an area.
* ``rules`` and ``differences.json``: the differences we know of, each with its reason. Only these may
  fail without the runner failing; they count as skipped.

``Outcome`` is None where ours did what Java did, else one line that says what differs. Any exception
that escapes ``run`` is a failure; a case whose op nobody knows is a failure.
"""
