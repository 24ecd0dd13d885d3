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
# Commands that must not find anything to do.
DOING_HARM = ("delete_", "stop_", "restart_", "evacuate_")


def _since(command: dict) -> tuple[int, ...]:
    return tuple(int(part) for part in command.get("since", "1.0").split(".")[:2] if part.isdigit())


def _word(arg: dict) -> str:
    if isinstance(arg["type"], str):
        return BY_NAME.get(arg["name"], BY_TYPE.get(arg["type"], "word"))
    return "word"


def names() -> list[str]:
    """The commands that ejabberd 23.01 may have."""
    return [command["name"] for command in json.loads(FACTS.read_text())["commands"] if _since(command) <= (23, 1)]


def lines(known: set[str]) -> list[str]:
    """The command lines for the commands in `known`, every one harmless."""
    found = []
    for place, command in enumerate(json.loads(FACTS.read_text())["commands"]):
        name, args = command["name"], command["versions"][0]["args"]
        if name in known:
            found += _wrong_arguments(name, args)
            found += [f"help {name}"]
            # What does not depend on the command is tried with some of them.
            if place % 4 == 0:
                found += _wrong_words_before(name, [_word(arg) for arg in args])
    return list(dict.fromkeys(found))


def _wrong_arguments(name: str, args: list[dict]) -> list[str]:
    """One and two too many, one too few, none, and words that are no numbers."""
    right = [_word(arg) for arg in args]
    calls = [[*right, "surplus"], [*right, "surplus", "ünïcode"]]
    if right:
        calls += [right[:-1], []]
    for place, arg in enumerate(args):
        if arg["type"] == "integer":
            # 23.01 reads 5x as 5, and does it.
            wrongs = ("x", "", "٣") if name.startswith(DOING_HARM) else ("x", "", "5x", "٣")
            calls += [[*right[:place], wrong, *right[place + 1:]] for wrong in wrongs]
    return [shlex.join([name, *words]) for words in calls]


def _wrong_words_before(name: str, right: list[str]) -> list[str]:
    found = [[name.replace("_", "-"), *right, "surplus"], [name.upper(), *right], ["help", name.replace("_", "-")]]
    found += [["--version", version, name, *right, "surplus"] for version in ("x", "-1", "", "0")]
    for auth in (["nobody", "talk.test", "pw"], ["alice", "nowhere.test", "pw"], ["", "", ""]):
        found.append(["--auth", *auth, name, *right, "surplus"])
    return [shlex.join(words) for words in found]
