"""Extractors: from the frames of a clip and its landmarks to coefficients, behind one protocol."""
