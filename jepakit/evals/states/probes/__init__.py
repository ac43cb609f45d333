"""How a variable is read from activations, and the directions that hold it."""
