"""The templates of the pages, and what all of them may call."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from reenactory.tasks.report.colours import DRIVER, colour_of
from reenactory.tasks.report.format import counted, number
from reenactory.tasks.results.cautions import FEW_IDENTITIES

TEMPLATES = Path(__file__).with_name("templates")


def page(name: str) -> Template:
    """A template that escapes what it is given and fails on a name that it is not given."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "counted": counted,
        "number": number,
        "colour_of": colour_of,
        "driver_colour": DRIVER,
        "least_identities": FEW_IDENTITIES,
    }
    return environment.get_template(name)
