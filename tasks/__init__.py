"""What happens to one clip or one pair: a file per stage."""
