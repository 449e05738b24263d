"""How-to and jobs: their examples are short, fit their models, and run."""

from __future__ import annotations

import re
import runpy
import shlex
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cerebellum.cells import MODELS
from cerebellum.cli.commands import app
from cerebellum.description.circuit import load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.protocol import load_protocol

LONGEST = 20  # lines of an example
SMALL = {"howto.md": {"scale=0.3": "scale=0.1", "scale=0.1": "scale=0.05"}, "jobs.md": {"scale=0.3": "scale=0.1"}}
PAGES = ("howto.md", "jobs.md")
BLOCK = re.compile(r"^```(toml|python|bash)\n(.*?)^```$", re.M | re.S)
CIRCUITS = ("candelabrum.toml", "tired.toml")  # the files that are models
JOBS = 12


def examples(root: Path, page: str = "howto.md") -> list[tuple[str, str]]:
    """Kind and text of every example."""
    return BLOCK.findall((root / "docs" / page).read_text())


def name_of(text: str) -> str:
    """Of an example that is a file, by its first line; '' of others."""
    first = text.splitlines()[0].removeprefix("# ")
    return first if re.fullmatch(r"\w+\.(toml|py)", first) else ""


def files(root: Path, page: str = "howto.md") -> dict[str, str]:
    """The files that a page has its readers write."""
    return {name: text for _, text in examples(root, page) if (name := name_of(text))}


def commands(root: Path, page: str) -> list[list[str]]:
    return [
        shlex.split(line, comments=True)
        for kind, text in examples(root, page)
        if kind == "bash"
        for line in text.splitlines()
    ]


def test_every_job_has_a_path_and_none_is_long(root: Path) -> None:
    text = (root / "docs" / "jobs.md").read_text()
    assert re.findall(r"^## (\d+)\.", text, re.M) == [str(number) for number in range(1, JOBS + 1)]
    for path in re.split(r"^##+ ", text, flags=re.M)[1:]:
        lines = [line for _, example in BLOCK.findall(path) for line in example.splitlines() if line]
        written = [line for line in lines if line != f"# {name_of(line)}"]
        assert len(written) <= LONGEST, path.splitlines()[0]


@pytest.mark.parametrize("page", PAGES)
def test_examples_are_short_and_their_files_fit_their_models(
    page: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert all(len(text.splitlines()) <= LONGEST + 1 for _, text in examples(root, page))  # and the line with its name
    for made in (text for kind, text in examples(root, page) if kind == "python" and "savez" in text):
        exec(compile(made, page, "exec"), {})
    for name, text in files(root, page).items():
        (tmp_path / name).write_text(text)
    if page == "jobs.md":
        install(tmp_path, monkeypatch)
    for name in files(root, page):
        if name in CIRCUITS:
            load_model(name, {"scale": "0.3"})
        elif name.endswith(".toml") and name != "pyproject.toml":
            plan = load_protocol(name)
            model = "mouse_plastic" if name == "blink.toml" else (plan.models or ["mouse"])[0]
            check_together(plan, load_model(model, {"scale": "0.3"} if "mouse" in model else {}))
            assert plan.duration > 0


@pytest.mark.parametrize("page", PAGES)
def test_commands_name_what_there_is(page: str, root: Path) -> None:
    told = get_command(app)
    made = {words[words.index("--out") + 1] for words in commands(root, page) if "--out" in words}
    for words in commands(root, page):
        if words[0] != "cerebellum":
            assert words == ["pip", "install", "."] or (words[0] == "python" and words[1] in files(root, page))
            continue
        command = told.commands[words[1]]  # type: ignore[attr-defined]
        given = command.make_context(words[1], words[2:]).params  # raises on an option that there is not
        subject = given.get("protocol") or given.get("run") or given.get("model") or given.get("name")
        if subject is not None and str(subject) not in {*files(root, page), *made}:
            assert load_protocol(str(subject)).duration > 0


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip would do with the folder: its module can be imported, its cell is known."""
    told = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["entry-points"][MODELS.group]
    entries = {name: EntryPoint(name, value, MODELS.group) for name, value in told.items()}
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(MODELS, "others", MODELS.others | entries)


def shortened(words: list[str], page: str) -> list[str]:
    """A command at a third of its scale, and of long sessions fewer trials."""
    words = [SMALL[page].get(word, word) for word in words]
    return words + (["--set", "block.acquisition.repeats=1"] if "blink.toml" in words and "run" in words else [])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Some epochs have no duration")  # pynapple, of cells with a single spike
@pytest.mark.parametrize("page", PAGES)
def test_the_page_runs_from_top_to_bottom(
    page: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer trials of long sessions, at a third of the scale."""
    monkeypatch.chdir(tmp_path)
    for kind, text in examples(root, page):
        if name := name_of(text):
            Path(name).write_text(text)
        elif kind == "python":
            exec(compile(text, page, "exec"), {"__name__": "__main__"})
        for line in text.splitlines() if kind == "bash" else ():
            words = shlex.split(line, comments=True)
            if words[0] == "pip":
                install(tmp_path, monkeypatch)
                continue
            if words[0] == "python":
                runpy.run_path(words[1], run_name="__main__")
                continue
            ran = CliRunner().invoke(app, shortened(words, page)[1:])
            assert ran.exit_code == 0, (line, ran.output, ran.exception)
    for name in ("inject.toml", "own.toml", "tone.toml") if page == "howto.md" else ():
        short = ["--set", "block.rest.trial_duration=2000", "--set", "block.rest.window.duration=1000", "--set",
                 "block.rest.stimulus.background.duration=2000", "--set",
                 "block.rest.stimulus.climbing.duration=2000"] if name == "inject.toml" else []  # fmt: skip
        ran = CliRunner().invoke(app, ["run", name, "--model", "mouse", "--set", "scale=0.3", *short])
        assert ran.exit_code == 0, (name, ran.output, ran.exception)
