"""What frozen features know: probes with controls and intervals, figures, reports."""
