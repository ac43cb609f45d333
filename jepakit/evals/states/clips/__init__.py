"""Clips whose motion is known, and what networks make of them layer by layer."""
