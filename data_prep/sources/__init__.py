"""Readers of foreign data sets, one file per layout."""
