"""Reads the live ones of tests/golden/*.golden, whose form tests/support/conversation_text.h describes."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wire_client import message

ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
ASYNCHRONOUS = b"NSA"


@dataclass(frozen=True)
class Word:
    """A field of a message, as bytes; `bare` if no part of it was quoted."""

    data: bytes
    bare: bool

    def __str__(self) -> str:
        return self.data.decode()


@dataclass(frozen=True)
class Step:
    """send, expect (one backend message), answer (one byte), raw (bytes that are no message), half-close, close, reset, server-close."""

    kind: str
    data: bytes = b""


@dataclass(frozen=True)
class Conversation:
    name: str
    since: int  # the first and the last major version that speak so
    until: int
    masked: bytes  # types whose bodies differ from run to run
    steps: list[Step]


def live_conversations(folder: Path) -> list[Conversation]:
    """Those marked `live`, `live since 14 until 17`, `live mask D`; a server that trusts its client takes part in no other."""
    found = []
    for path in sorted(folder.glob("*.golden")):
        lines = path.read_text().splitlines()
        marks = [line.split(" ")[1:] for line in lines if line.split(" ")[0] == "live"]
        if marks:
            options = dict(zip(marks[0][::2], marks[0][1::2], strict=True))
            since, until = int(options.get("since", 0)), int(options.get("until", 99))
            found.append(Conversation(path.stem, since, until, options.get("mask", "").encode(), _steps(lines)))
    return found


def _steps(lines: Sequence[str]) -> list[Step]:
    steps = []
    for line in lines:
        if line == "login":
            steps += LOGIN
        elif line[:2] in ("F ", "B "):
            steps.append(_step(line[0], _words(line[2:])))
    return steps


def _words(line: str) -> list[Word]:
    words = []
    for token in re.findall(r'(?:"(?:\\.|[^"\\])*"(?:\*\d+)?|[^\s"])+', line):
        parts = re.findall(r'"((?:\\.|[^"\\])*)"(?:\*(\d+))?|([^\s"]+)', token)
        data = b"".join((_unescaped(quoted) * int(times or 1)) if not bare else bare.encode() for quoted, times, bare in parts)
        words.append(Word(data, '"' not in token))
    return words


def _unescaped(text: str) -> bytes:
    def one(match: re.Match[str]) -> str:
        code = match.group(1)
        return chr(int(code[1:], 16)) if code[0] == "x" else ESCAPES.get(code, code)

    return re.sub(r"\\(x[0-9a-fA-F]{2}|.)", one, text).encode("latin-1")


def _step(origin: str, words: list[Word]) -> Step:
    name, fields = str(words[0]), words[1:]
    if name in ("half-close", "reset"):
        return Step(name)
    if name == "close":
        return Step("close" if origin == "F" else "server-close")
    if origin == "B" and name in ("answer", "raw"):
        return Step(name, raw(fields))
    data = raw(fields) if name == "raw" else _message(origin, name, fields)
    return Step("send" if origin == "F" else "expect", data)


def _message(origin: str, name: str, fields: list[Word]) -> bytes:
    if name == "message":
        return message(fields[0].data, raw(fields[1:]))
    return (FRONTEND if origin == "F" else BACKEND)[name](fields)


def int16(value: int) -> bytes:
    return struct.pack(">H", value & 0xFFFF)


def int32(value: int) -> bytes:
    return struct.pack(">I", value & 0xFFFFFFFF)


def raw(words: Sequence[Word]) -> bytes:
    data = b""
    for word in words:
        text = str(word) if word.bare else ""
        if text.startswith("int16:"):
            data += int16(int(text[6:]))
        elif text.startswith("int32:"):
            data += int32(int(text[6:]))
        else:
            data += word.data
    return data


def cstrings(words: Sequence[Word]) -> bytes:
    return b"".join(word.data + b"\0" for word in words)


def _option(words: Sequence[Word], name: str) -> list[int]:
    return [int(part) for word in words if word.bare and word.data.startswith(name.encode() + b"=") for part in str(word)[len(name) + 1 :].split(",")]


def _formats(codes: Sequence[int]) -> bytes:
    return int16(len(codes)) + b"".join(map(int16, codes))


def _value(word: Word) -> bytes:
    return int32(-1) if word.bare and word.data == b"null" else int32(len(word.data)) + word.data


def _values(words: Sequence[Word]) -> bytes:
    values = [word for word in words if not (word.bare and word.data.split(b"=")[0] in (b"formats", b"results"))]
    return int16(len(values)) + b"".join(map(_value, values))


def _oids(words: Sequence[Word]) -> bytes:
    return int16(len(words)) + b"".join(int32(int(str(word))) for word in words)


def _startup(words: list[Word]) -> bytes:
    version = 3 << 16
    if words and re.fullmatch(rb"\d+\.\d+", words[0].data):
        major, minor = str(words[0]).split(".")
        version, words = int(major) << 16 | int(minor), words[1:]
    body = int32(version) + b"".join(word.data.replace(b"=", b"\0", 1) + b"\0" for word in words) + b"\0"
    return int32(len(body) + 4) + body


def _named(kind: bytes) -> Callable[[list[Word]], bytes]:
    return lambda words: message(kind, (b"P" if words[0].data == b"portal" else b"S") + words[1].data + b"\0")


def _empty(kind: bytes) -> Callable[[list[Word]], bytes]:
    return lambda _: message(kind)


def _text(kind: bytes) -> Callable[[list[Word]], bytes]:
    return lambda words: message(kind, cstrings(words[:1]))


def _data(kind: bytes) -> Callable[[list[Word]], bytes]:
    return lambda words: message(kind, words[0].data)


def _bind(words: list[Word]) -> bytes:
    return message(b"B", cstrings(words[:2]) + _formats(_option(words, "formats")) + _values(words[2:]) + _formats(_option(words, "results")))


def _columns(words: list[Word]) -> bytes:
    body = int16(len(words))
    for word in words:
        name, *numbers = str(word).split(":")
        type_oid, table, attribute, form = [*map(int, numbers), 0, 0, 0][:4]
        body += name.encode() + b"\0" + int32(table) + int16(attribute) + int32(type_oid) + int16(-1) + int32(-1) + int16(form)
    return message(b"T", body)


def _report(kind: bytes) -> Callable[[list[Word]], bytes]:
    def build(words: list[Word]) -> bytes:
        severity, sqlstate, text = (word.data for word in words)
        code = b"" if sqlstate == b"-" else b"C" + sqlstate + b"\0"
        return message(kind, b"S" + severity + b"\0V" + severity + b"\0" + code + b"M" + text + b"\0\0")

    return build


def _copy(kind: bytes) -> Callable[[list[Word]], bytes]:
    def build(words: list[Word]) -> bytes:
        form = int(words[0].data == b"binary")
        return message(kind, bytes([form]) + _formats([form] * int(str(words[1]))))

    return build


FRONTEND: dict[str, Callable[[list[Word]], bytes]] = {
    "StartupMessage": _startup,
    "SSLRequest": lambda _: int32(8) + int32(80877103),
    "GSSENCRequest": lambda _: int32(8) + int32(80877104),
    "CancelRequest": lambda w: int32(12 + len(w[1].data)) + int32(80877102) + int32(int(str(w[0]))) + w[1].data,
    "Query": _text(b"Q"),
    "Parse": lambda w: message(b"P", cstrings(w[:2]) + _oids(w[2:])),
    "Bind": _bind,
    "Describe": _named(b"D"),
    "Close": _named(b"C"),
    "Execute": lambda w: message(b"E", cstrings(w[:1]) + int32(int(str(w[1])) if len(w) > 1 else 0)),
    "Sync": _empty(b"S"),
    "Flush": _empty(b"H"),
    "Terminate": _empty(b"X"),
    "CopyData": _data(b"d"),
    "CopyDone": _empty(b"c"),
    "CopyFail": _text(b"f"),
    "FunctionCall": lambda w: message(b"F", int32(int(str(w[0]))) + _formats(_option(w, "formats")) + _values(w[1:]) + int16(0)),
}

BACKEND: dict[str, Callable[[list[Word]], bytes]] = {
    "AuthenticationOk": lambda _: message(b"R", int32(0)),
    "NegotiateProtocolVersion": lambda w: message(b"v", int32(int(str(w[0]))) + int32(len(w) - 1) + cstrings(w[1:])),
    "ParameterStatus": lambda w: message(b"S", cstrings(w)),
    "BackendKeyData": lambda w: message(b"K", int32(int(str(w[0]))) + w[1].data),
    "ReadyForQuery": _data(b"Z"),
    "ParseComplete": _empty(b"1"),
    "BindComplete": _empty(b"2"),
    "CloseComplete": _empty(b"3"),
    "NoData": _empty(b"n"),
    "ParameterDescription": lambda w: message(b"t", _oids(w)),
    "RowDescription": _columns,
    "DataRow": lambda w: message(b"D", _values(w)),
    "CommandComplete": _text(b"C"),
    "EmptyQueryResponse": _empty(b"I"),
    "PortalSuspended": _empty(b"s"),
    "ErrorResponse": _report(b"E"),
    "NoticeResponse": _report(b"N"),
    "NotificationResponse": lambda w: message(b"A", int32(int(str(w[0]))) + cstrings(w[1:])),
    "CopyInResponse": _copy(b"G"),
    "CopyOutResponse": _copy(b"H"),
    "CopyBothResponse": _copy(b"W"),
    "CopyData": _data(b"d"),
    "CopyDone": _empty(b"c"),
    "FunctionCallResponse": lambda w: message(b"V", _value(w[0])),
}

LOGIN = [
    Step("send", _startup(_words("user=alice database=shop application_name=test"))),
    *(
        Step("expect", data)
        for data in (
            message(b"R", int32(0)),
            message(b"K", int32(99) + b"key!"),
            message(b"Z", b"I"),
        )
    ),
]
