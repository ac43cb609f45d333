"""Readers of robot data sets, and ``python -m data_prep trajectories``."""
