"""Re-enactment without training: the source picture warped by the flow between two face meshes."""
