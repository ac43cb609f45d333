"""Classes of clips from frozen tokens: attentive and linear probes, several views of a video."""
