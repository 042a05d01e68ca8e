# SPDX-License-Identifier: GPL-2.0
"""What rdsz-bench --json and rdsz-kv --json wrote, read and put into groups.

For bench/table and bench/plot.
"""
import collections
import json
import statistics


# What is the same in runs that are compared. A file is a boot; every: cookies are read after so
# many sends.
Key = collections.namedtuple(
    "Key", "mode size depth sockets threads wait peers every checked boot")


def read(names):
    """All objects of some files, one a line; each knows its file."""
    runs = []
    for name in names:
        with open(name, encoding="ascii") as lines:
            runs += [{**json.loads(line), "boot": name} for line in lines]
    return runs


def benchmark(runs):
    """Runs of rdsz-bench: what is compared, then the variant.

    Programs of others look at no contents (null): they are among those of their boot all the same.
    """
    groups = collections.defaultdict(lambda: collections.defaultdict(list))
    checked = {run["boot"]: run["checked"] for run in runs if run.get("checked") is not None}
    for run in runs:
        if "application" in run:
            continue
        key = Key(run["mode"], run["size"], run["depth"], run["sockets"], run["threads"],
                  run["wait"], run.get("peers", 1), run.get("reap_every", 1),
                  checked.get(run["boot"], False) if run.get("checked") is None
                  else run["checked"], run["boot"])
        groups[key][label(run["variant"])].append(run)
    return groups


def application(runs):
    """Runs of rdsz-kv by variant, blocks to spare and boot."""
    groups = collections.defaultdict(list)
    for run in runs:
        if "application" in run and "spare" in run:
            groups[label(run["variant"]), run["spare"], run["boot"]].append(run)
    return groups


def enough(runs):
    """By variant: the fewest blocks to spare with full rate, of each round of rdsz-kv."""
    groups = collections.defaultdict(list)
    for run in runs:
        if "spare_for_full_rate" in run:
            groups[label(run["variant"])].append(run["spare_for_full_rate"])
    return groups


def label(variant):
    return variant if ":" in variant else variant + ":copy"


def median(runs, get):
    """None where nobody counted."""
    values = [get(run) for run in runs]
    return None if None in values else statistics.median(values)


def whole(runs, percentile):
    """Of the round trips of all rounds together, which the last of them knows."""
    if "rtt_all_us" not in runs[0]:
        return median(runs, lambda run: run["rtt_us"][percentile])
    return max((run["rtt_all_us"] for run in runs), key=lambda rtt: rtt["n"])[percentile]


def time_of(runs):
    """What ratios are made of, in us: the round trip, or of a stream the time per message."""
    if runs[0]["mode"] == "rr":
        return median(runs, lambda r: r["rtt_us"]["p50"])
    rate = median(runs, lambda r: r["per_second"])
    return 1e6 / rate if rate else None


def size_text(size):
    if size >= 1 << 20:
        return f"{size >> 20} MiB"
    return f"{size >> 10} KiB" if size >= 1024 else f"{size} B"


def end(link):
    """What one end of a link can."""
    on = ", ".join(f"{text} {'on' if link[name] else 'off'}" for name, text in
                   (("sg", "scatter-gather"), ("checksum", "checksum"), ("tso", "TSO")))
    return f"MTU {link['mtu']}: {on}"


def conditions(runs):
    """One line for each kernel and link of the runs, with what that means for a verdict."""
    lines = []
    for run in runs:
        link = run.get("link")
        if not link or not link["device"]:
            continue
        line = f"Linux {run['kernel']}, {link['device']}, {end(link)}"
        other, its = run.get("server_link", link), run.get("server_kernel", run["kernel"])
        if (its, end(other)) != (run["kernel"], end(link)):
            line += f"; server: Linux {its}, {other['device']}, {end(other)}"
        if run["emulated"]:
            line += "; emulated, no verdict"
        elif not run["verdict"]:
            line += "; no verdict"
        if line not in lines:
            lines.append(line)
    return lines
