"""Draws the pictures that standard input asks for, as JSON, and ends: what `images.write_images` starts.

{"browser": PATH, "timeout": SECONDS, "jobs": [{"figure": {...}, "path": PATH, "size": {...}, "scale": 2.0}, ...]}
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any


def main() -> None:
    """Draw all jobs, one after the other, in one browser."""
    import kaleido

    request: dict[str, Any] = json.load(sys.stdin)
    wanted = [
        {"fig": job["figure"], "path": job["path"], "opts": {**job["size"], "scale": job["scale"]}}
        for job in request["jobs"]
    ]
    browser = {"path": request["browser"], "mathjax": False, "timeout": request["timeout"]}
    kaleido.write_fig_from_object_sync(wanted, kopts=browser, cancel_on_error=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
