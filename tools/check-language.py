#!/usr/bin/env python3
"""Checks the English of comments, messages, names and documents.

  check-language.sh [FILE…]          check these files, by default all files of the repository
  check-language.sh --count          print findings per directory and per rule
  check-language.sh --self-test      run the cases at the end of this file
  check-language.sh --write-baseline record the remaining findings per file

A finding is printed as FILE:LINE: RULE: HINT. Exit status 1: findings, 2: wrong usage.

Checked are: comments and docstrings of Rust, comments of Protobuf, shell, Make, TOML, YAML, Python, Go;
string literals with three words or more in Rust outside of tests, in shell and in TOML; Markdown outside of
code; names in Rust. Generated files are checked at their source.

tools/language-allow.txt lists exceptions, one a line: PATH, a tab, a regular expression that the line matches.
tools/language-baseline.txt lists files with findings and their number. A number may only shrink: a file
with more findings fails, and a file without any must leave the list.
"""

import argparse
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALLOW = ROOT / "tools/language-allow.txt"
BASELINE = ROOT / "tools/language-baseline.txt"
GENERATED = re.compile(
    r"^(docs/errors\.md|docs/openapi\.json|deploy/kustomize/(crd/|rbac/).*\.yaml|deploy/kustomize/overlays/operator-namespaced/rbac\.yaml|.*\.lock|server/tests/api/openapi-.*)$"
)
# Text of others, or text about this check.
SKIPPED = re.compile(r"^(tools/check-language\.(py|sh)|tools/language-.*|.*/requirements.*\.txt)$")

# Rules. Each has a name, a pattern and a hint. Openings apply at the beginning of a sentence.
OPENING = re.compile(
    r"(What|Whatever|Whoever|Whomever|Who|Whom|Whose|Whether|Which|Why|How long|So long|So|Of)\b(?![-'’.])"
)
# In lower case only at the beginning of a text, where "so that" and "of" may continue a phrase.
OPENING_LOWER = re.compile(r"(what|whatever|whoever|who|whom|whose|whether|why|how long|so long)\b(?![-'’.])")
OPENING_HINT = "begin with the subject or a verb: 'Returns …', 'The agent …', 'True if …'"

WORDS = [
    ("tell", r"\b(tells?|told|telling)\b", "report, notify, state, distinguish"),
    ("say", r"\b(says?|said|saying)\b", "state, report, show, describe"),
    ("hear", r"\b(hears?|heard|hearing|deaf)\b", "receive, contact, connect"),
    ("wish", r"\b(wish|wishes|wished)\b", "request, want, desired"),
    ("doom", r"\bdoom(s|ed)?\b", "fail, discard, cannot succeed"),
    ("stray", r"\bstrays?\b", "left over, orphan, unexpected"),
    ("mend", r"\b(mends?|mended|mending)\b", "repair, correct, fix"),
    ("pardon", r"\bpardon(s|ed)?\b", "accept, ignore"),
    ("essence", r"\b(essence|in essence)\b", "name the property"),
    ("so long", r"\bso long\b", "while, for this time, until"),
    ("put down", r"\b(puts?|putting) down\b", "record, store, stop"),
    ("see to it", r"\b(sees?|seen|saw) to (it|that)\b", "ensure"),
    ("go again", r"\b(go|goes|going|gone) again\b", "retry"),
    ("take back", r"\b(takes?|taken|took|taking) back\b", "delete, revoke, undo"),
    ("by and by", r"\bby and by\b", "gradually, or name the interval"),
    ("to be had", r"\b(is|are|was|were) to be had\b", "is available"),
    ("at leisure", r"\bat leisure\b", "in the background, or name the delay"),
    ("nobody", r"\b(nobody|somebody|anybody|everybody|someone)\b", "no agent, another process, each user"),
    ("door", r"\bdoors?\b", "listener, entry point"),
    ("of its own accord", r"\bof (its|their) own accord\b", "without a request"),
    ("care", r"\b(takes?|taken|took) care\b", "handle, ensure"),
    ("cares", r"\bcares\b", "depends on, checks"),
    ("meanwhile", r"\bin the meanwhile\b", "meanwhile, until then"),
    ("must have word", r"\b(has|have|without a?) word\b", "report, message"),
]
WORDS = [(name, re.compile(pattern, re.I), hint) for name, pattern, hint in WORDS]

