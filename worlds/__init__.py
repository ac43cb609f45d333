"""2-D physics: scenes, simulation, pictures with object labels, and the PHYRE benchmark."""
