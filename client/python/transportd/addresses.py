"""Addresses, families and look-ups: Python's tuples and constants to what is on the wire, and back. Pure."""

from __future__ import annotations

import socket
from typing import Any, TypeAlias

Address: TypeAlias = tuple[Any, ...] | str | bytes | None

_FAMILIES = {"IPv4": socket.AF_INET, "IPv6": socket.AF_INET6}
_NAMES = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}
_KINDS = {"stream": socket.SOCK_STREAM, "datagram": socket.SOCK_DGRAM, "raw": socket.SOCK_RAW}
_PROTOS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "ip": socket.IPPROTO_IP}
_LOOKUP_FLAGS = {
    "passive": socket.AI_PASSIVE,
    "numericHost": socket.AI_NUMERICHOST,
    "numericService": socket.AI_NUMERICSERV,
    "addrConfig": socket.AI_ADDRCONFIG,
    "v4Mapped": socket.AI_V4MAPPED,
    "all": socket.AI_ALL,
}
_NAME_FLAGS = {
    "numericHost": socket.NI_NUMERICHOST,
    "numericService": socket.NI_NUMERICSERV,
    "nameRequired": socket.NI_NAMEREQD,
    "noFqdn": socket.NI_NOFQDN,
    "datagram": socket.NI_DGRAM,
}


def from_wire(address: dict[str, Any] | None) -> Address:
    """A Python address: ``(host, port)``, with flow and scope for IPv6, or a path; an abstract one is bytes."""
    if address is None:
        return None
    if "path" in address:
        path: str = address["path"]
        return path.encode() if path.startswith("\0") else path
    if address.get("family") != "IPv6":
        return address["host"], address["port"]
    host, _, scope = address["host"].partition("%")
    return host, address["port"], 0, _scope_id(scope)


def to_wire(address: tuple[Any, ...]) -> dict[str, Any]:
    """A host and a port, the scope of an IPv6 address behind a ``%``."""
    host, port = address[:2]
    if len(address) > 3 and address[3] and "%" not in host:
        host = f"{host}%{socket.if_indextoname(address[3])}"
    return {"host": host, "port": port}


def family_of(address: dict[str, Any]) -> socket.AddressFamily:
    return socket.AF_UNIX if "path" in address else _FAMILIES[address["family"]]


def family_name(family: int) -> str | None:
    """The name of an internet family on the wire; None for any other."""
    return _NAMES.get(family)  # type: ignore[call-overload, no-any-return]


def lookup_params(
    host: str | None, port: int | str | None, family: int, kind: int, proto: int, flags: int
) -> dict[str, Any] | None:
    """What ``loop/getaddrinfo`` takes; None for what it cannot say, such as a wish for the canonical name."""
    names = _flag_names(flags, _LOOKUP_FLAGS)
    kind_name = _name_of(kind, _KINDS)
    proto_name = _name_of(proto, _PROTOS)
    family_value = family_name(family)
    if names is None or (kind and not kind_name) or (proto and not proto_name) or (family and not family_value):
        return None
    params: dict[str, Any] = {"host": host, "port": port, "flags": names}
    if family:
        params["family"] = family_value
    if kind:
        params["type"] = kind_name
    if proto:
        params["proto"] = proto_name
    return params


def lookup_result(found: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What ``socket.getaddrinfo`` returns."""
    return [
        (
            _FAMILIES[entry["family"]],
            _KINDS[entry["type"]],
            _PROTOS[entry["proto"]],
            entry["canonname"],
            from_wire(entry["address"]),
        )
        for entry in found
    ]


def name_flags(flags: int) -> list[str] | None:
    """The flags of ``loop/getnameinfo``; None where one has no name."""
    return _flag_names(flags, _NAME_FLAGS)


def _flag_names(flags: int, table: dict[str, Any]) -> list[str] | None:
    names = [name for name, value in table.items() if value and flags & value]
    rest = flags & ~sum(int(table[name]) for name in names)
    return None if rest else names


def _name_of(value: int, table: dict[str, Any]) -> str | None:
    return next((name for name, each in table.items() if each == value), None)


def _scope_id(scope: str) -> int:
    if not scope:
        return 0
    try:
        return int(scope) if scope.isdigit() else socket.if_nametoindex(scope)
    except OSError:
        return 0  # an interface of the daemon's machine that this one does not have
