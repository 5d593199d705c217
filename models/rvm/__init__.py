"""RVM, robust video matting (weights GPL-3.0: fetched by the user, never shipped)."""