NAME_WORDS = re.compile(
    r"^(told|tell|tells|heard|hear|hears|deaf|wish|wishes|wished|doom|doomed|stray|strays|mend|mends|mended"
    r"|pardon|pardoned|essence|nobody|somebody|whoever|said|says|door|doors)$"
)
NAME_HINT = "use a term of docs/glossary.md"
CONSTANT = re.compile(r"^(FEW|MOST|MANY|TOLD\w*|MOST_\w+|FEW_\w+|SO_\w+|\w+_DUE|\w+_WITHIN)$")
CONSTANT_HINT = "a constant names its bound and unit: POD_EXIT_TIMEOUT, LIST_PAGE_MAX"


class Text:
    """A piece of prose: its lines with their numbers."""

    def __init__(self, lines, kind):
        self.lines, self.kind = lines, kind  # [(number, text)], "comment" | "string" | "markdown"


# ---- prose of each language ----

RUST = re.compile(
    r"""(?P<line>//[^\n]*)|(?P<block>/\*.*?\*/)|b?r(?P<hashes>\#*)"(?P<raw>.*?)"(?P=hashes)|[bc]?"(?P<string>(?:\\.|[^"\\])*)"
      |b?'(?:\\[^\n]{1,8}?|[^\\'])'|'[A-Za-z_]\w*|(?P<name>[A-Za-z_]\w*)|(?P<newline>\n)|[^\S\n]+|.""",
    re.S | re.X,
)


def rust(text, path):
    texts, names, comment, number, marker = [], [], [], 1, None
    declared, seen, blank = None, set(), True  # blank: nothing but a comment on this line so far
    in_tests = is_test_path(path)

    def end_comment():
        nonlocal comment
        if comment:
            texts.append(Text(comment, "comment"))
        comment = []

    for token in RUST.finditer(text):
        kind, value = token.lastgroup, token.group()
        if kind == "line":
            this = re.match(r"//[/!]?", value).group()
            if this != marker or not blank or (comment and comment[-1][0] != number - 1):
                end_comment()
            marker = this
            comment.append((number, value[len(this):].removeprefix(" ")))
            if not blank:
                end_comment()
            continue
        if kind == "block":
            end_comment()
            lines = value[2:-2].split("\n")
            texts.append(Text([(number + i, line.strip(" *")) for i, line in enumerate(lines)], "comment"))
            number += value.count("\n")
            continue
        if kind == "newline":
            number, blank = number + 1, True
            continue
        if value.isspace():
            continue
        end_comment()
        blank = False
        literal = token.group("raw") if token.group("raw") is not None else token.group("string")
        if literal is not None:
            if not in_tests and literal.count(" ") >= 2 and not is_sql(literal):
                lines = re.sub(r"\\\n\s*", lambda gap: "\n" * gap.group().count("\n"), literal).split("\n")
                texts.append(Text([(number + i, unescape(line)) for i, line in enumerate(lines)], "string"))
            number += value.count("\n")
        elif kind == "name":
            if declared == "mod" and value in ("tests", "test"):
                in_tests = True
            if value not in seen:
                seen.add(value)
                names.append((number, value, declared))
            declared = value
    end_comment()
    return texts, names


def is_test_path(path):
    return bool(re.search(r"(^|/)(tests|benches|examples)/|(^|/)tests?\.rs$|^(e2e|testkit|bench)/", path))


def is_sql(literal):
    return bool(re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|PRAGMA|WITH)\b", literal))


def unescape(line):
    return re.sub(r"\\[nrt]", " ", line).replace('\\"', '"')


