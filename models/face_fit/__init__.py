"""The open face model fitted to the landmarker's points, and its light and colours to the pixels."""
