# SPDX-License-Identifier: Apache-2.0
"""README's command lines, as somebody would copy them."""
import pathlib
import re

TOP = pathlib.Path(__file__).parents[3]


def lines(begin):
    """The lines of the block of "Look inside" whose introduction begins so, without what they say behind a #."""
    (section,) = re.findall(r"^## Look inside\n(.*?)(?=^## |\Z)", (TOP / "README.md").read_text(), re.M | re.S)
    (block,) = re.findall(rf"^{re.escape(begin)}[^\n]*:\n\n((?:    [^\n]*\n)+)", section, re.M)
    return [re.sub(r"\s+# .*", "", line).strip() for line in block.splitlines()]
