"""The fault run: every change of a running cluster, with every fault at some moment of it, on real hosts.

`operations.py` says what is done, `faults.py` what goes wrong meanwhile, `running.py` is one run from the frozen
cluster to the verdict, `judging.py` what must hold whatever went wrong. `command.py` is `lab/faults`.
"""
