"""The latent explorer: look inside a video encoder, in the browser or from Python."""
