"""The official PHYRE evaluation: actions ranked by what frozen features say, scored by AUCCESS."""
