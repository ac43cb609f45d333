"""Figures, tables and pages of a study, with the paper's values beside."""
