# SPDX-License-Identifier: Apache-2.0
"""What the marker `browser` means for a run: such tests are not fast, and take long with sanitizers."""

import os

import proxy
import pytest

REASON = "Chromium's requests are like others to our code: E2E_BROWSER=1"


def apply(items):
    in_chromium = [item for item in items if "browser" in item.keywords]
    left_out = in_chromium and proxy.is_sanitized() and not os.environ.get("E2E_BROWSER")
    for item in items:
        if "browser" not in item.keywords:
            item.add_marker(pytest.mark.fast)
        elif left_out:
            item.add_marker(pytest.mark.skip(reason=REASON))
