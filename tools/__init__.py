"""Tools of this repository's own: not part of the distribution, run by the Makefile."""
