"""What a model says of a scene without one object, against the world simulated again."""