def hashes(text, strings):
    """Comments that begin with # and, where `strings`, quoted texts: shell, Make, TOML, YAML, Python."""
    texts, comment = [], []
    for number, line in enumerate(text.split("\n"), 1):
        found = re.match(r"^(\s*)#+ ?(?!!)(.*)$", line)
        if found:
            if comment and comment[-1][0] != number - 1:
                texts.append(Text(comment, "comment"))
                comment = []
            comment.append((number, found.group(2)))
            continue
        if comment:
            texts.append(Text(comment, "comment"))
            comment = []
        trailing = re.search(r"\s#+ (.*)$", line)
        if trailing and all(line[: trailing.start()].count(quote) % 2 == 0 for quote in "\"'"):
            texts.append(Text([(number, trailing.group(1))], "comment"))
            line = line[: trailing.start()]
        if strings:
            for literal in re.findall(r'"((?:\\.|[^"\\])*)"', line):
                if literal.count(" ") >= 2:
                    texts.append(Text([(number, literal)], "string"))
    if comment:
        texts.append(Text(comment, "comment"))
    return texts


def slashes(text):
    """Comments that begin with //: Protobuf, Go."""
    texts, comment = [], []
    for number, line in enumerate(text.split("\n"), 1):
        found = re.match(r"^\s*// ?(.*)$", line)
        if found:
            comment.append((number, found.group(1)))
            continue
        if comment:
            texts.append(Text(comment, "comment"))
            comment = []
        trailing = re.search(r"\s// (.*)$", line)
        if trailing:
            texts.append(Text([(number, trailing.group(1))], "comment"))
    if comment:
        texts.append(Text(comment, "comment"))
    return texts


def markdown(text):
    return [Text(list(enumerate(text.split("\n"), 1)), "markdown")]


def texts_of(path, text):
    name = path.rsplit("/", 1)[-1]
    if name.endswith(".rs"):
        return rust(text, path)
    if name.endswith(".md"):
        return markdown(text), []
    if name.endswith((".proto", ".go")):
        return slashes(text), []
    if name.endswith((".sh", ".toml")) or name == "run" or text.startswith(("#!/bin/bash", "#!/bin/sh")):
        return hashes(text, strings=True), []
    if name.endswith((".yaml", ".yml", ".py")) or name in ("Makefile", "Dockerfile", ".gitignore"):
        return hashes(text, strings=False), []
    return [], []


# ---- the rules on prose ----

CODE = re.compile(r"(`+)[^`\n]*?\1|<[a-z/!][^>\n]*>|\]\([^)\n]*\)|https?://\S+")


def sentences(text):
    """Yields (line, whether a text begins here, sentence) for everything that opens a sentence."""
    before, fenced = "", False
    for number, line in text.lines:
        stripped = line.strip()
        if stripped.startswith("```") or stripped.startswith("~~~"):
            fenced, before = not fenced, ""
            continue
        if fenced:
            continue
        line = CODE.sub(lambda code: "§" * len(code.group()), line)
        if not stripped:
            before = ""
            continue
        structure = re.match(r"\s*(#+\s+|[-*+]\s+|\d+[.)]\s+|\||-{3,}\s*|>\s*)+", line)
        if structure and text.kind != "string":
            before, line = "", line[structure.end():]
        cells = re.split(r"\s\|(?:\s|$)", line) if stripped.startswith("|") else [line]
        for cell in cells:
            if len(cells) > 1:
                before = ""
            for piece in re.split(r"(?<=[.!?])[)\"”*_]*\s+", cell):
                opens = re.search(r"(^|[.!?][)\"”*_]*)$", before)
                if piece.strip():
                    yield number, bool(opens), before == "", piece.strip().lstrip("(\"“*_'…")
                    before = piece.strip()
            before = before.rstrip()


def check_text(text):
    found = []
    for number, opens, first, piece in sentences(text):
        if opens:
            hit = OPENING.match(piece) or (first and OPENING_LOWER.match(piece))
            if hit:
                found.append((number, f"opening '{hit.group()}'", OPENING_HINT))
        for name, pattern, hint in WORDS:
            for hit in pattern.finditer(piece):
                found.append((number, f"word '{hit.group()}'", hint))
    return found


