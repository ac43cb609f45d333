"""Ways to look at a clip, each a function from latents to pictures, tables and files."""
