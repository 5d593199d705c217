"""Deep3DFaceRecon: the network that reads the coefficients of the face model off an aligned picture."""
