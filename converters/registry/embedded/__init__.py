"""A schema registry in a folder (or in memory), for one machine and without a server."""
