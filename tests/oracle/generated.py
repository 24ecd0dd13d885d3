"""Bad input for every command that ejabberd 23.01 has, made from the facts about ejabberd's commands."""

from __future__ import annotations

import json
import pathlib
import shlex

FACTS = pathlib.Path(__file__).resolve().parent.parent / "facts" / "ejabberd-26.07" / "commands.json"

# Right words, by the names and then by the types of arguments.
BY_NAME = {"user": "alice", "localuser": "alice", "host": "talk.test", "localhost": "talk.test", "server": "talk.test",
           "localserver": "talk.test", "loglevel": "4"}
BY_TYPE = {"integer": "5", "string": "word", "binary": "word"}

def _since(command: dict) -> tuple[int, ...]:
    return tuple(int(part) for part in command.get("since", "1.0").split(".")[:2] if part.isdigit())


def _word(arg: dict) -> str:
    if isinstance(arg["type"], str):
        return BY_NAME.get(arg["name"], BY_TYPE.get(arg["type"], "word"))
    return "word"


def lines() -> list[str]:
    """The command lines, every one harmless."""
    found = []
    for command in json.loads(FACTS.read_text())["commands"]:
        if _since(command) > (23, 1):
            continue
        name, args = command["name"], command["versions"][0]["args"]
        right = [_word(arg) for arg in args]
        calls = [[*right, "surplus"], [*right, "surplus", "more"]]
        if right:
            calls += [right[:-1], []]
        for place, arg in enumerate(args):
            if arg["type"] == "integer":
                for wrong in ("x", "", "5x", "٣"):
                    calls.append([*right[:place], wrong, *right[place + 1:]])
        found += [shlex.join([name, *words]) for words in calls]
        found.append(shlex.join([name.replace("_", "-"), *right, "surplus"]))
        found.append(shlex.join([name.upper(), *right]))
        found += [f"help {name}", f"help {name.replace('_', '-')}"]
        for version in ("x", "-1", ""):
            found.append(shlex.join(["--version", version, name, *right, "surplus"]))
        for auth in (["nobody", "talk.test", "pw"], ["alice", "nowhere.test", "pw"], ["", "", ""], ["alice"]):
            found.append(shlex.join(["--auth", *auth, name, *right, "surplus"]))
    return list(dict.fromkeys(found))
