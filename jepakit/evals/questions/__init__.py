"""Questions about clips, answered from frozen features and a closed vocabulary."""
