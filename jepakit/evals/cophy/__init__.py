"""CoPhy: predict where objects would have been, from the past and one changed first frame."""
