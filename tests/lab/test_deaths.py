"""How a run dies: one line, the right exit code, the folder sealed, and nothing measured lost."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "tw_bench"]
LONG = "title: long\nlab: {ports: 4000}\nload: {rate: 200/s}\nmethod: {fill: 4s, window: 30s}\n"
SHORT = "title: short\nlab: {ports: 40}\nload: {rate: 40/s}\nmethod: {fill: 0s, window: 1s}\n"


@pytest.fixture
def profile(tmp_path):
    """Return a function that writes a profile and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "profile.yaml"
        path.write_text(text)
        return path

    return write


class Running:
    """A `tw-bench run` in progress."""

    def __init__(self, profile: Path, out: Path, *options: str, prefix: tuple[str, ...] = ()):
        self.out = out
        self.process = subprocess.Popen(
            [*prefix, *COMMAND, "run", str(profile), "--out", str(out), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, condition, seconds: float = 20.0, pause: float = 0.02) -> None:
        """Return once the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(pause)

    def wait_for_seconds_measured(self, seconds: int) -> None:
        """Return once so many seconds are in intervals.csv."""
        self.wait_for(lambda: len(self.rows("intervals.csv")) >= seconds)

    def rows(self, name: str) -> list[dict[str, str]]:
        """Return the rows of a CSV of the run folder so far."""
        path = self.out / name
        return list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []

    def end(self, seconds: float = 20.0) -> tuple[int, str, str]:
        """Return exit code, stdout and stderr."""
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err

    def descendant(self, module: str) -> int:
        """Return the pid of the descendant that runs a module."""
        for pid in descendants(self.process.pid):
            if module in Path(f"/proc/{pid}/cmdline").read_text():
                return pid
        raise AssertionError(f"no {module} below the run")

    def json(self, name: str):
        """Return a JSON file of the run folder."""
        return json.loads((self.out / name).read_text())


def descendants(pid: int) -> list[int]:
    """Return the pids of all processes below one."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in children for found in (int(child), *descendants(int(child)))]


def one_error_line(stderr: str) -> str:
    """Return the only line of stderr; it must be the program's own."""
    (line,) = stderr.strip().splitlines()
    assert line.startswith("tw-bench: error: ")
    return line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [1, 6], ids=["in the fill", "in the window"])
def test_an_interrupted_run_is_sealed_and_keeps_what_it_measured(
    profile, tmp_path, number, seconds
):
    """Ctrl-C and SIGTERM: exit 130, status interrupted, every finished connection counted."""
    run = Running(profile(LONG), tmp_path / "run")
    run.wait_for_seconds_measured(seconds)
    run.process.send_signal(number)
    code, _, err = run.end()
    assert code == 130
    assert "interrupted" in one_error_line(err)
    assert run.json("manifest.json")["status"] == "interrupted"
    (point,) = run.json("summary.json")["points"]
    assert point["status"] == "interrupted"
    assert (point["measured"] is None) == (seconds == 1)
    counted = sum(end["count"] for end in point["outcomes"])
    assert counted == sum(int(row["attempted"]) for row in run.rows("intervals.csv"))
    assert counted >= 200 * seconds
    assert all(line["ours"] == line["kernel"] for line in point["ledger"]), point["ledger"]
    assert len(run.rows("samples.csv")) > 10 * seconds
    page = (run.out / "report.html").read_text()
    assert "interrupted: the figures are those measured until then" in page


def test_a_signal_while_it_is_drawn_leaves_a_complete_run(profile, tmp_path):
    """Everything was measured: manifest and summary say so alike, and the exit code is 130."""
    draws = "os.kill(os.getpid(), signal.SIGINT)"
    program = (
        "import os, signal\nfrom tw_bench.cli import main\n"
        f"from tw_bench.report import figures\nfigures.draw_all = lambda path: {draws}\nmain()"
    )
    out = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-c", program, "run", str(profile(SHORT)), "--out", str(out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 130, done.stderr
    line = one_error_line(done.stderr)
    assert line.endswith("interrupted while it was drawn; " + f"{out} is complete")
    manifest, summary = (
        json.loads((out / f"{name}.json").read_text()) for name in ("manifest", "summary")
    )
    assert manifest["status"] == summary["status"] == "complete"
    assert (out / "report.html").is_file()


