"""The how-to: its examples are short, fit their models, and run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cerebellum.cli.commands import app
from cerebellum.description.circuit import load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.protocol import load_protocol

LONGEST = 20  # lines of an example
SMALL = {"scale=0.3": "scale=0.1", "scale=0.1": "scale=0.05"}


def examples(root: Path) -> list[tuple[str, str]]:
    """Kind and text of every example."""
    text = (root / "docs" / "howto.md").read_text()
    return re.findall(r"^```(toml|python|bash)\n(.*?)^```$", text, re.M | re.S)


def files(root: Path) -> dict[str, str]:
    found = [text for kind, text in examples(root) if kind == "toml"]
    return {text.splitlines()[0].removeprefix("# "): text for text in found}


def test_examples_are_short_and_their_files_fit_their_models(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert all(len(text.splitlines()) <= LONGEST + 1 for _, text in examples(root))  # and the line with its name
    made = next(text for kind, text in examples(root) if kind == "python" and "savez" in text)
    exec(compile(made, "howto", "exec"), {})
    models = {name: load_model(name, {"scale": "0.3"}) for name in ("mouse", "mouse_plastic")}
    for name, text in files(root).items():
        (tmp_path / name).write_text(text)
        plan = load_protocol(name)
        check_together(plan, models["mouse_plastic" if name == "blink.toml" else "mouse"])
        assert plan.duration > 0


def test_commands_name_what_there_is(root: Path, tmp_path: Path) -> None:
    for kind, text in examples(root):
        for line in text.splitlines() if kind == "bash" else ():
            words = shlex.split(line)
            assert words[:2] == ["cerebellum", "run"], line
            assert words[2] in files(root) or load_protocol(words[2]).duration > 0


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a third of its scale, and with fewer trials of the long session."""
    monkeypatch.chdir(tmp_path)
    for name, text in files(root).items():
        Path(name).write_text(text)
    for kind, text in examples(root):
        if kind == "python":
            exec(compile(text, "howto", "exec"), {})
        for line in text.splitlines() if kind == "bash" else ():
            words = [SMALL.get(word, word) for word in shlex.split(line)][1:]
            more = ["--set", "block.acquisition.repeats=1"] if "blink.toml" in words else []
            ran = CliRunner().invoke(app, [*words, *more])
            assert ran.exit_code == 0, (line, ran.output, ran.exception)
    for name in ("inject.toml", "own.toml", "tone.toml"):
        short = ["--set", "block.rest.trial_duration=2000", "--set", "block.rest.window.duration=1000", "--set",
                 "block.rest.stimulus.background.duration=2000", "--set",
                 "block.rest.stimulus.climbing.duration=2000"] if name == "inject.toml" else []  # fmt: skip
        ran = CliRunner().invoke(app, ["run", name, "--model", "mouse", "--set", "scale=0.3", *short])
        assert ran.exit_code == 0, (name, ran.output, ran.exception)
