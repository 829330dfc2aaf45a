"""`lungnet doctor`: what this machine has, what will not work, and why."""

import argparse

SUMMARY = "versions, devices, decoders, memory, disk; what will not work and why"
EXAMPLE = "lungnet doctor"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `lungnet doctor`."""
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(args: argparse.Namespace) -> int:
    """Examine the machine; exit with 3 if something that a command needs will not work."""
    from dataclasses import asdict

    from lungnet.cli.main import print_json
    from lungnet.cli.tables import print_table
    from lungnet.doctor import examine

    findings = examine()
    if args.json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        verdicts = {True: "ok", False: "WILL NOT WORK"}
        rows = ((verdicts[finding.works], finding.what, finding.found) for finding in findings)
        print_table(("verdict", "what", "found"), rows)
    return 0 if all(finding.works for finding in findings) else 3
