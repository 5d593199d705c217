"""3D morphable face models in Deep3DFaceRecon's conventions: bases, camera, light, motion descriptor."""
