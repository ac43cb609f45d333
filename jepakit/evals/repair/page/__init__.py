"""Figures, tables and the page of a repair study, with the paper's values beside."""
