"""Tables of many trained and evaluated models: rows and scales in YAML, one command for all."""
