"""Data sets simulated here: PHYRE, designed scenes, the push world, and the demo's."""
