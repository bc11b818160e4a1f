# SPDX-License-Identifier: Apache-2.0
"""The numbers of the data plane (tables, priorities, marks, protocol, gateway) stand in vpcwire/dataplane.h, and nowhere else in the product."""
import pathlib
import re

import pytest

TOP = pathlib.Path(__file__).parents[2]
HOME = {TOP / "include/vpcwire/dataplane.h", TOP / "lib/dataplane.c"}
NO_CODE = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
# Nothing else in the product has these values.
ALWAYS = re.compile(r"(?<![\w.:])(118|254|1534|1535|1536|1537|32765|0x1f00|0x1f02|0x3f00|0xc000|169\.254\.1\.1)(?![\w.])")
# Sizes have these values, too: what counts is what the line is about.
IN_CONTEXT = re.compile(r"(?<![\w.])(512|1024|10000|0x80|0x2|0x2000)(?![\w.])")
CONTEXT = re.compile(r"(?<!x)table|priority|mark\b|fwmask|lookup|ip rule", re.IGNORECASE)


def code(path):
    """Its lines without comments, numbered as they are."""
    text = NO_CODE.sub(lambda comment: "\n" * comment[0].count("\n"), path.read_text())
    return enumerate(text.splitlines(), 1)


def found_in(path):
    for number, line in code(path):
        values = ALWAYS.findall(line) + (IN_CONTEXT.findall(line) if CONTEXT.search(line) else [])
        yield from (f"{path.relative_to(TOP)}:{number}: {value}: {line.strip()}" for value in values)


def test_each_number_is_there_once():
    sources = [path for folder in ("include", "lib", "cni", "ipamd") for path in sorted((TOP / folder).rglob("*.[ch]"))]
    assert HOME < set(sources)
    found = [line for path in sources if path not in HOME for line in found_in(path)]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "enum { POD_TABLE = 512 };",
        '"ip route show table 512"',
        "route.protocol = 118;",
        ".priority = 1024,",
        'IP "add rule ip t c ct mark set ct mark | 0x80",',
        '#define GATEWAY "169.254.1.1"',
    ],
)
def test_a_copy_is_found(tmp_path, monkeypatch, line):
    copy = tmp_path / "copy.c"
    copy.write_text(f"/* 118 */\n{line} // 512\n")
    monkeypatch.setattr("test_dataplane.TOP", tmp_path)
    (found,) = found_in(copy)
    assert found.startswith("copy.c:2: ")
