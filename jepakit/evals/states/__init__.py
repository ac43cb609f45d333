"""Causal state variables: what a video encoder knows of motion, tested by interventions."""
