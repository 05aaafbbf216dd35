#!/usr/bin/env python3
"""Brings the generated blocks of the READMEs up to date, or says which are stale (--check).

With --all it also writes those in which only durations differ.

A block stands between two comments, of which the first says what writes it:

    <!-- output: cargo run --release -- list -->   that command, below its command line
    <!-- catalogue -->                             every scenario, by capability
    <!-- capabilities -->                          a line for each capability
    <!-- end -->

`output exit=99:` expects that exit code, `output lines=9:` keeps the first nine lines. Real time
depends on the machine, so neither a duration in an output nor the last column of the catalogue
makes a block stale. What the catalogue says is taken from the reports of a run in virtual time;
the seconds on sockets are the simulated ones divided by the speed, of which nothing is measured.

A TOML block below `<!-- scenario -->` is one that `check` finds in order. The README of each
capability has the same headings, and explains exactly the gates that its scenarios have. The table
of presets in the gateway's README names every scenario that has one, and only gates that there are.
"""

import fnmatch
import glob
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

BLOCK = re.compile(
    r"^<!-- (?:output(?: exit=(?P<exit>\d+))?(?: lines=(?P<lines>\d+))?: (?P<command>.+?)|(?P<table>catalogue|capabilities)) -->\n"
    r"(?P<body>.*?)^<!-- end -->$",
    re.MULTILINE | re.DOTALL,
)
DURATION = re.compile(r"\b\d[\d \u00a0\u202f]*(\.\d+)? (h|min|s|ms|µs|us)\b( \d+ (min|s)\b)?")
LAST_COLUMN = re.compile(r"[^|\n]*\|$", re.MULTILINE)
SCENARIO = re.compile(r"^<!-- scenario -->\n```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
PRESETS = "References, presets, corrections"
HEADINGS = [
    "Question",
    "Run it",
    "What you see",
    "See it fail",
    "How the policy works",
    "Gates",
    "Against your gateway",
    "Known differences",
]


def run(command, exit_code):
    """What `command` writes to stdout, once it has ended as it should."""
    # Cargo's own lines go to stderr; quiet, so that a failure is all there is to read.
    quiet = command.replace("cargo run ", "cargo run --quiet ", 1)
    environment = {**os.environ, "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(shlex.split(quiet), env=environment, capture_output=True, text=True)
    if done.returncode != exit_code:
        sys.exit(
            f"`{command}` ended with {done.returncode} instead of {exit_code}\n{done.stdout}{done.stderr}"
        )
    return "\n".join(line.rstrip() for line in done.stdout.splitlines())


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Scenario:
    """What a run of a scenario in virtual time tells of it."""

    def __init__(self, folder):
        report = json.loads(read(f"{folder}/report.json"))
        scenario = report["scenario"]
        self.name, self.about, self.source = scenario["name"], scenario["about"], scenario["source"]
        self.tags = scenario["tags"]
        self.capability = os.path.dirname(self.name)
        self.gateway = report["scenario"]["gateway"]
        gates = report["verdict"]["gates"]
        self.gates = [gate["id"] for gate in gates if "off" not in gate["state"]]
        self.simulated = report["phases"][-1]["end"] / 1e6
        self.on_sockets = self.simulated / float(scenario["speed"])
        self.virtual = seconds(json.loads(read(f"{folder}/run.json"))["wall"])


def seconds(span):
    """The seconds of `1m 2.5s` or `310ms`."""
    units = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
    parts = re.findall(r"([\d.]+)\s*([a-zµ]+)", span)
    return sum(float(number) * units[unit] for number, unit in parts)


def scenarios():
    """Every scenario, in the order of files and variants."""
    with tempfile.TemporaryDirectory() as folder:
        run(f"cargo run --release -- run scenarios --driver virtual --out {folder}", 0)
        reports = glob.glob(f"{folder}/**/report.json", recursive=True)
        played = [Scenario(os.path.dirname(report)) for report in reports]
    return sorted(played, key=lambda scenario: scenario.name)


def by_capability(played):
    """The scenarios of each capability."""
    groups = {}
    for scenario in played:
        groups.setdefault(scenario.capability, []).append(scenario)
    return groups


def length(seconds):
    """`45 s`, `9 min 30 s`, `1 h 12 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    large, small, units = (
        (whole // 60, whole % 60, ("min", "s"))
        if whole < 3600
        else (whole // 3600, whole % 3600 // 60, ("h", "min"))
    )
    return f"{large} {units[0]}" + (f" {small} {units[1]}" if small else "")


def sums(played):
    """Simulated seconds, seconds on sockets and seconds in virtual time."""
    return [
        length(sum(scenario.simulated for scenario in played)),
        f"{sum(scenario.on_sockets for scenario in played):.1f} s",
        f"{sum(scenario.virtual for scenario in played):.1f} s",
    ]


def table(head, rows):
    """A Markdown table; `head` says with a colon which columns are numbers."""
    names = [name.rstrip(":") for name in head]
    rule = ["--:" if name.endswith(":") else "---" for name in head]
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in [names, *cells]]
    lines.insert(1, f"|{'|'.join(rule)}|")
    return "\n".join(lines) + "\n"


def catalogue(played):
    """Every scenario, a table for each capability, and the sums."""
    head = ["scenario", "question", "gates", "source", "tags", "simulated:", "on sockets:", "virtual:"]
    parts = []
    for capability, group in by_capability(played).items():
        rows = [
            [
                f"`{os.path.basename(scenario.name)}`",
                # A variant is the same story, told in the line of its file.
                "" if "#" in scenario.name else scenario.about,
                ", ".join(scenario.gates),
                "" if "#" in scenario.name else scenario.source,
                ", ".join(scenario.tags),
                *sums([scenario]),
            ]
            for scenario in group
        ]
        parts.append(f"### [{capability}]({capability}/README.md)\n\n{table(head, rows)}")
    gates = sum(len(scenario.gates) for scenario in played)
    total = [f"{len(played)} scenarios", f"{gates} gates", *sums(played)]
    parts.append(
        "### Together\n\nOne after the other; on sockets several run side by side.\n\n"
        + table(["scenarios:", "gates:", *head[-3:]], [total])
    )
    return "\n".join(parts)


def capabilities(played):
    """A line for each capability, with the question of its README."""
    head = ["capability", "question", "scenarios:", "gates:", "simulated:"]
    rows = [
        [
            f"[{capability}](scenarios/{capability}/README.md)",
            question(capability),
            len(group),
            sum(len(scenario.gates) for scenario in group),
            sums(group)[0],
        ]
        for capability, group in by_capability(played).items()
    ]
    return table(head, rows)


def question(capability):
    """The first paragraph below `## Question`, in one line."""
    paragraph = section(read(f"scenarios/{capability}/README.md"), "Question").strip().split("\n\n")[0]
    return " ".join(paragraph.split())


def section(text, heading):
    """What stands below `## heading`, up to the next one."""
    _, _, rest = text.partition(f"\n## {heading}\n")
    return re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def mistakes(played):
    """What is wrong with the READMEs of the capabilities."""
    for capability, group in by_capability(played).items():
        path = f"scenarios/{capability}/README.md"
        if not os.path.exists(path):
            yield f"{path} is missing"
            continue
        text = read(path)
        headings = HEADING.findall(text)
        if headings != HEADINGS:
            yield f"{path}: expected the headings {' · '.join(HEADINGS)}, found {' · '.join(headings)}"
        rows = re.findall(r"^\|([^|]*)\|", section(text, "Gates"), re.MULTILINE)
        explained = {gate for row in rows for gate in re.findall(r"`([^`]+)`", row)}
        judged = {gate for scenario in group for gate in scenario.gates}
        for gate in sorted(judged - explained):
            yield f"{path}: the gate `{gate}` is not among its Gates"
        for gate in sorted(explained - judged):
            yield f"{path}: no scenario here has the gate `{gate}`"


def mistakes_of_presets(played):
    """What is wrong with the scenarios and ids in the gateway's table of presets."""
    path = "gateway-under-test/README.md"
    gates = {}
    for scenario in played:
        gates.setdefault(scenario.name.partition("#")[0], set()).update(scenario.gates)
    through = {scenario.name.partition("#")[0] for scenario in played if scenario.gateway}
    unnamed = {name for name in through if not name.startswith("baseline/")}
    rows = re.findall(r"^\|(.*)\|$", section(read(path), PRESETS), re.MULTILINE)[2:]
    for row in rows:
        patterns, ids = (re.findall(r"`([^`]+)`", cell) for cell in row.split("|")[-2:])
        for pattern in patterns:
            if not fnmatch.filter(gates, pattern):
                yield f"{path}: there is no scenario `{pattern}`"
        named = {name for pattern in patterns for name in fnmatch.filter(gates, pattern)}
        known = {gate for name in named for gate in gates[name]}
        unnamed -= named
        for gate in ids:
            if not fnmatch.filter(known, gate):
                yield f"{path}: no scenario of that row has the gate `{gate}`"
    for name in sorted(unnamed):
        yield f"{path}: no preset's row names the scenario `{name}`"


def body(match, tables):
    """What belongs between the two comments."""
    if match["table"]:
        return f"\n{tables[match['table']]}\n"
    command, exit_code = match["command"], int(match["exit"] or 0)
    text = run(command, exit_code)
    if match["lines"]:
        text = "\n".join(text.splitlines()[: int(match["lines"])]).rstrip() + "\n…"
    if exit_code:
        text += f"\n$ echo $?\n{exit_code}"
    return f"```console\n$ {command}\n{text}\n```\n"


def comparable(match, text):
    """`text` without what may differ from run to run."""
    if match["table"] == "catalogue":
        text = LAST_COLUMN.sub("", text)
    elif not match["table"]:
        text = DURATION.sub("TIME", text)
    return " ".join(text.split())


def check_scenarios(text):
    """Holds the scenarios that `text` shows against the reader of scenarios."""
    for shown in SCENARIO.findall(text):
        with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
            file.write(shown)
            file.flush()
            run(f"cargo run --release -- check --quiet {file.name}", 0)


def refresh(path, tables, is_all):
    """The text of the file with fresh blocks, and the names of those that were stale."""
    text = read(path)
    check_scenarios(text)
    stale = []

    def replaced(match):
        new = body(match, tables)
        is_stale = comparable(match, new) != comparable(match, match["body"])
        if not is_stale and not (is_all and new != match["body"]):
            return match[0]
        stale.append(f"{path}: {match['command'] or match['table']}")
        opening = match[0][: match.start("body") - match.start(0)]
        return f"{opening}{new}<!-- end -->"

    return BLOCK.sub(replaced, text), stale


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    is_check, is_all = sys.argv[1:] == ["--check"], sys.argv[1:] == ["--all"]
    if sys.argv[1:] and not is_check and not is_all:
        sys.exit("usage: .ci/readme.py [--check | --all]")
    played = scenarios()
    wrong = [*mistakes(played), *mistakes_of_presets(played)]
    if wrong:
        sys.exit("\n".join(wrong))
    tables = {"catalogue": catalogue(played), "capabilities": capabilities(played)}
    stale = []
    paths = ["README.md", *sorted(glob.glob("scenarios/**/README.md", recursive=True))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        refreshed = list(pool.map(lambda path: refresh(path, tables, is_all), paths))
    for path, (fresh, blocks) in zip(paths, refreshed):
        stale += blocks
        if blocks and not is_check:
            with open(path, "w", encoding="utf-8") as file:
                file.write(fresh)
    word = "stale" if is_check else "rewritten"
    print("\n".join(f"{word}: {block}" for block in stale) or "every block is up to date")
    if is_check and stale:
        sys.exit("help: run `just readme` and look at what changed")


if __name__ == "__main__":
    main()
