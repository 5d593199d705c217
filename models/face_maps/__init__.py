"""Pictures made of a fitted face mesh: its colours, its motion between two frames, and what is hidden."""
