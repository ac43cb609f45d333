"""What interventions on a variable do, at their layer, through the network, in other models."""
