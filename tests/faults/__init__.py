"""What a crash may and may not do: processes are killed while data flows, and then the promises are read.

``make faults`` runs these alone. They kill with SIGKILL, which nothing can catch: what was promised to
be durable has to be on disk by then. They do not cover a power cut (the disk's own cache), a network
that drops packets, or a broker that is killed.
"""
