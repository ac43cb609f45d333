"""All benches in turn: ``make bench``. Give names to run only those."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

NOT_BENCHES = {"__init__", "__main__", "harness", "configured", "craft_answers", "hostile_files"}


def main() -> None:
    """Run each in a process of its own and stop at the first that fails."""
    names = sorted({path.stem for path in Path(__file__).parent.glob("*.py")} - NOT_BENCHES)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    chosen = parser.parse_args().names
    if unknown := sorted(set(chosen) - set(names)):
        parser.error(f"no bench {', '.join(unknown)}; choose from {', '.join(names)}")
    for name in chosen or names:
        print(f"\n== python -m bench.{name}", flush=True)
        subprocess.run([sys.executable, "-m", f"bench.{name}"], check=True)


if __name__ == "__main__":
    main()
