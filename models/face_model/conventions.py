"""Axes, camera and aligned frame of Deep3DFaceRecon, which every part of the house keeps to.

Axes of the model and of angles: X to the right of the picture, Y up, Z towards the camera, right-handed, in model units
(decimetres). M = Rz(roll) Ry(yaw) Rx(pitch) turns the model (column vectors); then the translation is added. So, for
the person in the picture,

* yaw > 0: the nose points to the right of the picture,
* pitch > 0: the nose points down,
* roll > 0: the head is tilted counter-clockwise as seen in the picture.

The camera stands at Z = 10 and looks down the Z axis. Its picture is the aligned frame of 224x224 pixels, in which the
face has a standard place and size (see alignment.py). Pixel (row i, column j) has its centre at (j + 0.5, i + 0.5).
"""

FRAME_PX = 224  # side of the aligned frame
FOCAL = 1015.0  # pixels of the aligned frame: a field of view of 12.594 degrees
CENTRE = FRAME_PX / 2
CAMERA_DISTANCE = 10.0  # model units