def test_a_page_that_cannot_be_written_costs_nothing_else(profile, tmp_path):
    """The run is complete and sealed, the result is printed; one line says why there is no page."""
    run = Running(profile(SHORT), tmp_path / "run")
    run.wait_for((tmp_path / "run/samples.csv").exists)
    (tmp_path / "run/report.html").mkdir()
    code, out, err = run.end()
    assert code == 7
    assert "report.html: cannot be written" in one_error_line(err)
    assert "answer" in out
    assert run.json("manifest.json")["status"] == "complete"
    assert not list(run.out.glob(".report*"))


def test_a_second_signal_ends_the_run_at_once(profile, tmp_path):
    """Connections that hang keep an orderly end waiting; a second Ctrl-C does not wait."""
    text = LONG + "target: {backlog: 1}\n"
    text = text.replace("rate: 200/s", "closed_loop: 8, timeout: 60s")
    run = Running(profile(text), tmp_path / "run")
    run.wait_for_seconds_measured(2)
    os.kill(run.descendant("embedded_server"), signal.SIGSTOP)  # nobody answers any more
    time.sleep(0.5)
    run.process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert run.process.poll() is None
    begun = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    code, _, err = run.end()
    assert time.monotonic() - begun < 10
    assert code == 130
    assert "interrupted" in one_error_line(err)
    assert run.json("manifest.json")["status"] == "interrupted"


SLOW = (
    "title: slow\nlab: {ports: 100}\nmethod: {fill: 0s, window: 60s}\nparts:\n"
    "  - {name: slow, load: {rate: 0.05/s}}\n"
    "  - {name: thinks, load: {closed_loop: 2, think_time: 50s}}\n"
    "  - {name: busy, load: {rate: 100/s}}\n"
)


@pytest.mark.parametrize("when", ["while it runs", "while labs are being built"])
def test_an_interrupt_is_heeded_at_once(profile, tmp_path, when):
    """Whatever the points wait for, an orderly end takes seconds, and every point says so."""
    run = Running(profile(SLOW), tmp_path / "run")
    if when == "while it runs":
        run.wait_for_seconds_measured(4)
    else:
        run.wait_for(lambda: (tmp_path / "run" / "manifest.json").exists())
        time.sleep(0.5)
    begun = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    code, _, _ = run.end()
    assert code == 130
    assert time.monotonic() - begun < 6
    assert run.json("manifest.json")["status"] == "interrupted"
    statuses = {point["status"] for point in run.json("summary.json")["points"]}
    assert statuses == {"interrupted"}


def test_a_second_signal_does_not_relabel_what_was_interrupted(profile, tmp_path):
    """However often one asks: interrupted points stay interrupted, the summary is written."""
    text = LONG + "sweep: {lab.ports: [3000, 4000, 5000]}\n"
    run = Running(profile(text), tmp_path / "run")
    run.wait_for_seconds_measured(15)
    for _ in range(4):
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    code, _, _ = run.end()
    assert code == 130
    assert run.json("manifest.json")["status"] == "interrupted"
    for point in run.json("summary.json")["points"]:
        assert point["status"] == "interrupted"
        assert point["measured"] is None or point["measured"]["window_s"] < 10


