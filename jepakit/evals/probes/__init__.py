"""Linear read-outs of frozen features, beside an untrained network, pixels and words alone."""
