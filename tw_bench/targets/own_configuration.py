"""The user's own configuration of a proxy: read, and its placeholders filled in.

Four words are replaced and nothing else is touched, for the braces are the servers' own:

    {listen}     198.18.0.254:80   where the proxy listens
    {upstreams}  198.19.0.1:80     what it forwards to
    {source}     0.0.0.0           any address of its own; with proxy.source_ports 0.0.0.0:1024-2047
    {folder}     /runs/1/targets/p where it may write: an absolute path

Where there are several addresses, nginx and HAProxy want a line for each: a line that holds
{listen} or {upstreams} is written once for each address. Caddy takes a list: the addresses are
set side by side, {listen} with a comma. HAProxy's servers need names of their own, for which an
IPv4 address will do: `server {upstreams} {upstreams}`.

The lab decides the rest. nginx: no `daemon`; what the file does not say of user, pid, error_log,
access_log and temporary folders is added. HAProxy: `log fd@3 format raw local0` in `global`, and
`log global`, have its refusals counted; no `user`, `group`, `chroot`. Caddy: a name that ends in
.json is read as JSON, anything else as a Caddyfile; `log default` stays on stderr.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from tw_bench.errors import ProfileError
from tw_bench.profile.quantities import PortRange
from tw_bench.targets.base import Place

_LISTS = ("listen", "upstreams")


def read(path: str, where: str) -> str:
    """Return the file's text; ProfileError says why it cannot be read."""
    try:
        return Path(path).read_text()
    except UnicodeDecodeError:
        raise ProfileError(f"{where}: {path}: is no text in UTF-8") from None
    except OSError as error:
        raise ProfileError(f"{where}: {path}: {error.strerror}") from error


def filled_in(
    text: str, place: Place, source_ports: PortRange | None, *, repeats_lines: bool
) -> str:
    """Return the text with its placeholders replaced."""
    listen = [joined(*address) for address in place.listen]
    upstreams = [joined(*address) for address in place.upstreams]
    single = {"source": source(place, source_ports), "folder": str(place.folder.resolve())}
    if not repeats_lines:
        return _replaced(
            text, {**single, "listen": ", ".join(listen), "upstreams": " ".join(upstreams)}
        )
    lines = text.splitlines(keepends=True)
    for name, values in zip(_LISTS, (listen, upstreams), strict=True):
        lines = [repeated for line in lines for repeated in _repeated(line, name, values)]
    return _replaced("".join(lines), single)


def joined(address: str, port: int) -> str:
    """Return an address and a port as servers write them: [::1]:80, 127.0.0.1:80."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def source(place: Place, ports: PortRange | None) -> str:
    """Return what to bind before connect(): the address towards the target, and ports if given."""
    wildcard = "::" if ":" in place.upstreams[0][0] else "0.0.0.0"
    address = place.source or wildcard
    return f"{address}:{ports.low}-{ports.high}" if ports else address


def _repeated(line: str, name: str, values: Sequence[str]) -> list[str]:
    word = f"{{{name}}}"
    if word not in line:
        return [line]
    ended = line if line.endswith("\n") else f"{line}\n"
    return [ended.replace(word, value) for value in values]


def _replaced(text: str, values: dict[str, str]) -> str:
    names = "|".join(values)
    return re.sub(rf"\{{({names})\}}", lambda match: values[match[1]], text)
