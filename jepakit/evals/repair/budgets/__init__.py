"""How much is hidden, and in what shape: rescue by token budget and footprint (Figure 6)."""
