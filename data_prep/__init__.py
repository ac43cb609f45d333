"""Writes data sets: ``python -m data_prep phyre|scenes|demo|verify``."""
