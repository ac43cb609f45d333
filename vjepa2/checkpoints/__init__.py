"""Published checkpoints and ours: names, shapes and files, both ways."""
