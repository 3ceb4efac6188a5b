"""Processes of the fault tests: forks of one server that has imported, once, all that they need."""

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "great_expectations", "tests.faults.publishing", "tests.faults.preloaded"])
