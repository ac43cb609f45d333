"""Figures with the commands that print them: ``python -m bench.NAME``."""
