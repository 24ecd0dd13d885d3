#!/usr/bin/env python3
"""Control commands compared: ejabberdctl of Debian's ejabberd 23.01 against rookeryctl.

    run.py --bin target/debug            both, and the comparison (exit code 1 on a difference that is not allowed)
    run.py --subject ejabberd            one only, its answers printed

ctl_commands.txt and the bad input of generated.py are run on each; ejabberd is asked through one Erlang node (node.py)
and, for a sample and whatever its script decides, through the script. Standard output, standard error and exit code are compared after normalisation.
allowed.txt lists the differences which are wanted, each with its reason; lines that allow nothing are told.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import contextlib
import itertools
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import zlib
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = HERE.parent / "clients"
sys.path[:0] = [str(CLIENTS), str(HERE)]

import generated  # noqa: E402
from node import Node  # noqa: E402
from harness.stream import Stream  # noqa: E402
from harness.subject import CtlResult, Subject, make  # noqa: E402

FIELDS = ("code", "out", "err")
# Seconds after which a line counts as hanging.
LINE_SECONDS = 60
# One line of so many goes through ejabberd's real script too.
SCRIPT_SAMPLE = 9


def configs() -> dict[str, str]:
    """Configurations for @config."""
    good = (CLIENTS / "ejabberd.yml").read_text()
    fewer = good.replace("  - few.test\n", "", 1)
    fewer = re.sub(r"  few\.test:\n(?:    .*\n)+", "", fewer, count=1)
    found = {"good": good, "broken": good + "no_such_option: true\n", "fewer": fewer}
    # The console commands are for administrators, so that the passwords of --auth count on both sides.
    console = "\napi_permissions:\n  console commands:\n    from: ejabberd_ctl\n"
    for name, entry in PERMISSIONS.items():
        found[name] = good + console + "".join(f"    {line}\n" for line in entry)
    return found


# For @config: who may run what through the control command.
PERMISSIONS = {
    "one_command": ["who: all", "what: registered_vhosts"],
    "all_but_one": ["who: all", 'what: ["*", "!registered_vhosts"]'],
    "only_forbidden": ["who: all", 'what: ["!registered_vhosts"]'],
    "by_tag": ["who: all", 'what: "[tag:session]"'],
    "by_tag_but_one": ["who: all", 'what: ["[tag:session]", "!connected_users_number"]'],
    "nobody": ["who: none", 'what: "*"'],
    "one_user": ["who: {user: alice@talk.test}", 'what: "*"'],
    "another_user": ["who: {user: boris@talk.test}", 'what: "*"'],
    "one_server": ["who: {server: talk.test}", 'what: "*"'],
    "by_rule": ["who: {access: [{allow: {user: alice@talk.test}}]}", 'what: "*"'],
    "with_token": ["who: {oauth: {scope: some, user: alice@talk.test}}", 'what: "*"'],
    "nothing": ["who: all"],
}


@dataclass
class Answer:
    """One command and what it did, normalised."""

    line: str
    code: str
    out: str
    err: str


def normalise(text: str, subject: Subject) -> str:
    """Versions, node names, program names and paths of the run become the same words on both sides."""
    text = text.replace(str(subject.folder), "FOLDER")
    text = re.sub(r"\b(ejabberd|rookery) \d+[^\s]*", "SERVER VERSION", text, flags=re.I)
    text = re.sub(r"\b(ejabberdctl|rookeryctl)\b", "CTL", text)
    text = re.sub(r"((?:[Tt]he node|at node) )'?[^\s':]+'?", r"\1NODE", text)
    text = re.sub(r"<\d+\.\d+\.\d+>", "<PID>", text)
    # The help in front of a usage error is our own text.
    text = re.sub(r"\A.*(?=^Error: the command '[^\n]*\n?\Z)", "HELP\n", text, flags=re.S | re.M)
    if match := re.match(r"\s*Command Name: (\S+)\s+Arguments: (.*?)\n\s*\n", text, re.S):
        arguments = " ".join(re.findall(r"(\w+)::", match[2]))
        return f"HELP of {match[1]} with arguments {arguments}\n"
    return re.sub(r"\b(ejabberd|rookery)\b", "SERVER", text)


def reads_only(line: str) -> bool:
    """Whether a line changes nothing."""
    words = shlex.split(line)
    name = words[2] if words[0] == "--version" and len(words) > 2 else words[0]
    changing = ("@", "register", "unregister", "change_password", "kick_", "reload_config", "stop", "set_", "add_", "delete_",
                "push_", "private_set", "send_", "ban_", "unban_", "process_", "clear_cache", "convert_", "evacuate_", "gc")
    return not name.startswith(changing) or name.startswith("registered")


class Runner:
    """Executes the list on one subject."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.loop = asyncio.new_event_loop()
        self.sessions: dict[tuple[str, ...], Stream] = {}
        self.answers: list[Answer] = []
        self.node: Node | None = None
        self.making_node = threading.Lock()
        self.bad_input: list[str] = []
        self.down = False

    def run(self, lines: list[str]) -> list[Answer]:
        """All lines, on the running server."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for reading, group in itertools.groupby(lines, key=reads_only):
                if reading:  # The oracle's control command is slow, so those that change nothing run together.
                    self.answers += pool.map(self.command, group)
                    continue
                for line in group:
                    words = shlex.split(line)
                    if words[0] in ("@generated", "@parallel"):
                        self.answers += getattr(self, words[0][1:])(pool)
                    elif words[0].startswith("@"):
                        getattr(self, words[0][1:])(*words[1:])
                    else:
                        self.answers.append(self.command(line))
        return self.answers

    def command(self, line: str) -> Answer:
        """One command."""
        words = shlex.split(line)
        try:
            result = self.ask(line, words)
        except (TimeoutError, subprocess.TimeoutExpired):
            return Answer(line, "hangs", "", "")
        if result.code == 0 and words[0].startswith(("kick_", "unregister", "stop", "ban_", "set_presence")):
            time.sleep(0.5)  # The ends of sessions (and of the server) come a little after the answer.
        self.down |= result.code == 0 and words[0] == "stop"
        return Answer(line, str(result.code), normalise(result.out, self.subject),
                      normalise(result.err, self.subject))

    def ask(self, line: str, words: list[str]) -> CtlResult:
        """By the control command; for ejabberd mostly by the node, which has to answer as the script does."""
        of_script = not words or words[0] in ("-t", "--no-timeout", "", "stop", "status") or self.down
        if self.subject.name != "ejabberd" or of_script:
            return self.subject.ctl(*words, timeout=LINE_SECONDS)
        with self.making_node:
            if self.node is None:
                self.node = Node(self.subject)
        answer = self.node.ctl(*words, timeout=LINE_SECONDS)
        if reads_only(line) and zlib.crc32(line.encode()) % SCRIPT_SAMPLE == 0 and line not in self.bad_input:
            script = self.subject.ctl(*words, timeout=LINE_SECONDS)
            if not same("out", answer.out, script.out, line) or answer.code != script.code:
                print(f"HARNESS the node and the script answer differently to {line}: {answer} {script}")
                return script
        return answer

    def generated(self, pool: concurrent.futures.Executor) -> list[Answer]:
        """@generated"""
        return list(pool.map(self.command, self.bad_input))

    def parallel(self, pool: concurrent.futures.Executor) -> list[Answer]:
        """@parallel"""
        with concurrent.futures.ThreadPoolExecutor(100) as many:
            found = list(many.map(self.command, [f"register many{n} few.test pw" for n in range(100)]))
        return [*found, self.command("registered_users few.test")]

    def close_node(self) -> None:
        """Ends what helped to ask."""
        if self.node:
            self.node.__exit__()

    def session(self, user: str, host: str, resource: str, priority: str = "0") -> None:
        """@session"""
        async def login() -> Stream:
            stream = Stream(self.subject.ports["c2s"], host, str(self.subject.authority.cert))
            await stream.connect()
            await stream.open()
            await stream.auth_plain(user, "pw")
            await stream.bind(resource)
            if priority != "none":
                stream.send(f"<presence><priority>{priority}</priority></presence>")
                await stream.presence(stream.jid)
            return stream

        self.sessions[user, host, resource] = self.loop.run_until_complete(login())

    def close(self, user: str, host: str, resource: str) -> None:
        """@close"""
        self.loop.run_until_complete(self.sessions.pop((user, host, resource)).close())

    def config(self, name: str) -> None:
        """@config"""
        self.subject.write_config(configs()[name])

    def reload(self) -> None:
        """@reload: by ejabberd's own function, for the command may be forbidden; Rookery takes a signal."""
        if self.subject.name == "rookery":
            self.subject.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
        else:
            code = f"ok = rpc:call('{self.subject.node}', ejabberd_config, reload, []), halt(0)."
            subprocess.run([*self.subject._erl(), "-dist_listen", "false", "-sname", "reloader@localhost", "-hidden",
                            "-noinput", "-eval", code], env=self.subject.environment(), check=True, timeout=60)

    def stop(self) -> None:
        """@stop"""
        self.subject.stop()
        self.down = True

    def start(self) -> None:
        """@start"""
        self.subject.start()
        self.down = False
        # ejabberd's ports are open before all of its modules are there.
        for _ in range(50):
            if "unknown command" not in self.subject.ctl("check_account", "nobody", "talk.test").out:
                break
            time.sleep(0.1)


