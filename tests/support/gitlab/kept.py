# SPDX-License-Identifier: Apache-2.0
"""How a stand-in was at one moment, so that tests that share it each find it like that."""

TABLES = ("users", "projects", "groups", "workspaces")
NEVER_KEPT = ("_lock", "make")  # of projects: what the lock and the repository are does not change back


def _copy(value):
    return value.copy() if isinstance(value, (dict, list, set)) else value


def _fields_of(one):
    return {name: _copy(value) for name, value in vars(one).items() if name not in NEVER_KEPT}


class Kept:
    """Settings, users and what is theirs. Applications and tokens stay as they are: proxies use them."""

    def __init__(self, gitlab):
        self._gitlab = gitlab
        self._tables = {name: dict(getattr(gitlab.state, name)) for name in TABLES}
        ones = [gitlab.settings, *(one for table in self._tables.values() for one in table.values())]
        self._fields = [(one, _fields_of(one)) for one in ones]

    def restore(self):
        """Makes the stand-in what it was, with no faults and as if nothing had been asked."""
        with self._gitlab.state.lock:
            for name, table in self._tables.items():
                setattr(self._gitlab.state, name, dict(table))
            for one, fields in self._fields:
                vars(one).update({name: _copy(value) for name, value in fields.items()})
        self._gitlab.faults.clear()
        self._gitlab.requests.clear()
