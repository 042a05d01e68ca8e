#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""drive.py: in a VM under load, what ynl's command line says of rds_zc is what others say. TAP."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

sys.path.insert(0, "/pyynl")
from lib import NlError, YnlFamily  # pylint: disable=wrong-import-position,import-error

SPEC = "/rds_zc.yaml"
CLI = [sys.executable, "-Bu", "/pyynl/cli.py", "--spec", SPEC, "--no-schema", "--output-json"]

# Its library, which the command line is a few lines around: Python starts slowly in a VM.
family = YnlFamily(SPEC, schema="")


def rdszc(*words):
    """Objects that the tool shows."""
    done = subprocess.run(["rdszc", *words, "-j"], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def info():
    """info-get"""
    answer, other = family.do("info-get", {}), rdszc("info")[0]
    with open("/sys/module/rds_zc/version", encoding="ascii") as file:
        assert answer["version"] == file.read().strip()
    for key in ("family", "tcp-port", "incarnation", "sockets", "conns", "rcv-mem-max"):
        assert answer[key] == other[key.replace("-", "_")], key


def sockets():
    """socket-get, and its filter"""
    answer, other = family.dump("socket-get", {}), rdszc("sockets")
    assert len(answer) == 2
    assert sorted(s["id"] for s in answer) == sorted(s["id"] for s in other)
    assert {s["local-port"] for s in answer} == {s["local_port"] for s in other}
    assert {s["transport"] for s in answer} == {"tcp"}
    assert all("zerocopy" in s["flags"] for s in answer)
    port = answer[0]["local-port"]
    chosen = family.dump("socket-get", {"local-port": port})
    assert [s["local-port"] for s in chosen] == [port]


def conns():
    """conn-get"""
    answer, = family.dump("conn-get", {})
    other, = rdszc("conns")
    assert answer["state"] == other["state"] == "up"
    assert answer["peer-addr"] == other["peer"] == "10.9.0.2"
    assert answer["peer-kind"].replace("-", "_") == other["peer_kind"] == "rds_zc"
    assert answer["lanes"] == other["lanes"]
    assert answer["peer-incarnation"] == other["peer_incarnation"]
    assert family.dump("conn-get", {"state": "down"}) == []


def paths():
    """path-get, with what is for the privileged"""
    answer, other = family.dump("path-get", {}), rdszc("paths")
    assert [p["lane"] for p in answer] == [p["lane"] for p in other]
    assert answer[0]["lane"] == 0
    assert all(p["next-tx-seq"] <= o["next_tx_seq"] for p, o in zip(answer, other))


def messages():
    """message-get"""
    seen = []
    for _ in range(50):
        seen += family.dump("message-get", {})
        if seen:
            break
    assert {m["len"] for m in seen} == {32768}
    assert {m["peer-addr"] for m in seen} == {"10.9.0.2"}
    assert {m["queue"] for m in seen} <= {"send", "unacked", "receive"}
    assert {m["payload"] for m in seen} <= {"pinned", "copied"}


def stats():
    """stat-get: the names are those of /proc, no value is less than before"""
    with open("/proc/net/rds_zc/stats", encoding="ascii") as file:
        before = dict(line.split() for line in file)
    answer = family.dump("stat-get", {"explain": True})
    assert [s["name"] for s in answer] == list(before)
    assert all(s["value"] >= int(before[s["name"]]) for s in answer)
    assert all(s["meaning"] for s in answer)
    chosen, = family.dump("stat-get", {"name": "zc_sent"})
    assert chosen["name"] == "zc_sent" and chosen["value"] > 0


def hists():
    """hist-get: the counts of a histogram add up"""
    answer = {h["name"]: h for h in family.dump("hist-get", {})}
    assert set(answer) == {"send_to_ack", "send_to_reusable", "reusable_to_read", "recv_queue"}
    ack = answer["send_to_ack"]
    assert ack["count"] > 0 and ack["sum"] > 0


TYPES = {"string": "nul-string"}    # of the spec, where the kernel has another name
CHECKS = {"min": "min-value", "max": "max-value", "min-len": "min-length", "max-len": "max-length"}


def same_policy(attribute, rule):
    """Does the kernel's rule for an attribute say what its spec says?"""
    spec = attribute.yaml
    assert rule["type"] == TYPES.get(spec["type"], spec["type"]), (spec, rule)
    for name, value in spec.get("checks", {}).items():
        assert rule.get(CHECKS[name]) == value, (spec, rule)
    known = {CHECKS[name] for name in spec.get("checks", {})}
    for name in {"min-length", "max-length", "mask"} - known:
        assert name not in rule, (spec, rule)
    if spec["type"] in ("u16", "u32", "u64"):
        # Without a check it is the whole range.
        limits = (0, 2 ** int(spec["type"][1:]) - 1)
        for name, limit in zip(("min-value", "max-value"), limits):
            assert name in known or rule.get(name, limit) == limit, (spec, rule)


def policy():
    """the kernel's policy of each request: the attributes of the spec, and their checks"""
    dumps = 0
    for name, operation in family.ops.items():
        mode = "dump" if "dump" in operation.yaml else "do"
        request = operation.yaml[mode]["request"].get("attributes", [])
        answer = family.get_policy(name, mode)
        rules = answer.to_dict() if answer else {}
        assert set(rules) == set(request), (name, rules)
        for attribute in request:
            same_policy(operation.attr_set[attribute], rules[attribute])
        dumps += mode == "dump"
    assert dumps == 6, dumps


def refused():
    """a request against the policy is refused with words, by extack"""
    try:
        family.dump("stat-get", {"name": "x" * 200})
    except NlError as error:
        assert "failed policy validation" in str(error), error
        return
    raise AssertionError("it was not refused")


def page():
    """the line of rds_zc(4) for pyynl does what the page says"""
    with open("/rds_zc.4", encoding="utf-8") as stream:
        lines = re.findall(r"^\.Dl (pyynl/.*)$", stream.read(), flags=re.M)
    assert len(lines) == 1, lines
    for line in lines:
        done = subprocess.run([sys.executable, "-B", *shlex.split(line)], cwd="/",
                              capture_output=True, text=True, check=True)
        assert "'10.9.0.2'" in done.stdout, done.stdout


def command_line():
    """the command line: a request, and events of connections that a sysctl ends"""
    done = subprocess.run(CLI + ["--dump", "conn-get"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[0]["peer-addr"] == "10.9.0.2"
    with subprocess.Popen(CLI + ["--subscribe", "paths", "--duration", "12"],
                          stdout=subprocess.PIPE, text=True) as listener:
        while listener.poll() is None:    # it takes its time to start
            with open("/proc/sys/net/rds_zc/tcp_sndbuf", "w", encoding="ascii") as file:
                file.write("0\n")
            time.sleep(5)
        said = listener.stdout.read()
    assert '"path-event"' in said, said
    assert '"sysctl"' in said, said


def congestion():
    """the command line: events of a port whose reader stops, and goes on"""
    far_end = int(os.environ["FAR_END"])
    # A file takes any number of them; a pipe that is full would stop the listener.
    with open("/tmp/events", "w+", encoding="ascii") as file:
        with subprocess.Popen(CLI + ["--subscribe", "congestion", "--duration", "20"],
                              stdout=file) as listener:
            try:
                while listener.poll() is None:    # it takes its time to start
                    os.kill(far_end, signal.SIGSTOP)
                    time.sleep(4)
                    os.kill(far_end, signal.SIGCONT)
                    time.sleep(2)
            finally:
                os.kill(far_end, signal.SIGCONT)
        file.seek(0)
        said = [json.loads(line) for line in file]
    assert said and {event["name"] for event in said} == {"congestion-event"}, said
    for event in (event["msg"] for event in said):
        assert event["owner"] == "peer", event
        assert event["addr"] == "10.9.0.2" and event["port"] == 4000, event
        assert event["total"] == event["congested"], event    # it has no other port
    assert {event["msg"]["congested"] for event in said} == {0, 1}, said


def main():
    """Each check is a test; its first line of documentation is its name."""
    checks = [info, sockets, conns, paths, messages, stats, hists, policy, refused, page,
              command_line, congestion]
    failed = 0
    print(f"1..{len(checks)}", flush=True)
    for number, check in enumerate(checks, 1):
        try:
            check()
            print(f"ok {number} - ynl {check.__doc__}", flush=True)
        except Exception as error:  # pylint: disable=broad-exception-caught
            failed += 1
            print(f"# {type(error).__name__} {error}".replace("\n", "\n# "))
            print(f"not ok {number} - ynl {check.__doc__}", flush=True)
    sys.exit(failed > 0)


main()