@dataclass
class Allowance:
    """One line of allowed.txt: command pattern | field | pattern of the oracle's value | of Rookery's value | reason."""

    command: re.Pattern[str]
    field: str
    oracle: re.Pattern[str]
    value: re.Pattern[str]
    out: re.Pattern[str]
    reason: str
    used: int = 0

    def fits(self, field: str, oracle: Answer, ours: Answer) -> bool:
        """Whether it allows this difference."""
        return (self.field == field and self.command.fullmatch(ours.line) is not None
                and self.oracle.fullmatch(getattr(oracle, field)) is not None
                and self.value.fullmatch(getattr(ours, field)) is not None
                and self.out.fullmatch(ours.out) is not None)


def allowances() -> list[Allowance]:
    """allowed.txt"""
    found = []
    for line in (HERE / "allowed.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            command, field, oracle, value, reason = (part.strip() for part in line.split(" | ", 4))
            if field not in FIELDS:
                raise SystemExit(f"allowed.txt: no such field {field}: {line}")
            value, _, out = value.partition(" if out ")
            patterns = (re.compile(pattern, re.S) for pattern in (oracle, value, out or ".*"))
            found.append(Allowance(re.compile(command), field, *patterns, reason))
    return found


def same(field: str, one: str, other: str, line: str) -> bool:
    """Equal, where lists of which ejabberd leaves the order open are compared sorted."""
    unordered = ("connected_users", "user_resources", "registered_vhosts", "registered-vhosts", "connected_users_vhost",
                 "get_roster", "process_rosteritems", "status_list", "status_list_host")
    words = shlex.split(line)
    name = words[2] if words[0] == "--version" and len(words) > 2 else words[0]
    if field == "out" and name in unordered:
        return sorted(one.splitlines()) == sorted(other.splitlines())
    return one == other


def show(text: str, lines: int = 12) -> str:
    """An answer's text, indented and short."""
    parts = text.splitlines()
    more = [f"... {len(parts) - lines} lines more"] if len(parts) > lines else []
    return "\n".join(f"      {part}" for part in [*parts[:lines], *more]) or "      (nothing)"


def compare(oracle: list[Answer], ours: list[Answer]) -> int:
    """Print the differences; number of those not allowed."""
    table = allowances()
    wrong = equal = wanted = 0
    absent = {answer.line for answer in ours if " is not available yet: it waits for " in answer.out}
    for left, right in zip(oracle, ours, strict=True):
        if left.line in absent:
            continue
        for field in FIELDS:
            a, b = getattr(left, field), getattr(right, field)
            if same(field, a, b, left.line):
                equal += 1
                continue
            rule = next((rule for rule in table if rule.fits(field, left, right)), None)
            if rule:
                rule.used += 1
                wanted += 1
            else:
                wrong += 1
                print(f"DIFFERS {left.line} [{field}]\n    ejabberd:\n{show(a)}\n    rookery:\n{show(b)}")
    for rule in table:
        if not rule.used:
            print(f"UNUSED  allowed.txt: {rule.command.pattern} | {rule.field}: delete the line")
        else:
            print(f"allowed {rule.used} times: {rule.command.pattern} [{rule.field}]: {rule.reason}")
    print(f"{len(absent)} lines are about commands that are not available yet")
    print(f"{len(oracle) - len(absent)} commands: {equal} answers equal, {wanted} differ as allowed, {wrong} wrong")
    return wrong


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subject", choices=("rookery", "ejabberd"), help="only this one, its answers are printed")
    parser.add_argument("--bin", type=pathlib.Path, help="folder with rookery and rookeryctl (or ROOKERY_BIN)")
    options = parser.parse_args()
    lines = [line for line in (HERE / "ctl_commands.txt").read_text().splitlines()
             if line.strip() and not line.startswith("#")]
    names = [options.subject] if options.subject else ["rookery", "ejabberd"]
    with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor() as pool:
        runners = [Runner(stack.enter_context(make(name, configs()["good"], options.bin))) for name in names]
        for runner in runners:
            runner.subject.start()
            stack.callback(runner.close_node)
        # Bad input is for the commands that both have.
        known = {name for name in generated.names() if "Command Name:" in runners[0].subject.ctl("help", name).out}
        for runner in runners:
            runner.bad_input = generated.lines(known)
        answers = list(pool.map(lambda runner: runner.run(lines), runners))
    if len(answers) == 2:
        return 1 if compare(oracle=answers[1], ours=answers[0]) else 0
    for answer in answers[0]:
        print(f"$ {answer.line}\n  code {answer.code}\n    out:\n{show(answer.out, 40)}\n    err:\n{show(answer.err, 40)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
