# SPDX-License-Identifier: Apache-2.0
"""A network of the tests' own: the control plane on one side, a namespace for each pod on the other."""

import ctypes
import subprocess

CLONE_NEWNET = 0x40000000
CONTROL_PLANE = "10.250.0.1"
OUTSIDE = "10.250.0.0/24"  # the control plane, and what the tests stand in for: GitLab, fronts, Services


def ip(*arguments):
    ran = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {ran.stderr}")


def enter_new_network():
    """From here on this process, and what it starts, sees no other network; needs root."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "cannot make a network namespace")
    ip("link", "set", "lo", "up")
    ip("address", "add", f"{CONTROL_PLANE}/32", "dev", "lo")


def add_address(address):
    """Of something outside, for a listener of the tests."""
    ip("address", "add", f"{address}/32", "dev", "lo")


def connect_pod(number, pid):
    """Gives the network namespace of pid an address, and a route to the control plane; the address."""
    address, name = f"10.244.{number // 250}.{number % 250 + 1}", f"pod{number}"
    ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    ip("link", "set", name, "up")
    ip("route", "add", f"{address}/32", "dev", name)
    inside = ["nsenter", "--net", f"--target={pid}", "ip"]
    for arguments in (
        ["link", "set", "lo", "up"],
        ["address", "add", f"{address}/32", "dev", "eth0"],
        ["link", "set", "eth0", "up"],
        ["route", "add", OUTSIDE, "dev", "eth0"],
    ):
        subprocess.run([*inside, *arguments], check=True, capture_output=True)
    return address
