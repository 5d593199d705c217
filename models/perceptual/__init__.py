"""VGG features and the losses that compare pictures by them."""
