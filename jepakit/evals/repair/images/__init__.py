"""Images and clips with the mask of one object, from each source, and what is hidden of them."""
