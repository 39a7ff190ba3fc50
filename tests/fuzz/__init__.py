"""Fuzzing by generated requests; ``python -m tests.fuzz.rest --requests 20000`` is the long run."""
