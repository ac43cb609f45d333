"""Writes data sets, and looks after finished ones: ``python -m data_prep COMMAND``."""
