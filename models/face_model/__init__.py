"""3D morphable face models: their coefficients, the open model and the loader of the user's Basel model."""
