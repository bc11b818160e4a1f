# SPDX-License-Identifier: Apache-2.0
"""IP_TEXT() and its like live to the end of the block they stand in: they are arguments, and are never stored or returned."""
import pathlib
import re

import pytest

TOP = pathlib.Path(__file__).parents[2]
NO_CODE = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
MACROS = re.compile(r"#define (\w+_TEXT)\(\w+\)\s+\w+\([^\n]*\(char\[")
STORED = r"(?:(?<![=!<>])=|\breturn\b)\s*(?:\([^()]*\)\s*)?(?:[\w>.\[\]-]+\s*\?\s*)?(?:%s)\("


def sources(*folders):
    return [path for folder in folders for path in sorted((TOP / folder).rglob("*.[ch]"))]


def stored_in(text, macros):
    text = NO_CODE.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    return [text.count("\n", 0, match.start()) + 1 for match in re.finditer(STORED % "|".join(macros), text)]


@pytest.fixture(scope="module")
def macros():
    names = {name for path in sources("include", "lib", "ipamd", "cni") for name in MACROS.findall(path.read_text())}
    assert names >= {"IP_TEXT", "PREFIX_TEXT", "MAC_TEXT", "ROUTE_TEXT", "RULE_TEXT"}
    return names


def test_none_is_stored(macros):
    found = [f"{path.relative_to(TOP)}:{line}" for path in sources("include", "lib", "ipamd", "cni", "tests") for line in stored_in(path.read_text(), macros)]
    assert found == []


@pytest.mark.parametrize(
    "text, lines",
    [
        ("x = IP_TEXT(a);", [1]),
        ("\nreturn MAC_TEXT(m);", [2]),
        ("s = (struct s){.text =\n  PREFIX_TEXT(p)};", [1]),
        ("text = known ? IP_TEXT(a) : NULL;", [1]),
        ("/* = IP_TEXT(a) */ log(IP_TEXT(a)); if (strcmp(x, IP_TEXT(a)) == 0) f(b ? IP_TEXT(a) : NULL);", []),
        ("x = arena_strdup(arena, IP_TEXT(a)); y = a == IP_TEXT(b);", []),
    ],
)
def test_what_is_found(macros, text, lines):
    assert stored_in(text, macros) == lines
