#!/usr/bin/env python3
"""Makes the page of the catalogue, Sources/reapd/reapd.docc/Catalogue.md, from the files in
Sources/ReapConfiguration/Presets, which the given reapd has read. With --check it only says whether the page is
current.

    scripts/catalogue.py [--check] [REAPD]
"""
import difflib
import json
import os
import subprocess
import sys

HEAD = """# The catalogue

What known programs leave when they are killed, and the rule for each.

## Overview

`reapd presets` lists these programs, `reapd presets NAME` prints a rule to copy, and `preset: NAME` in a rule
or `--preset NAME` of `watch`, `sweep` and `list` takes it as it is; what is written beside it wins. `--preset all`
is every program that has a usual place. A program with several rules (`dask`, `dask-user`) is one word for
`--preset`, and one for each rule in `preset:`. This page is made from the files that reapd itself reads
(`scripts/catalogue.py`); in them `${REAPD_USER}` and `${REAPD_UID}` are the name and the number of the user
whose directories are meant, and `${REAPD_ROOT_PARENT}` is the directory that holds the root.

A program is added by a file there and its line in `Catalogue.swift`; what is in it was seen with the real program.

A program without a usual place is in no survey: name the directory (`reapd sweep --preset NAME ROOT`), or
write it as `root:`.

| name | what it leaves | usual place | how its owner is known | tried with |
| --- | --- | --- | --- | --- |
"""


def cell(text):
    return text.replace("|", "\\|") or "–"


def page(reapd, folder):
    lines = subprocess.run([reapd, "presets", "--json"], check=True, capture_output=True, text=True,
                           env={"HOME": "/home/user", "XDG_RUNTIME_DIR": "/run/user/1000"}).stdout.splitlines()
    presets = [json.loads(line) for line in lines]
    text = HEAD
    for preset in presets:
        places = ", ".join(f"`{root}`" for root in preset["roots"])
        text += "| " + " | ".join([f"`{preset['name']}`", cell(preset["leaves"]), cell(places), cell(preset["owner"]),
                                   cell(", ".join(preset["versions"]))]) + " |\n"
    for preset in presets:
        with open(os.path.join(folder, preset["name"] + ".yaml"), encoding="utf-8") as file:
            rules = file.read().split("\nrules:\n", 1)[1]
        text += f"\n## {preset['name']}\n\n"
        if preset["remark"]:
            text += preset["remark"].strip() + "\n\n"
        text += "```yaml\nrules:\n" + rules + "```\n"
    return text


def main():
    words = sys.argv[1:]
    check = "--check" in words
    root = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    named = [word for word in words if word != "--check"]
    reapd = named[0] if named else os.path.join(root, ".build/release/reapd")
    place = os.path.join(root, "Sources/reapd/reapd.docc/Catalogue.md")
    text = page(reapd, os.path.join(root, "Sources/ReapConfiguration/Presets"))
    if not check:
        with open(place, "w", encoding="utf-8") as file:
            file.write(text)
        return
    try:
        with open(place, encoding="utf-8") as file:
            present = file.read()
    except FileNotFoundError:
        present = ""
    if present != text:
        print("Catalogue.md is not what the files say; run scripts/catalogue.py")
        changes = difflib.unified_diff(present.splitlines(), text.splitlines(), "page", "files", lineterm="", n=0)
        print("\n".join(list(changes)[:10]))
        sys.exit(1)


if __name__ == "__main__":
    main()
