"""No connection to anything but this machine, traced over a whole run.

    uv run python tests/soak/network.py [--keep LOG]

Runs `natkit poc --fast` on a drawn line under `strace -f` (Debian's package strace) and reads from its log every
address that any of its processes connects to, sends to or binds. Exits 1 if one is no unix socket, no netlink and no
loopback; a name looked up elsewhere would show as a connection to a name server. Takes about twice as long as the
command alone.
"""

import argparse
import ipaddress
import re
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from poc import draw, report, said, started

LATE = 1800  # s
CALLS = ("connect", "sendto", "sendmsg", "sendmmsg", "bind")
ADDRESS = re.compile(r'sa_family=(AF_\w+)(?:[^}]*?inet_(?:addr\(|pton\(AF_INET6, )"([^"]+)")?')
AT_HOME = {"AF_UNIX", "AF_LOCAL", "AF_NETLINK", "AF_UNSPEC"}


def addresses(log: Path) -> Counter:
    """(call, family, address) → how often; an address of a unix socket is left out."""
    seen = Counter()
    for row in log.read_text(encoding="utf-8", errors="replace").splitlines():
        call = re.search(r"\b(" + "|".join(CALLS) + r")\(", row)
        if call:
            for family, address in ADDRESS.findall(row):
                seen[call[1], family, address] += 1
    return seen


def here(family: str, address: str) -> bool:
    """Is it this machine alone? 0.0.0.0, all its addresses, is not."""
    return family in AT_HOME or (address != "" and ipaddress.ip_address(address).is_loopback)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="file for strace's log")
    chosen = parser.parse_args()
    if shutil.which("strace") is None:
        sys.exit("strace is needed: apt-get install strace")
    base = Path(tempfile.mkdtemp(prefix="soak-network-"))
    try:
        line, trace = draw(base / "line"), base / "trace"
        strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-s", "0", "-o", str(trace)]
        strace += ["-e", f"trace={','.join(CALLS)}", "-e", "signal=none"]
        process, faults = started(line, base / "out", base / "log", tuple(strace)), []
        if process.wait(LATE) or not (base / "out" / "report.html").exists():
            faults.append(f"status {process.returncode}: {said(base / 'log')}")
        if chosen.keep:
            shutil.copyfile(trace, chosen.keep)
        seen = addresses(trace)
        if not any(family == "AF_INET" for _, family, _ in seen):
            faults.append("not even the kernels' own connections were seen: the trace is empty")
        rows = []
        for (call, family, address), n in sorted(seen.items()):
            rows.append((f"{call} {family} {address}".strip(), n))
            if not here(family, address):
                faults.append(f"{call} {family} {address}, {n} times")
        return report("network.py", rows, faults)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    sys.exit(main())
