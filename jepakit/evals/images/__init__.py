"""Probes of frozen features of labelled still images: kNN, linear, and with few labels."""
