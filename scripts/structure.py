#!/usr/bin/env python3
"""Checks what belongs where: rooms without cycles, kinds in their rooms, lengths, types in few files.

Nothing is let through: what belongs elsewhere is moved.
"""
import collections, os, re, sys

FUNCTION_LINES = 60
FILE_LINES = 400
LINES_OF = {"Sources/ReapEngine/Reaper.swift": 200}
FILES_AT_TOP = {"Sources/ReapEngine": 6}
FILES_OF_A_TYPE = 2

# Where kinds may be told apart: their own folders, their keys, and one exhaustive switch a layer.
KIND_ROOMS = (
    "Sources/ReapRules/Kinds/",
    "Sources/ReapEngine/Kinds/",
    "Sources/ReapConfiguration/Kinds/",
)
KIND_FOLDERS = "Sources/ReapRules/Kinds"  # one folder a kind: their names are the kinds
# Properties that ask which kind it is without naming it.
KIND_QUESTIONS = ("isPartitioned", "hasPartitions", "hasQuarantine")

TYPE_WORDS = {"struct", "class", "enum", "protocol", "actor"}
BODY_WORDS = {"func", "init", "deinit", "subscript", "var"}
HIDDEN = {"private", "fileprivate"}
MEMBERS = BODY_WORDS | {"let", "case"}

Token = collections.namedtuple("Token", "text line start")
Finding = collections.namedtuple("Finding", "check place text")


def code_only(text):
    """The text with comments and the words of strings blanked; what is interpolated stays, being code."""
    out, at, size = list(text), 0, len(text)

    def blank(start, end):
        for index in range(start, min(end, size)):
            if out[index] != "\n":
                out[index] = " "

    def code(at, closing):
        depth = 0
        while at < size:
            if text.startswith("//", at):
                end = text.find("\n", at)
                end = size if end < 0 else end
                blank(at, end)
                at = end
            elif text.startswith("/*", at):
                end, nested = at + 2, 1
                while end < size and nested:
                    if text.startswith("/*", end):
                        nested, end = nested + 1, end + 2
                    elif text.startswith("*/", end):
                        nested, end = nested - 1, end + 2
                    else:
                        end += 1
                blank(at, end)
                at = end
            elif (quote := re.compile(r'(#*)("""|")').match(text, at)):
                at = string(quote)
            elif (literal := re.compile(r"#/.*?/#|(?<=[(,=:] )/(?! )(?:\\.|[^/\n\\])+/|(?<=\()/(?! )(?:\\.|[^/\n\\])+/")
                  .match(text, at)):
                blank(at, literal.end())
                at = literal.end()
            else:
                depth += (text[at] == "(") - (text[at] == ")")
                at += 1
                if closing and depth < 0:
                    return at
        return at

    def string(quote):
        hashes, mark = quote.groups()
        end, escape = mark + hashes, "\\" + hashes
        start = at = quote.start()
        at = quote.end()
        while at < size:
            if text.startswith(end, at):
                blank(start, at + len(end))
                return at + len(end)
            if text.startswith(escape + "(", at):
                blank(start, at + len(escape))
                at = start = code(at + len(escape) + 1, True)
            elif text.startswith(escape, at):
                at += len(escape) + 1
            else:
                at += 1
        blank(start, size)
        return size

    code(0, False)
    return "".join(out)


