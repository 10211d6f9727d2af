# SPDX-License-Identifier: Apache-2.0
"""Waits for sockets, pipes and terminals, whatever the numbers of their descriptors: select(2) takes none above 1,023, and
how many a worker of pytest has open depends on the tests before."""

import selectors


def readable(files, timeout_s):
    """Those of files that can be read, or have ended, as soon as there is one; none after the timeout, if it is not None."""
    with selectors.DefaultSelector() as selector:
        for file in files:
            selector.register(file, selectors.EVENT_READ)
        return [key.fileobj for key, _ in selector.select(timeout_s)]
