# SPDX-License-Identifier: Apache-2.0
"""README's arrows, held against the #include lines."""
import re

import pytest

from conftest import TOP

# A folder of ipamd, and what it may include beside the C library's and lib's headers.
ALONE = {"config": {"config", "model"}, "model": {"model"}}


@pytest.mark.parametrize("folder", ALONE)
def test_what_stands_alone_includes_no_module(folder):
    files = sorted((TOP / "ipamd" / folder).glob("*.[ch]"))
    assert files
    for path in files:
        included = re.findall(r'^#include "([^"]+)"', path.read_text(), re.M)
        assert {name.split("/")[0] for name in included} <= ALONE[folder], path
