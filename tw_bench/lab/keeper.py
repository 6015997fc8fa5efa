"""The keeper: the process that makes the labs, starts every process in them, and is their init.

It is process 1 of a pid namespace of its own, inside a user namespace of its own, and it dies
with the process that started it. When process 1 of a pid namespace dies the kernel kills all
the others in it (pid_namespaces(7)), and namespaces, links and sysctls go with the last process
and descriptor that held them: so nothing is left behind, whatever is killed and how.

Requests and answers are JSON in datagrams of a Unix socket; descriptors travel beside them.
"""

import contextlib
import errno
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from tw_bench.kernel import links, namespaces, procfs, sock_diag, sysctl, tun
from tw_bench.kernel.descriptors import receive, send

Answer = tuple[dict[str, Any], list[int]]

# Of a wire. The driver's own 500 (TUN_READQ_SIZE) overflow when a thousand sockets send at once,
# and what does not fit is lost (tun_net_xmit, drivers/net/tun.c): a loss that nobody asked for.
_WIRE_PACKETS = 65_536


class Lab:
    """One lab as the keeper knows it: a descriptor for each side's namespace."""

    def __init__(self, request: dict[str, Any], home: int | None) -> None:
        self.pids: set[int] = set()
        self.networks: dict[str, int] = {}
        self.wires: list[int] = []  # far ends of TUN devices: a pair for each link
        if home is not None:
            self._make_networks(request["sides"], home, request["hash_buckets"])
            self._build(request["sides"], is_wired=request["is_wired"])

    def _make_networks(self, sides: list[dict[str, Any]], home: int, hash_buckets: int) -> None:
        """Make a namespace for each side, with a table of sockets of its own unless that is 0.

        How large a table is follows from a sysctl of the namespace that the maker is in
        (tcp_set_hashinfo, net/ipv4/tcp_ipv4.c); before Linux 6.1 there is one for all.
        """
        for side in sides:
            namespaces.enter_network(home)
            with contextlib.suppress(FileNotFoundError):
                sysctl.write("net.ipv4.tcp_child_ehash_entries", hash_buckets)
            self.networks[side["name"]] = namespaces.new_network()

    def _build(self, sides: list[dict[str, Any]], *, is_wired: bool) -> None:
        join = self._add_wire if is_wired else self._add_veth
        link, onward = ("tun0", "tun1") if is_wired else ("veth0", "veth1")
        for side, following in pairwise(sides):
            join((side["name"], onward if side["onward"] else link), (following["name"], link))
        for side in sides:
            self.enter(side["name"])
            own = link if len(sides) > 1 else "lo"
            links.raise_link(own, side["addresses"], side["gateway"])
            if side["onward"]:
                links.raise_link(onward, side["onward"])
            for name, value in side["sysctls"].items():
                _write_sysctl(side["name"], name, value)
            if side["filters"]:
                _load_filters(side["filters"])

    def _add_veth(self, near: tuple[str, str], far: tuple[str, str]) -> None:
        """Join two sides; an end is a side and the name of its device."""
        self.enter(near[0])
        links.add_veth(near[1], far[1], self.networks[far[0]])

    def _add_wire(self, near: tuple[str, str], far: tuple[str, str]) -> None:
        for side, device in (near, far):
            self.enter(side)
            self.wires.append(tun.open_device(device))
            links.lengthen_queue(device, _WIRE_PACKETS)

    def diagnosis(self, side: str) -> int:
        """Return the descriptor of a socket that asks about the side's sockets."""
        self.enter(side)
        return sock_diag.open_link().detach()

    def enter(self, side: str) -> None:
        """Move the caller to a side; on a host there is nowhere to go."""
        if side in self.networks:
            namespaces.enter_network(self.networks[side])

    def counters(self, side: str) -> list[int]:
        """Return the descriptors of the side's counters, in the order of procfs.FILES."""
        self.enter(side)
        return list(procfs.open_counters().values())

    def demolish(self) -> None:
        """Kill what runs in the lab and let go of its namespaces."""
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for network in self.networks.values():
            os.close(network)
        self.networks.clear()


def _write_sysctl(side: str, name: str, value: str) -> None:
    try:
        sysctl.write(name, value)
    except OSError as error:
        reason = "this kernel has no such sysctl" if error.errno == 2 else error.strerror
        raise OSError(error.errno, f"{side}: {name} = {value}: {reason}") from error