def check_names(names):
    found = []
    for number, name, declared in names:
        if declared in ("const", "static") and CONSTANT.match(name):
            found.append((number, f"constant {name}", CONSTANT_HINT))
        parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
        if any(NAME_WORDS.match(part.lower()) for part in parts):
            found.append((number, f"name {name}", NAME_HINT))
    return found


def check(path, text):
    texts, names = texts_of(path, text)
    found = [finding for piece in texts for finding in check_text(piece)]
    return sorted(found + check_names(names))


# ---- files, exceptions, baseline ----


def files():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return sorted(set(listed.stdout.split("\n")) - {""})


def exceptions():
    if not ALLOW.exists():
        return []
    lines = [line for line in ALLOW.read_text().split("\n") if line and not line.startswith("#")]
    return [(path, re.compile(pattern)) for path, pattern in (line.split("\t", 1) for line in lines)]


def check_file(path, allowed):
    try:
        text = (ROOT / path).read_text()
    except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
        return []
    lines = text.split("\n")
    patterns = [pattern for name, pattern in allowed if name == path]
    return [
        finding
        for finding in check(path, text)
        if not any(pattern.search(lines[finding[0] - 1]) for pattern in patterns)
    ]


def read_baseline():
    if not BASELINE.exists():
        return {}
    lines = [line.split() for line in BASELINE.read_text().split("\n") if line and not line.startswith("#")]
    return {path: int(number) for number, path in lines}


