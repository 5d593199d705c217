"""Triangle meshes to per-pixel triangle, depth and barycentric coordinates."""
