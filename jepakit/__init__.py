"""What the model families share: batches, networks, masks, losses, data, training, evaluations."""
