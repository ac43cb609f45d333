"""Reports as pages that need nothing else, their plain editions, and tables on the terminal."""
