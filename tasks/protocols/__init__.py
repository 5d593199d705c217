"""Pair protocols: who drives whom, free draws, the papers' own and lists that others published."""
