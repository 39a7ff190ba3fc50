"""Benchmarks: ratios within one run, against bare client loops and the Java worker (``make bench``)."""
