"""Instruments that look inside encoders: subspaces, edits of activations, their effects, traces."""