class File:
    """One Swift file: what it declares, extends and names."""

    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.length = text.count("\n")
        self.code = code_only(text)
        self.tokens, line = [], 1
        for match in re.finditer(r"\n|[A-Za-z_]\w*|`\w+`|[^\s\w]", self.code):
            if match.group() == "\n":
                line += 1
            else:
                self.tokens.append(Token(match.group(), line, match.start()))
        self.types = {}  # full name: line, of what other files can see
        self.free = {}  # functions outside of types: line
        self.methods = set()
        self.extended = {}  # full name: line
        self.bodies = []  # (name, line, lines)
        self.read()

    def read(self):
        scopes = []  # (kind, name); what is open, from the outside in
        pending = None  # the scope that the next brace opens
        functions = []
        depth = 0  # of parentheses
        for index, token in enumerate(self.tokens):
            word = token.text
            before = self.tokens[index - 1].text if index else ""
            after = self.tokens[index + 1].text if index + 1 < len(self.tokens) else ""
            if word in "([":
                depth += 1
            elif word in ")]":
                depth -= 1
            elif word == "{":
                # Braces in parentheses are closures and open nothing that is waited for.
                scope = pending if pending and pending[3] == depth else ("block", "", token.line, depth)
                if scope is pending:
                    pending = None
                scopes.append((*scope[:2], token.line, depth))
                depth = 0
            elif word == "}":
                if scopes:
                    kind, name, line, depth = scopes.pop()
                    if kind in BODY_WORDS:
                        self.bodies.append((name, line, token.line - line + 1))
                pending = None
            elif depth == 0 and before != "." and (word in TYPE_WORDS or word in BODY_WORDS | {"extension", "typealias"}):
                inside = scopes[-1] if scopes else None
                if word == "class" and after in BODY_WORDS | {"let"}:
                    continue
                if word in ("init",) and after not in "(?!<":
                    continue
                outer = ".".join(name for kind, name, *_ in scopes if kind in TYPE_WORDS | {"extension"})
                within_code = any(kind in BODY_WORDS | {"block"} for kind, *_ in scopes)
                hidden = any(t.text in HIDDEN for t in self.tokens[max(0, index - 4):index] if t.line == token.line)
                name = after if word in TYPE_WORDS | {"func", "var", "extension", "typealias"} else word
                if word == "extension":
                    parts, at = [after], index + 2
                    while at + 1 < len(self.tokens) and self.tokens[at].text == ".":
                        parts.append(self.tokens[at + 1].text)
                        at += 2
                    name = ".".join(parts)
                full = f"{outer}.{name}" if outer else name
                if word in TYPE_WORDS | {"typealias"} and not within_code and not hidden:
                    self.types[full] = token.line
                if word == "func":
                    if not scopes and not hidden:
                        self.free[name] = token.line
                    elif scopes:
                        self.methods.add(name)
                if inside and inside[0] == "extension" and word in MEMBERS:
                    self.extended.setdefault(inside[1], inside[2])
                if word == "var" and inside and inside[0] in BODY_WORDS | {"block"}:
                    continue  # a local variable
                if word != "typealias":
                    pending = (word, name, token.line, depth)
                    if word == "extension" and self.has_conformance(index):
                        self.extended.setdefault(name, token.line)
            elif word in ("let", "case") and depth == 0 and scopes and scopes[-1][0] == "extension":
                self.extended.setdefault(scopes[-1][1], scopes[-1][2])
            elif word == "=" and pending and pending[0] == "var":
                pending = None
            elif word in ("get", "set") and scopes and scopes[-1][0] == "protocol":
                pending = None

    def has_conformance(self, index):
        for token in self.tokens[index + 1:]:
            if token.text in "{:":
                return token.text == ":"
        return False

    def uses(self):
        """Every name that is not a member: (name, line, whether it is called), and A.B as well."""
        for index, token in enumerate(self.tokens):
            if not (token.text[0].isalpha() or token.text[0] == "_") or (index and self.tokens[index - 1].text == "."):
                continue
            if index and self.tokens[index - 1].text == "func":
                continue
            rest = [t.text for t in self.tokens[index + 1:index + 3]]
            yield token.text, token.line, rest[:1] == ["("]
            if rest[:1] == ["."] and len(rest) == 2:
                yield f"{token.text}.{rest[1]}", token.line, False


def room(path):
    """The folder a file lies in, below its target: '.' for what lies at the top."""
    parts = path.split("/")[2:-1]
    return parts[0] if parts else "."


