"""From detections of a video to the clips that are cut from it: tracks, boxes, published annotations."""