def write_baseline(found):
    head = "# Files with findings and their number, which may only shrink: tools/check-language.sh --write-baseline\n"
    body = "".join(f"{len(findings)} {path}\n" for path, findings in sorted(found.items()))
    if body:
        BASELINE.write_text(head + body)
    else:
        BASELINE.unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=True)
    parser.add_argument("--count", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--write-baseline", action="store_true")
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    paths = [str(Path(path).resolve().relative_to(ROOT)) for path in arguments.files] or files()
    paths = [path for path in paths if not GENERATED.match(path) and not SKIPPED.match(path)]
    allowed = exceptions()
    found = {path: findings for path in paths if (findings := check_file(path, allowed))}
    if arguments.count:
        count(found)
        return 0
    if arguments.write_baseline:
        write_baseline(found)
        return 0
    return report(found, paths)


def count(found):
    directories, rules = Counter(), Counter()
    for path, findings in found.items():
        parts = path.split("/")
        directories["/".join(parts[:2]) if len(parts) > 2 else parts[0] if len(parts) > 1 else path] += len(findings)
        rules.update(re.sub(r"^(name|constant) .*", r"\1", rule).lower() for _, rule, _ in findings)
    for title, table in (("directory", directories), ("rule", rules)):
        print(f"{title}:")
        for key, number in table.most_common():
            print(f"{number:6} {key}")
    print(f"{sum(directories.values()):6} in all")


def report(found, paths):
    baseline, failed = read_baseline(), False
    for path in baseline:
        if not (ROOT / path).exists():
            failed = True
            print(f"{path}: does not exist: remove it from tools/language-baseline.txt")
    for path in paths:
        findings, known = found.get(path, []), baseline.get(path, 0)
        if known and not findings:
            failed = True
            print(f"{path}: has no findings now: remove it from tools/language-baseline.txt")
        if len(findings) > known:
            failed = True
            for number, rule, hint in findings:
                print(f"{path}:{number}: {rule}: {hint}")
    if failed:
        print("check-language: terms are in docs/glossary.md; an exception goes to tools/language-allow.txt", file=sys.stderr)
    return 1 if failed else 0


# ---- self-test: one case per rule, and texts that pass ----

CASES = [
    ("a.rs", "/// Whether it runs.\nfn f() {}", "opening 'Whether'"),
    ("a.rs", "// The Job ends. What is left goes.\n", "opening 'What'"),
    ("a.rs", "//! Reads a file.\n//! So the next one waits.\n", "opening 'So'"),
    ("a.rs", 'fn f() { eprintln!("whoever asks gets nothing"); }', "opening 'whoever'"),
    ("a.rs", '#[error("the hub was told to stop")]', "word 'told'"),
    ("a.rs", "const FEW: usize = 3;", "constant FEW"),
    ("a.rs", "const TOLD_WITHIN: u64 = 3;", "constant TOLD_WITHIN"),
    ("a.rs", "const MOST_PARTIES: u64 = 3;", "constant MOST_PARTIES"),
    ("a.rs", "fn doomed_run() {}", "name doomed_run"),
    ("a.rs", "struct StrayPod;", "name StrayPod"),
    ("a.proto", "// Of these the newest counts.\nmessage A {}", "opening 'Of'"),
    ("a.sh", "# ---- what it needs ----\n", "opening 'what'"),
    ("a.sh", 'fail "nobody answers at this port"', "word 'nobody'"),
    ("a.toml", "key = 1 # so long as the hub runs\n", "opening 'so long'"),
    ("a.yaml", "# The hub mends the row.\n", "word 'mends'"),
    ("a.md", "## Why it waits\n", "opening 'Why'"),
    ("a.md", "The text.\n\n- Whose key it is\n", "opening 'Whose'"),
    ("a.md", "| a | b |\n| --- | --- |\n| x | Who is kept out? |\n", "opening 'Who'"),
    ("a.md", "A sentence.\n**Which of them** is free\n", "opening 'Which'"),
    ("a.md", "How long it takes\n", "opening 'How long'"),
    ("a.md", "it says no", "word 'says'"),
    ("a.md", "was not heard", "word 'heard'"),
    ("a.md", "as the hub wished", "word 'wished'"),
    ("a.md", "the run is doomed", "word 'doomed'"),
    ("a.md", "a stray Pod", "word 'stray'"),
    ("a.md", "an error is pardoned", "word 'pardoned'"),
    ("a.md", "in essence one lock", "word 'in essence'"),
    ("a.md", "waits for so long", "word 'so long'"),
    ("a.md", "puts down a row", "word 'puts down'"),
    ("a.md", "it sees to it", "word 'sees to it'"),
    ("a.md", "the request goes again", "word 'goes again'"),
    ("a.md", "the right is taken back", "word 'taken back'"),
    ("a.md", "grows by and by", "word 'by and by'"),
    ("a.md", "no answer is to be had", "word 'is to be had'"),
    ("a.md", "reads at leisure", "word 'at leisure'"),
    ("a.md", "the agents' door", "word 'door'"),
    ("a.md", "ends of its own accord", "word 'of its own accord'"),
    ("a.md", "takes care of rows", "word 'takes care'"),
    ("a.md", "no caller cares", "word 'cares'"),
    ("a.md", "in the meanwhile", "word 'in the meanwhile'"),
    ("a.md", "vanished without a word", "word 'without a word'"),
    ("a.md", "```\nWhat is in code\n```\nUse `nobody` as the user. The hub waits, so that no run is lost.\n", None),
    ("a.rs", "/// Returns the row.\n/// ```\n/// // What now\n/// ```\nfn f() -> &'static str { \"so long\" }", None),
    ("e2e/a.rs", 'fn f() { panic!("nobody told the hub anything"); }', None),
    ("a.rs", "mod tests { fn f() { panic!(\"nobody told the hub\"); } }", None),
    ("a.sh", "nobody=65532\nrun \"$#\" # so that it ends\n", None),
]


def self_test():
    wrong = 0
    for path, text, expected in CASES:
        rules = [rule for _, rule, _ in check(path, text)]
        if (expected is None and rules) or (expected is not None and expected not in rules):
            wrong += 1
            print(f"self-test: {text!r}: expected {expected}, found {rules}")
    for name, pattern, _ in WORDS:
        if not any(expected and pattern.search(expected) for _, _, expected in CASES):
            wrong += 1
            print(f"self-test: the rule '{name}' has no case")
    return 1 if wrong else 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the reader of a pipe may end first
    sys.exit(main())
