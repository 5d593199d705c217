"""Wrong use that only a task can notice: a pair file without a column, a renderer that does not exist."""


class WrongUseError(ValueError):
    """The request cannot be met as it stands. The message is one line: what, got, expected, what to do."""
