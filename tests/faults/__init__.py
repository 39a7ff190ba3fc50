"""What a crash may and may not do: processes are killed while data flows, and then the promises are read.

They kill with SIGKILL, which nothing can catch: what was promised to be durable has to be on disk by then.
``make faults`` and ``make faults-kafka`` run the rig below, at length. Not covered: a power cut (the disk's
own cache), and a network that drops packets.
"""