def cycles(files):
    targets = collections.defaultdict(list)
    for file in files:
        targets[file.path.split("/")[1]].append(file)
    for target, members in sorted(targets.items()):
        homes, methods = collections.defaultdict(set), set().union(*(file.methods for file in members))
        functions = set()
        for file in members:
            for name in [*file.types, *file.free]:
                homes[name].add(room(file.path))
            functions |= set(file.free)
        edges = collections.defaultdict(dict)
        for file in members:
            here = room(file.path)
            for name, line, called in file.uses():
                if len(homes.get(name, ())) != 1 or (name in functions and (not called or name in methods)):
                    continue
                (there,) = homes[name]
                if there != here:
                    edges[here].setdefault(there, {}).setdefault(name, f"{file.path}:{line}")
        for component in components(edges):
            lines = []
            for here in sorted(component):
                for there in sorted(set(edges[here]) & component):
                    names = edges[here][there]
                    shown = ", ".join(f"{name} ({place})" for name, place in sorted(names.items())[:6])
                    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
                    lines.append(f"\n    {here} uses of {there}: {shown}{more}")
            yield Finding("cycle", f"Sources/{target}",
                          f"folders that use each other: {', '.join(sorted(component))}; one of each two must not know "
                          f"the other" + "".join(lines))


def components(edges):
    """Sets of more than one folder from each of which each can be reached."""
    nodes = set(edges) | {there for found in edges.values() for there in found}

    def reached(start):
        seen, open_ = set(), [start]
        while open_:
            for there in edges.get(open_.pop(), ()):
                if there not in seen:
                    seen.add(there)
                    open_.append(there)
        return seen

    reach = {node: reached(node) for node in nodes}
    return sorted({frozenset(m for m in nodes if m in reach[n] and n in reach[m]) for n in nodes if n in reach[n]},
                  key=sorted)


def kinds(files):
    names = sorted(entry.name.lower() for entry in os.scandir(KIND_FOLDERS) if entry.is_dir())
    one = "|".join(names)
    asked = "|".join([*KIND_QUESTIONS, *(f"is{name.capitalize()}" for name in names)])
    named = re.compile(rf"\bcase\s+(?:let\s+)?\.(?:{one})\b|(?<!logger)\.(?:{one})\(|[=!]=\s*\.(?:{one})\b|\b(?:{asked})\b")
    for file in files:
        if file.path.startswith(KIND_ROOMS):
            continue
        found = list(named.finditer(file.code))
        if found:
            lines = [f"{file.code.count(chr(10), 0, match.start()) + 1}: {match.group()}" for match in found]
            yield Finding("kind", f"{file.path}:{lines[0].split(':')[0]}",
                          f"tells kinds apart outside their rooms ({'; '.join(lines)}); "
                          "put it into the kind's folder and ask the kind for it")


def lengths(files):
    for file in files:
        limit = LINES_OF.get(file.path, FILE_LINES)
        if file.length > limit:
            yield Finding("file", f"{file.path}:1", f"{file.length} lines, at most {limit}")
        for name, line, length in file.bodies:
            if length > FUNCTION_LINES:
                yield Finding("function", f"{file.path}:{line}",
                              f"{name} has {length} lines, at most {FUNCTION_LINES}")
    for folder, limit in FILES_AT_TOP.items():
        count = sum(os.path.dirname(file.path) == folder for file in files)
        if count > limit:
            yield Finding("top", folder, f"{count} files at the top, at most {limit}; the others belong in a room")


def spread(files):
    """Types of the target itself; an extension that only holds other types is a name space and does not count."""
    homes = collections.defaultdict(set)
    for file in files:
        target = file.path.split("/")[1]
        for name in file.types:
            homes[target, name].add(file.path)
    for (target, name), declared in sorted(homes.items()):
        paths = declared | {f.path for f in files if f.path.split("/")[1] == target and name in f.extended}
        if len(declared) == 1 and len(paths) > FILES_OF_A_TYPE:
            yield Finding("spread", min(declared),
                          f"{name} lies in {len(paths)} files, at most {FILES_OF_A_TYPE}: {', '.join(sorted(paths))}")


def main():
    os.chdir(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    files = [File(os.path.join(folder, name)) for top in ("Sources", "Tests")
             for folder, _, names in os.walk(top) for name in sorted(names) if name.endswith(".swift")]
    files.sort(key=lambda file: file.path)
    sources = [file for file in files if file.path.startswith("Sources/")]
    findings = [*cycles(sources), *kinds(sources), *lengths(files), *spread(sources)]
    wrong = [f"{finding.place}: {finding.text}  [{finding.check}]" for finding in findings]
    print("\n".join([*wrong, f"{len(files)} files"]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
