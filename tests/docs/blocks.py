"""The fenced blocks of a documentation page, and what hidden comments say of how to try them.

A block is tried as it stands, after the blocks above it, unless an HTML comment right before it says otherwise:

    <!-- docs: only read; WHY -->         not run; its words are checked
    <!-- docs: run by tests/FILE::TEST -->  not run here but by that test; its words are checked
    <!-- docs: before: SHELL -->          lines that make what the reader is thought to have
    <!-- docs: "OLD" is "NEW" -->         a smaller number, a path of the test
    <!-- docs: file NAME -->              the block is the text of a file
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

RUN = ("sh", "python")
SHOWN = ("text", "toml", "csv")  # output, and files

_BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENTS = re.compile(r"(?:<!-- docs: [^\n]*? -->\n)+\Z")
_COMMENT = re.compile(r"<!-- docs: (.*?) -->")
_INSTEAD = re.compile(r'"(.+)" is "(.*)"')
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass
class Block:
    """A fenced block. `line` is that of its first line of code, from 1."""

    page: Path
    line: int
    language: str
    code: str
    before: str = ""
    file: str = ""
    run_by: str = ""
    only_read: str = ""
    instead: list[tuple[str, str]] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def is_run(self) -> bool:
        return self.language in RUN and not self.run_by and not self.only_read

    @property
    def tried(self) -> str:
        """The code as the test runs it.

        Raises:
            ValueError: a comment replaces what the block does not have.
        """
        code = self.code
        for old, new in self.instead:
            if old not in code:
                raise ValueError(f"{self.place}: a comment replaces {old!r}, which the block does not have")
            code = code.replace(old, new)
        return code


def blocks(page: Path) -> list[Block]:
    """All blocks of a page, top to bottom.

    Raises:
        ValueError: a comment says something unknown, or stands before no block.
    """
    text = page.read_text()
    found, understood = [], 0
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("code")) + 1
        block = Block(page, line, match["language"], match["code"])
        comments = _COMMENTS.search(text, 0, match.start())
        for said in _COMMENT.findall(comments[0]) if comments else ():
            _heed(block, said)
            understood += 1
        found.append(block)
    if understood < len(_COMMENT.findall(text)):
        raise ValueError(f"{page.name}: a docs comment that does not stand right before a block")
    return found


def _heed(block: Block, said: str) -> None:
    if said.startswith("only read; "):
        block.only_read = said.removeprefix("only read; ")
    elif said.startswith("run by "):
        block.run_by = said.removeprefix("run by ")
    elif said.startswith("before: "):
        block.before += said.removeprefix("before: ") + "\n"
    elif said.startswith("file "):
        block.file = said.removeprefix("file ")
    elif instead := _INSTEAD.fullmatch(said):
        block.instead.append((instead[1], instead[2]))
    else:
        raise ValueError(f"{block.place}: unknown comment {said!r}")


def code_spans(page: Path) -> list[str]:
    """What stands between single backticks, outside of blocks, with line breaks as spaces."""
    prose = _BLOCK.sub("", page.read_text())
    return [" ".join(span.split()) for span in _SPAN.findall(prose)]
