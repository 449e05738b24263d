"""analysis.transformers.prose: the English text of the installed packages."""

from __future__ import annotations

import pytest

from analysis.transformers import prose


@pytest.mark.parametrize(
    ("paragraph", "english"),
    [
        ("Redistribution and use in source and binary forms, are permitted by the owner of the work.", True),
        ("for i in range(10): x[i] = y[i] ** 2 + z[i] # the loop is in a form that is not for the reader", False),
        ("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma", False),
        ("Too short to be of use.", False),
        ("Die Weitergabe ist gestattet, wenn der Hinweis auf das Urheberrecht und diese Bedingungen bleibt.", False),
    ],
)  # fmt: skip
def test_english_is_told_from_code_and_lists(paragraph, english):
    assert prose.is_english(paragraph) is english


def test_prose_of_this_installation():
    found = prose.collect()
    prose.collect.cache_clear()
    assert prose.collect() == found  # no chance in it
    paragraphs = (found.training + "\n\n" + found.validation).split("\n\n")
    assert len(set(paragraphs)) == len(paragraphs)
    assert all(map(prose.is_english, paragraphs))
    assert found.characters > 100_000  # numpy and scipy alone, both required, give more
    assert 0.02 < len(found.validation) / found.characters < 0.3
    assert any(package.startswith("numpy ") for package in found.packages)
