"""The fault rig: real workers are killed, frozen and starved, and an oracle outside them keeps count.

``python -m tests.faults.rig list`` names the experiments, ``docs/design/fault-rig.md`` explains them.
Every run: warm up, faults from a seeded schedule, all faults off, drain within a deadline, judge, and one
fresh record from end to end. A run that did not process its minimum proves nothing and counts as failed.
"""
