"""YuNet, the face detector of OpenCV's model zoo."""
