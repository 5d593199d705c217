"""3DFlowRenderer: a face re-enacted by a 3D flow over a volume of features (methods of the paper, our own widths)."""
