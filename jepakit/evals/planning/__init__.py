"""World models on held-out windows, and the page of planned episodes."""