def test_a_stopped_worker_does_not_hang_the_run(profile, tmp_path, monkeypatch):
    """A worker that never ends is given up after its time, and the run says so."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(
        "import tw_bench.load.fleet as fleet\nfleet._READY_S = 3.0\n"
    )
    run = Running(profile(SHORT.replace("window: 1s", "window: 3s")), tmp_path / "run")
    run.wait_for_seconds_measured(1)
    os.kill(run.descendant("load.worker"), signal.SIGSTOP)
    code, _, err = run.end(40)
    assert code == 6
    assert "did not end within" in one_error_line(err)


def test_a_reader_that_goes_away_does_not_end_the_run(profile, tmp_path):
    """`tw-bench run ... | head -1` measures to the end and seals its folder."""
    command = " ".join([*COMMAND, "run", str(profile(SHORT)), "--out", str(tmp_path / "run")])
    done = subprocess.run(
        f"set -o pipefail; {command} | head -1",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "short\n", "") == (done.returncode, done.stdout, done.stderr)
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "complete"


def test_json_is_printed_whatever_happened(profile, tmp_path):
    """With --json an interrupted run prints its summary, and nothing else, on stdout."""
    run = Running(profile(LONG), tmp_path / "run", "--json")
    run.wait_for_seconds_measured(1)
    run.process.send_signal(signal.SIGINT)
    code, out, _ = run.end()
    assert code == 130
    assert json.loads(out)["status"] == "interrupted"


@pytest.mark.parametrize("file", ["", "manifest.json"])
def test_an_interrupt_before_the_load_begins(profile, tmp_path, file):
    """Ctrl-C as soon as there is a folder: sealed as interrupted, no point measured, exit 130."""
    run = Running(profile(LONG), tmp_path / "run")
    run.wait_for((tmp_path / "run" / file).exists, pause=0.0)
    run.process.send_signal(signal.SIGINT)
    code, _, err = run.end()
    assert code == 130
    assert "interrupted" in one_error_line(err)
    assert run.json("manifest.json")["status"] == "interrupted"


def test_an_interrupt_before_there_is_a_folder(tmp_path):
    """Ctrl-C while the profile is being read: one line, exit 130, no folder."""
    os.mkfifo(tmp_path / "slow.yaml")
    run = Running(tmp_path / "slow.yaml", tmp_path / "run")
    with (tmp_path / "slow.yaml").open("w"):  # returns once the run has opened it to read
        run.process.send_signal(signal.SIGINT)
        code, _, err = run.end()
    assert (code, one_error_line(err)) == (130, "tw-bench: error: interrupted")
    assert not (tmp_path / "run").exists()


def test_a_killed_target_ends_its_point_only(profile, tmp_path):
    """The target killed in mid-run: exit 5, its point failed with its rows, the other complete."""
    text = LONG.replace("window: 30s", "window: 4s") + "sweep: {lab.ports: [4000, 5000]}\n"
    run = Running(profile(text), tmp_path / "run")
    run.wait_for_seconds_measured(3)
    os.kill(run.descendant("embedded_server"), signal.SIGKILL)
    code, out, err = run.end()
    assert code == 5
    assert "the embedded target died in mid-run (killed by signal 9)" in one_error_line(err)
    assert run.json("manifest.json")["status"] == "failed"
    points = run.json("summary.json")["points"]
    assert sorted(point["status"] for point in points) == ["complete", "failed"]
    (failed,) = (point for point in points if point["status"] == "failed")
    assert sum(end["count"] for end in failed["outcomes"]) >= 200
    assert "died in mid-run" in out


def test_a_killed_worker_keeps_its_rows(profile, tmp_path):
    """A worker killed in mid-run: exit 6, and what it had handed over is in the summary."""
    run = Running(profile(LONG), tmp_path / "run")
    run.wait_for_seconds_measured(3)
    os.kill(run.descendant("load.worker"), signal.SIGKILL)
    code, _, err = run.end()
    assert code == 6
    assert "load worker 1 of 1 died in mid-run (killed by signal 9)" in one_error_line(err)
    (point,) = run.json("summary.json")["points"]
    assert point["status"] == "failed"
    assert sum(end["count"] for end in point["outcomes"]) >= 500


def test_a_killed_sampler_ends_the_run(profile, tmp_path):
    """The sampler killed in mid-run: exit 6; the load ends in order and its counts are kept."""
    run = Running(profile(LONG), tmp_path / "run")
    run.wait_for_seconds_measured(3)
    os.kill(run.descendant("observe.sampler"), signal.SIGKILL)
    code, _, err = run.end()
    assert code == 6
    assert "the sampler died" in one_error_line(err)
    (point,) = run.json("summary.json")["points"]
    assert sum(end["count"] for end in point["outcomes"]) >= 500


def test_a_killed_keeper_is_reported(profile, tmp_path):
    """The keeper killed in mid-run takes every lab with it: an error line, rows kept, no hang."""
    run = Running(profile(LONG), tmp_path / "run")
    run.wait_for_seconds_measured(3)
    os.kill(run.descendant("lab.keeper"), signal.SIGKILL)
    code, _, err = run.end()
    assert code in (4, 5, 6)
    one_error_line(err)
    (point,) = run.json("summary.json")["points"]
    assert sum(end["count"] for end in point["outcomes"]) >= 500


def run_once(profile: Path, out: Path, *prefix: str) -> tuple[int, str]:
    """Return exit code and the error line of a run that is to fail at once."""
    code, _, err = Running(profile, out, prefix=prefix).end()
    return code, one_error_line(err)


def test_an_output_folder_that_exists(profile, tmp_path):
    """--out names a new folder; one that exists is left alone."""
    (tmp_path / "run").mkdir()
    code, line = run_once(profile(SHORT), tmp_path / "run")
    assert code == 7
    assert f"{tmp_path}/run: exists already" in line


def test_an_output_folder_that_cannot_be_made(profile, tmp_path):
    """A folder below a file cannot be made."""
    (tmp_path / "file").write_text("")
    code, line = run_once(profile(SHORT), tmp_path / "file" / "run")
    assert code == 7
    assert "cannot be written: Not a directory" in line


def test_an_output_folder_on_a_read_only_disk(profile, tmp_path):
    """A read-only file system is named, with the option that helps."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = ("unshare", "-Urm", "sh", "-c", f'mount -t tmpfs -o ro x {where}; exec "$@"', "sh")
    code, line = run_once(profile(SHORT), where / "run", *mount)
    assert code == 7
    assert "Read-only file system" in line
    assert "--out DIR" in line


