"""`python -m reenactory.flows.cli`."""

from reenactory.flows.cli import command

command()
