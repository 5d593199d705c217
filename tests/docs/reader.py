"""Reads a page as a user would: runs its blocks top to bottom in one folder, with videos of their own in it."""

import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from blocks import Block

from reenactory.models.weights import locate

FRAMES = {"man": 66, "woman": 66, "no_face": 8}  # 64 make a clip by the published rules
BLOCK_S = 300
ROOT = Path(__file__).resolve().parents[2]


class BlockFailedError(AssertionError):
    """A block of a page does not do what the page says; the message has its output."""


class Reader:
    """A user at one page, in a folder where `reenactory` and `.venv/bin/reenactory` are the code under test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names: dict[str, Any] = {"__name__": "page"}
        self._exports = folder / ".exports"
        self._exports.write_text("")
        commands = folder / ".venv" / "bin"
        commands.mkdir(parents=True, exist_ok=True)
        for name, words in (("reenactory", "-m reenactory.flows.cli"), ("prefect", "-m prefect"), ("python", "")):
            (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
            (commands / name).chmod(0o755)
        self._env = os.environ | {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }

    def try_block(self, block: Block) -> None:
        """Do what a block says.

        Raises:
            BlockFailedError: it ends with an error.
        """
        if block.before:
            self._shell(block, block.before)
        if block.file:
            (self.folder / block.file).write_text(block.tried)
        elif block.is_run and block.language == "sh":
            self._shell(block, block.tried)
        elif block.is_run:
            self._python(block)

    def _shell(self, block: Block, code: str) -> None:
        script = f". {self._exports}\nset -eu\n{code}\nexport -p > {self._exports}\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BLOCK_S,
            check=False,
        )
        sys.stdout.write(f"\n# {block.place}\n{code}{done.stdout}")
        if done.returncode:
            raise BlockFailedError(f"{block.place}: exit code {done.returncode}\n{code}\n{done.stdout}")

    def _python(self, block: Block) -> None:
        """In this process, so that a page's queries do not load pandas anew; a page's blocks share their names."""
        sys.stdout.write(f"\n# {block.place}\n")
        code = compile("\n" * (block.line - 1) + block.tried, str(block.page), "exec")
        with _inside(self.folder):
            try:
                exec(code, self._names)
            except Exception as error:
                raise BlockFailedError(f"{block.place}:\n{traceback.format_exc(limit=-3)}") from error


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def make_videos(folder: Path) -> None:
    """Two people of two and a half seconds, a landscape, and a file without a byte."""
    folder.mkdir()
    for name, frames in FRAMES.items():
        cut = ["-frames:v", str(frames), "-an", "-c:v", "libx264", "-crf", "18", "-threads", "1"]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-i", str(locate(f"demo_{name}"))]
        subprocess.run([*command, *cut, str(folder / f"{name}.mp4")], check=True, timeout=60)
    (folder / "empty.mp4").touch()