def test_a_full_disk_ends_the_run_and_shows_what_was_measured(profile, tmp_path):
    """A disk that fills up in mid-run: exit 7, and the table is printed all the same."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = (
        "unshare",
        "-Urm",
        "sh",
        "-c",
        f'mount -t tmpfs -o size=400k x {where}; "$@"; code=$?; '
        f"cp -r {where}/run {tmp_path}/kept; exit $code",
        "sh",
    )
    text = LONG + "observe: {interval: 10ms}\n"
    run = Running(profile(text), where / "run", prefix=mount)
    code, out, err = run.end(30)
    assert code == 7
    assert "No space left on device" in one_error_line(err)
    assert "opened = ActiveOpens" in out  # the result, not only the plan
    run.out = tmp_path / "kept"
    assert run.json("manifest.json")["status"] == "failed"
    assert len(run.json("summary.json")["points"]) == 1
    assert not list(run.out.glob("*.tmp"))


def test_a_host_without_user_namespaces(profile, tmp_path):
    """The switch that forbids user namespaces is named, with the command that helps: exit 3."""
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    code, line = run_once(
        profile(SHORT), tmp_path / "run", "unshare", "-Ur", "sh", "-c", forbid, "sh"
    )
    assert code == 3
    assert "user.max_user_namespaces is 0" in line
    assert "sudo sysctl -w user.max_user_namespaces=" in line
    assert "lab.topology=host" in line


def test_too_few_file_descriptors(profile, tmp_path):
    """A limit on descriptors that cannot hold max_in_flight is refused before the run: exit 3."""
    code, line = run_once(profile(SHORT), tmp_path / "run", "prlimit", "--nofile=256:256")
    assert code == 3
    assert "ulimit -Hn" in line
    assert not (tmp_path / "run").exists()


def test_a_run_on_the_host_needs_no_namespace(profile, tmp_path):
    """topology host: loopback, a range for each socket, and no sysctl written."""
    text = SHORT.replace("ports: 40", "ports: 40, topology: host") + (
        "connection: {source_port: socket_range}\n"
    )
    code, _, err = Running(profile(text), tmp_path / "run").end()
    assert (0, "") == (code, err)
    (point,) = json.loads((tmp_path / "run" / "summary.json").read_text())["points"]
    assert point["prediction"]["time_lapse"]  # tcp_tw_reuse=2 frees loopback ports after 1 s
    assert list(point["time_wait"]) == ["host"]
    assert point["outcomes"] == [{"phase": "close", "errno": "ok", "count": 40}]
