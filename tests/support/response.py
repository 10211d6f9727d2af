# SPDX-License-Identifier: Apache-2.0
"""What all kinds of responses offer, whatever client read them."""

import json


class Readable:
    """For classes with headers, a list of (name, value), and a body in bytes."""

    def get(self, name, default=None):
        return next((v for n, v in self.headers if n.lower() == name.lower()), default)

    def get_all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)
