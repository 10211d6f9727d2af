# SPDX-License-Identifier: Apache-2.0
"""A small reader of GraphQL queries: enough to answer the ones a workspace proxy sends.

Takes one operation with variables, arguments, aliases and nested selections; resolves it over plain
dictionaries. Unknown fields are errors, as in GraphQL.
"""

import re

TOKEN = re.compile(
    r'[\s,\ufeff]+|#[^\n]*|(?P<name>[_A-Za-z]\w*)|(?P<string>"(?:[^"\\\n]|\\.)*")'
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<mark>\.\.\.|[!$():=@\[\]{|}])"
)


class QueryError(Exception):
    pass


def _tokens(text):
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise QueryError(f"Parse error on {text[position]!r}")
        position = match.end()
        if match.lastgroup:
            yield match.group(match.lastgroup)
    yield None


class _Reader:
    def __init__(self, text, variables):
        self._tokens = list(_tokens(text))
        self._position = 0
        self._variables = variables

    @property
    def next(self):
        return self._tokens[self._position]

    def take(self, expected=None):
        token = self.next
        if token is None or (expected is not None and token != expected):
            raise QueryError(f"Parse error on {token!r}")
        self._position += 1
        return token

    def operation(self):
        if self.next in ("mutation", "subscription"):
            raise QueryError(f"{self.next} is not supported here")
        if self.next == "query":
            self.take()
            while self.next not in ("(", "{", None):
                self.take()
            if self.next == "(":
                self._skip_definitions()
        selections = self.selections()
        if self.next is not None:
            raise QueryError(f"Parse error on {self.next!r}")
        return selections

    def _skip_definitions(self):
        depth = 0
        while True:
            depth += {"(": 1, ")": -1}.get(self.take(), 0)
            if depth == 0:
                return

    def selections(self):
        self.take("{")
        out = []
        while self.next != "}":
            out.append(self._field())
        self.take("}")
        return out

    def _field(self):
        alias = name = self.take()
        if not name.isidentifier():
            raise QueryError(f"Parse error on {name!r}")
        if self.next is not None and self._tokens[self._position] == ":":
            self.take()
            name = self.take()
        arguments = self._arguments() if self.next == "(" else {}
        return alias, name, arguments, self.selections() if self.next == "{" else None

    def _arguments(self):
        self.take("(")
        out = {}
        while self.next != ")":
            name = self.take()
            self.take(":")
            out[name] = self._value()
        self.take(")")
        return out

    def _value(self):
        token = self.take()
        if token == "$":
            return self._variables.get(self.take())
        if token.startswith('"'):
            return token[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        return {"true": True, "false": False, "null": None}.get(token, token)


def parse(text, variables):
    return _Reader(text, variables or {}).operation()


def resolve(selections, source, type_name):
    """Fields of source, a dictionary of values or of functions taking arguments."""
    out = {}
    for alias, name, arguments, inner in selections:
        if name == "__typename":
            out[alias] = type_name
            continue
        if name not in source:
            raise QueryError(f"Field '{name}' doesn't exist on type '{type_name}'")
        value = source[name]
        if callable(value):
            value = value(**arguments)
        if isinstance(value, dict):
            if inner is None:
                raise QueryError(f"Field '{name}' must have selections")
            value = resolve(inner, value, name[0].upper() + name[1:])
        elif inner is not None and value is not None:
            raise QueryError(f"Selections can't be made on scalars (field '{name}')")
        out[alias] = value
    return out
