#!/usr/bin/env python3
"""Brings the generated blocks of the READMEs up to date, or says which are stale (--check).

A block stands between two comments, of which the first names the command that writes it:

    <!-- output: cargo run --release -- list -->       as a code block below its command line
    <!-- markdown: cargo run --release -- list … -->   as it is
    <!-- end -->

`output exit=99:` expects that exit code, `output lines=9:` keeps the first nine lines. Real time
depends on the machine, so no duration makes a block stale.

A TOML block below `<!-- scenario -->` is one that `check` finds in order.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile

FILES = ["README.md", "scenarios/README.md"]
BLOCK = re.compile(
    r"^<!-- (?P<kind>output|markdown)(?: exit=(?P<exit>\d+))?(?: lines=(?P<lines>\d+))?: (?P<command>.+?) -->\n"
    r"(?P<body>.*?)^<!-- end -->$",
    re.MULTILINE | re.DOTALL,
)
DURATION = re.compile(r"\b\d[\d \u00a0\u202f]*(\.\d+)? (h|min|s|ms|µs|us)\b( \d+ (min|s)\b)?")
SCENARIO = re.compile(r"^<!-- scenario -->\n```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


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


def body(match):
    """What belongs between the two comments."""
    command, exit_code = match["command"], int(match["exit"] or 0)
    text = run(command, exit_code)
    if match["kind"] == "markdown":
        return f"{text}\n"
    if match["lines"]:
        text = "\n".join(text.splitlines()[: int(match["lines"])]).rstrip() + "\n…"
    if exit_code:
        text += f"\n$ echo $?\n{exit_code}"
    return f"```console\n$ {command}\n{text}\n```\n"


def comparable(text):
    """`text` without what may differ from run to run."""
    return " ".join(DURATION.sub("TIME", text).split())


def check_scenarios(text):
    """Holds the scenarios that `text` shows against the reader of scenarios."""
    for shown in SCENARIO.findall(text):
        with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
            file.write(shown)
            file.flush()
            run(f"cargo run --release -- check --quiet {file.name}", 0)


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    is_check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not is_check:
        sys.exit("usage: .ci/readme.py [--check]")
    stale = []
    for path in FILES:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        check_scenarios(text)

        def replaced(match):
            new = body(match)
            if comparable(new) == comparable(match["body"]):
                return match[0]
            stale.append(f"{path}: {match['command']}")
            opening = match[0][: match.start("body") - match.start(0)]
            return f"{opening}{new}<!-- end -->"

        fresh = BLOCK.sub(replaced, text)
        if not is_check and fresh != text:
            with open(path, "w", encoding="utf-8") as file:
                file.write(fresh)
    word = "stale" if is_check else "rewritten"
    print("\n".join(f"{word}: {block}" for block in stale) or "every block is up to date")
    if is_check and stale:
        sys.exit("help: run `just readme` and look at what changed")


if __name__ == "__main__":
    main()