def _load_filters(ruleset: str) -> None:
    """Load nftables rules into the namespace the caller is in."""
    try:
        done = subprocess.run(
            ["nft", "-f", "-"], input=ruleset, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise OSError(errno.ENOENT, "nft is not installed: sudo apt install nftables") from None
    if done.returncode != 0:
        raise OSError(errno.EINVAL, f"nft: {done.stderr.strip().splitlines()[0]}")


class Keeper:
    """Answers requests until its other end goes away."""

    def __init__(self, control: socket.socket, *, isolated: bool) -> None:
        self._control = control
        self._isolated = isolated
        self._home = namespaces.own_network() if isolated else None
        self._labs: dict[str, Lab] = {}
        self._statuses: dict[int, int] = {}
        self._requests: dict[str, Callable[[dict[str, Any], list[int]], Answer]] = {
            "build": self._build,
            "spawn": self._spawn,
            "status": self._status,
            "demolish": self._demolish,
        }

    def serve(self) -> None:
        """Answer requests and collect ended children; return when the other end has closed."""
        wake, wakened = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakened)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if wake in ready:
                    os.read(wake, 4096)
                    self._reap()
                if self._control in ready and not self._answer():
                    return

    def close(self) -> None:
        """Kill everything in every lab (as process 1, dying would do it just as well)."""
        for lab in self._labs.values():
            lab.demolish()

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self._statuses[pid] = os.waitstatus_to_exitcode(status)
                for lab in self._labs.values():
                    lab.pids.discard(pid)

    def _answer(self) -> bool:
        message, descriptors = receive(self._control)
        if not message:
            return False
        request = json.loads(message)
        answered: list[int] = []
        try:
            answer, answered = self._requests[request["do"]](request, descriptors)
        except OSError as error:
            text = error.strerror or str(error)
            what = f"{error.filename}: {text}" if error.filename else text
            answer = {"error": what, "errno": error.errno}
        except Exception as error:  # netlink's own errors among them: the other end reports it
            answer = {"error": f"{type(error).__name__}: {error}", "errno": 0}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        send(self._control, json.dumps(answer).encode(), answered)
        for descriptor in answered:
            os.close(descriptor)
        return True

    def _build(self, request: dict[str, Any], _: list[int]) -> Answer:
        sides = request["sides"]
        lab = Lab(request, self._home)
        self._labs[request["lab"]] = lab
        counters = [each for side in sides for each in lab.counters(side["name"])]
        watched = sides if request["is_watched"] else []
        wires, lab.wires = lab.wires, []  # theirs from here on: a device goes with its descriptor
        return {}, [*counters, *(lab.diagnosis(side["name"]) for side in watched), *wires]

    def _spawn(self, request: dict[str, Any], descriptors: list[int]) -> Answer:
        lab = self._labs[request["lab"]]
        pid = os.fork()
        if pid == 0:
            _become(lab, request, descriptors, watches_keeper=not self._isolated)
        lab.pids.add(pid)
        return {"pid": pid}, [os.pidfd_open(pid)]

    def _status(self, request: dict[str, Any], _: list[int]) -> Answer:
        self._reap()
        return {"status": self._statuses.pop(request["pid"], None)}, []

    def _demolish(self, request: dict[str, Any], _: list[int]) -> Answer:
        lab = self._labs.pop(request["lab"], None)
        if lab:
            lab.demolish()
        return {}, []


def _become(
    lab: Lab, request: dict[str, Any], descriptors: list[int], *, watches_keeper: bool
) -> None:
    """Turn the forked child into the program that was asked for; never return."""
    try:
        if watches_keeper:  # without a pid namespace each process must watch the keeper itself
            namespaces.die_with_parent()
        lab.enter(request["side"])
        for target, descriptor in enumerate(descriptors):
            os.dup2(descriptor, target)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.execvpe(request["argv"][0], request["argv"], request["environment"])
    except OSError as error:
        os.write(2, f"{request['argv'][0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _isolate() -> None:
    """Enter new user and pid namespaces and return as process 1; the caller stays and waits."""
    uid, gid = os.getuid(), os.getgid()
    namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWPID)
    namespaces.become_root_of_user_namespace(uid, gid)
    namespaces.unshare(namespaces.CLONE_NEWNET)  # refused here where AppArmor strips the rights
    namespaces.die_with_parent()  # only now: a change of credentials would have cleared it
    child = os.fork()
    if child != 0:
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    namespaces.die_with_parent()


def main() -> None:
    """Run as `python -m tw_bench.lab.keeper CONTROL_DESCRIPTOR isolated|host`."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)  # ours alone: what runs in a lab has the descriptors it is given
    isolated = sys.argv[2] == "isolated"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run decides when its labs end
    try:
        if isolated:
            _isolate()
        else:
            namespaces.die_with_parent()
    except OSError as error:
        send(
            control,
            json.dumps(
                {"error": error.strerror, "errno": error.errno, "call": error.filename}
            ).encode(),
            [],
        )
        sys.exit(1)
    keeper = Keeper(control, isolated=isolated)
    try:
        send(control, json.dumps({"ready": True}).encode(), [])
        keeper.serve()
    except BrokenPipeError:  # whoever asked has gone before the answer
        pass
    finally:
        keeper.close()


if __name__ == "__main__":
    main()
