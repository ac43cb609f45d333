"""The predictor of a JEPA: its error on what is hidden, and which sites carry how much of it."""
