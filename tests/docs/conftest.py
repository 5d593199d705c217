"""What the reader of a page is thought to have: the commands, a folder of videos, weights."""

from users_machine import own_cache

__all__ = ["own_cache"]
