"""The 478-point face mesh: its topology, the landmarker that finds it, and head pose."""
