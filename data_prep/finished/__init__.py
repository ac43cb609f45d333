"""Commands over finished data sets: verify, inspect, merge, split."""
