"""Encoders of several libraries under one protocol for patching."""
