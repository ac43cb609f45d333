"""Late semantic repair: how an encoder restores what the loss of an object changes elsewhere."""
