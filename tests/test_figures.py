"""cerebellum.cli.claims: finds the claim modules of a checkout, runs each in its own process, and says what failed."""

from __future__ import annotations

import json
import textwrap

import pytest

from cerebellum.cli import claims
from cerebellum.errors import InputError, UnknownNameError

MODULE = """
CLAIM = "{claim}"

import argparse, json, pathlib

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path)
    out = parser.parse_args().out
    {body}
"""
WRITE = """
    for ending in ("png", "svg"):
        (out / f"{name}.{{ending}}").write_text("x")
    content = {{"claim": CLAIM, "holds": {{"one": True, "two": False}}}}
    (out / "{name}.json").write_text(json.dumps(content))
"""


@pytest.fixture
def root(tmp_path):
    """A checkout with two claims that are measured, and one that fails."""
    folder = tmp_path / "analysis"
    subject = folder / "subject"
    subject.mkdir(parents=True)
    (folder / "evidence.py").write_text("# shared\n")
    (folder / "helper.py").write_text('TEXT = "CLAIM"\n')
    for name in ("beta", "alpha"):
        (subject / f"{name}.py").write_text(MODULE.format(claim=f"{name} is so.", body=WRITE.format(name=name).strip()))
    (subject / "broken.py").write_text(MODULE.format(claim="Never.", body='raise RuntimeError("no such luck")'))
    return tmp_path


def test_claims_are_found_by_their_name(root):
    assert claims.available(root) == ["alpha", "beta", "broken"]


def test_outcomes_tell_what_holds_and_what_failed(root, tmp_path):
    seen = []
    found = claims.run_figures(None, tmp_path / "out", lambda stage, done: seen.append((stage, done)), root)
    assert [outcome.name for outcome in found] == ["alpha", "beta", "broken"]
    alpha, _, broken = found
    assert alpha.claim == "alpha is so."
    assert alpha.holds == {"one": True, "two": False}
    assert [path.name for path in alpha.files] == ["alpha.json", "alpha.png", "alpha.svg"]
    assert all(path.is_file() and path.parent == tmp_path / "out" for path in alpha.files)
    assert alpha.error is None
    assert alpha.seconds > 0
    assert "no such luck" in (broken.error or "")
    assert broken.holds == {}
    assert broken.files == ()
    assert seen == [("alpha", 0), ("beta", pytest.approx(1 / 3)), ("broken", pytest.approx(2 / 3))]


def test_only_the_named_ones_run_into_the_default_folder(root):
    (outcome,) = claims.run_figures(["analysis.subject.beta"], root=root)
    assert json.loads(outcome.files[0].read_text())["claim"] == "beta is so."
    written = {path.name for path in (root / "analysis" / "output").iterdir()}
    assert written == {"beta.json", "beta.png", "beta.svg"}


def test_an_old_file_is_not_taken_for_a_new_one(root, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "broken.json").write_text("{}")
    (outcome,) = claims.run_figures(["broken"], tmp_path / "out", root=root)
    assert outcome.files == ()
    assert outcome.error
    assert (tmp_path / "out" / "broken.json").read_text() == "{}"  # and is not lost either


def test_an_unknown_name_lists_the_known_and_nothing_runs(root, tmp_path):
    with pytest.raises(UnknownNameError, match="no figure named 'gamma'; there is: alpha, beta, broken"):
        claims.run_figures(["alpha", "gamma"], tmp_path / "out", root=root)
    assert not (tmp_path / "out").exists()


def test_outside_a_checkout_the_error_says_what_to_do(tmp_path):
    package = tmp_path / "site-packages" / "cerebellum"
    package.mkdir(parents=True)
    with pytest.raises(InputError, match="checkout"):
        claims.checkout(package)


def test_the_figures_of_this_checkout():
    try:
        found = claims.available()
    except InputError:
        pytest.skip("the package is installed without its checkout")
    assert {"circle_intersection", "sdm_is_softmax", "granule_betas"} <= set(found)
    assert "evidence" not in found
    assert "experiments" not in found


def test_a_figure_of_this_checkout_is_measured_drawn_and_put_into_the_gallery(tmp_path):
    gallery = pytest.importorskip("analysis.gallery", reason="claim modules run from a checkout: python -m pytest")
    (outcome,) = claims.run_figures(["beta_table"], tmp_path)
    assert outcome.error is None, textwrap.indent(outcome.error or "", "  ")
    assert not outcome.holds["the published main-text betas are least-squares slopes (to their last digit)"]
    assert outcome.files[1].read_bytes().startswith(b"\x89PNG")

    missing = gallery.build(tmp_path, tmp_path / "docs")
    assert "beta_table" not in missing
    assert "read_shares" in missing
    page = (tmp_path / "docs" / "gallery.md").read_text(encoding="utf-8")
    assert "✗ the published main-text betas are least-squares slopes" in page
    assert "![beta_table](figures/beta_table.png)" in page
    picture = tmp_path / "docs" / "figures" / "beta_table.png"
    assert 1_000 < picture.stat().st_size < 120_000
    numbers = json.loads((tmp_path / "docs" / "figures" / "numbers.json").read_text())
    assert numbers["beta_table"]["numbers"]["published"]["main_text"] == {"5": 35.5, "11": 15.9, "15": 10.1}


def test_numbers_of_the_gallery_are_short():
    gallery = pytest.importorskip("analysis.gallery", reason="claim modules run from a checkout: python -m pytest")
    found = gallery.compact({"a": 1.23456789e-7, "b": [1, 2.5, None], "c": [[0.0] * 20] * 3, "d": [{"e": [1.0] * 99}]})
    assert found == {"a": 1.235e-07, "b": [1, 2.5, None], "c": "60 numbers", "d": [{"e": "99 numbers"}]}
    assert gallery.compact([{"a": 1}] * 101) == "101 rows"
    assert all(path.stat().st_size < 1 << 20 for path in (gallery.DOCS / "figures").iterdir())
