"""A machine that is always the same, for tests of what is predicted."""

from tw_bench.plan.host_facts import HostFacts

SMALL = HostFacts(
    kernel="6.18.0",
    architecture="x86_64",
    hz=250,
    hz_source="test",
    cpus=2,
    cpu_model="test",
    open_files=20_000,
    python="3.11.2",
    tw_bench="0",
    sysctls={"net.ipv4.ip_local_port_range": "32768\t60999"},
)
