# SPDX-License-Identifier: Apache-2.0
"""WebSocket frames (RFC 6455), as bytes: just enough to play either side by hand in a test."""

import base64
import hashlib
import os
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def accept_value(key):
    return base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()


def new_key():
    return base64.b64encode(os.urandom(16)).decode()


def _masked(data, mask):
    if not data:
        return b""
    repeated = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(data), "big")


def frame(opcode, data=b"", mask=False, final=True):
    out = bytes([(0x80 if final else 0) | opcode])
    flag = 0x80 if mask else 0
    if len(data) < 126:
        out += bytes([flag | len(data)])
    elif len(data) < 1 << 16:
        out += bytes([flag | 126]) + struct.pack("!H", len(data))
    else:
        out += bytes([flag | 127]) + struct.pack("!Q", len(data))
    if mask:
        key = os.urandom(4)
        return out + key + _masked(data, key)
    return out + data


def close(code=1000, reason=b"", mask=False):
    return frame(CLOSE, struct.pack("!H", code) + reason, mask)


def read_frame(read_exactly):
    """(opcode, payload, final), by a function that returns exactly n bytes or raises EOFError."""
    first, second = read_exactly(2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", read_exactly(2))
    elif length == 127:
        (length,) = struct.unpack("!Q", read_exactly(8))
    mask = read_exactly(4) if second & 0x80 else None
    data = read_exactly(length) if length else b""
    return first & 0x0F, _masked(data, mask) if mask else data, bool(first & 0x80)


def close_code(payload):
    return struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else None
