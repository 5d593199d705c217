"""Image, identity, motion and distribution metrics, each with a named definition, and the statistics over them."""
