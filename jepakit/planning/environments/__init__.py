"""Environments with paired starts and goals: the embedded push world, and adapters of others."""

from jepakit.planning.environments.suite import Suite, open_suite

__all__ = ["Suite", "open_suite"]
