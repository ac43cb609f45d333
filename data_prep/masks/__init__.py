"""Objects of clips: proposals of segmenters, made into label maps whose ids last."""
