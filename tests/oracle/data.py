#!/usr/bin/env python3
"""Data from Debian's ejabberd 23.01 to Rookery and back: dump, XEP-0227, SQL; and restores under `kill -9`.
Files of `export_db`, which 23.01 does not have, go from Rookery through a real Erlang to another Rookery.

    data.py --bin target/debug

Accounts are made in ejabberd, brought to Rookery by each form, compared, exported, and brought to another ejabberd.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = HERE.parent / "clients"
sys.path.insert(0, str(CLIENTS))

from harness.subject import Subject, make  # noqa: E402

HOST = "talk.test"
PASSWORD = "pâss<w>&'\""
# SQL with the tables that Rookery itself has, so that it can be compared; ejabberd 23.01 does not know the option.
# Clear text, since ejabberd does not read SCRAM verifiers in the form of the specification (docs/backup.md).
MULTIHOST = "\nsql_schema_multihost: true\nauth_password_format: plain\n"


def run(subject: Subject, *words: str) -> str:
    """A command that must succeed."""
    result = subject.ctl(*words)
    if result.code != 0:
        raise SystemExit(f"{subject.name}: {' '.join(words)}: {result.code} {result.out} {result.err}")
    return result.out


def check(what: str, good: bool, detail: object = "") -> None:
    """One line for each thing that was shown."""
    print("ok  " if good else "FAIL", what, "" if good else detail, flush=True)
    if not good:
        raise SystemExit(1)


def fill(ejabberd: Subject) -> None:
    """Every kind of data."""
    run(ejabberd, "register", "romeo", HOST, PASSWORD)
    run(ejabberd, "register", "juliet", HOST, "pw")
    run(ejabberd, "add_rosteritem", "romeo", HOST, "juliet", HOST, "Juliët", "Friends", "both")
    run(ejabberd, "set_vcard", "romeo", HOST, "FN", "Romeo é")
    run(ejabberd, "private_set", "romeo", HOST, "<storage xmlns='storage:bookmarks'><conference jid='a@b'/></storage>")
    run(ejabberd, "set_last", "romeo", HOST, "1700000000", "gone fishing")
    run(ejabberd, "send_message", "chat", f"juliet@{HOST}", f"romeo@{HOST}", "", "héllo <&>")


def folder(subject: Subject, name: str) -> pathlib.Path:
    """A folder that the subject may write to."""
    path = subject.folder / name
    path.mkdir(mode=0o700)
    subject.give(path)
    return path


def rows(rookery: Subject, sql: str) -> list[tuple[object, ...]]:
    """What the database of the running server holds."""
    database = next(rookery.spool.glob("rookery.sqlite"))
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return connection.execute(sql).fetchall()


def same_as_filled(rookery: Subject, how: str) -> None:
    """Rookery holds what ejabberd was given."""
    check(f"{how}: accounts", run(rookery, "registered_users", HOST).split() == ["juliet", "romeo"])
    check(f"{how}: password", rookery.ctl("check_password", "romeo", HOST, PASSWORD).code == 0)
    check(f"{how}: roster", rows(rookery, "SELECT nick, subscription FROM rosterusers") == [("Juliët", "B")])
    check(f"{how}: group", rows(rookery, "SELECT grp FROM rostergroups") == [("Friends",)])
    check(f"{how}: card", "Romeo é" in str(rows(rookery, "SELECT vcard FROM vcard")))
    check(f"{how}: private data", "storage:bookmarks" in str(rows(rookery, "SELECT data FROM private_storage")))
    check(f"{how}: message", len(rows(rookery, "SELECT 1 FROM spool WHERE xml LIKE '%héllo &lt;&amp;&gt;%'")) == 1)


def hand_over(source: pathlib.Path, subject: Subject) -> pathlib.Path:
    """A copy of files for another server's user."""
    target = folder(subject, f"from-{source.name}")
    for path in source.iterdir():
        shutil.copy(path, target)
    subject.give(*target.iterdir())
    return target


def main_file(exported: pathlib.Path) -> pathlib.Path:
    """The file that includes the others."""
    return next(path for path in exported.glob("*.xml") if "_" not in path.stem)


def there_and_back(text: str, binaries: pathlib.Path) -> None:
    """ejabberd to Rookery by dump and by XEP-0227, and back by XEP-0227."""
    with make("ejabberd", text) as ejabberd:
        ejabberd.start()
        fill(ejabberd)
        out = folder(ejabberd, "out")
        run(ejabberd, "dump", str(out / "dump.txt"))
        run(ejabberd, "export_piefxis", str(out))
        for how, words in (("dump", ["load", "dump.txt"]), ("XEP-0227", ["import_piefxis", main_file(out).name])):
            with make("rookery", text + MULTIHOST, binaries) as rookery:
                rookery.start()
                files = hand_over(out, rookery)
                for _ in range(2):
                    run(rookery, words[0], str(files / words[1]))
                same_as_filled(rookery, how)
                back = folder(rookery, "back")
                run(rookery, "export_piefxis_host", str(back), HOST)
                sql(rookery, back)
                if how == "XEP-0227":
                    ejabberd_takes(text, back)


def ejabberd_takes(text: str, exported: pathlib.Path) -> None:
    """A fresh ejabberd reads what Rookery exported."""
    with make("ejabberd", text) as ejabberd:
        ejabberd.start()
        files = hand_over(exported, ejabberd)
        run(ejabberd, "import_piefxis", str(main_file(files)))
        check("back: accounts", run(ejabberd, "registered_users", HOST).split() == ["juliet", "romeo"])
        check("back: password", ejabberd.ctl("check_password", "romeo", HOST, PASSWORD).code == 0)
        check("back: roster", "Juliët" in run(ejabberd, "get_roster", "romeo", HOST))
        check("back: card", "Romeo é" in run(ejabberd, "get_vcard", "romeo", HOST, "FN"))
        check("back: message", run(ejabberd, "get_offline_count", "romeo", HOST).strip() == "1")


def sql(rookery: Subject, target: pathlib.Path) -> None:
    """SQL goes into SQLite twice and gives the same rows."""
    file = target.parent / f"{target.name}.sql"
    run(rookery, "export2sql", HOST, str(file))
    database = next(rookery.spool.glob("rookery.sqlite"))
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        schema = connection.execute("SELECT sql FROM sqlite_schema WHERE sql <> '' AND name NOT LIKE 'sqlite%'").fetchall()
    copy = sqlite3.connect(":memory:")
    copy.executescript(";".join(one for (one,) in schema))
    for _ in range(2):
        copy.executescript(file.read_text())
        for table in ("users", "rosterusers", "rostergroups", "vcard", "private_storage", "last"):
            theirs = sorted(copy.execute(f"SELECT * FROM {table}").fetchall(), key=str)
            check(f"SQL: {table}", theirs == sorted(rows(rookery, f"SELECT * FROM {table}"), key=str), theirs)


# Reads every batch of a file as Erlang does and writes the same records, each in a batch of its own.
REWRITE = """
    Rewrite = fun Next(<<>>, _) -> ok;
        Next(<<"dbdb", Length:32/unsigned-little-integer, Batch:Length/binary, Rest/binary>>, Out) ->
            [begin Bytes = term_to_binary([Record], [{minor_version, 1}]),
                   ok = file:write(Out, [<<"dbdb", (byte_size(Bytes)):32/unsigned-little-integer>>, Bytes]),
                   io:format("~0p~n", [Record])
             end || Record <- binary_to_term(Batch)],
            Next(Rest, Out)
        end,
    [Folder] = init:get_plain_arguments(),
    [begin {ok, Bytes} = file:read_file(Path),
           {ok, Out} = file:open(Path, [write, raw]),
           Rewrite(Bytes, Out)
     end || Path <- filelib:wildcard(Folder ++ "/*.dbser")],
    halt().
"""


def ended(rookery: Subject, direction: str) -> str:
    """The status of an export or import that has ended."""
    for _ in range(200):
        status = run(rookery, f"{direction}_status", HOST).strip()
        if not status.startswith("Operation in progress"):
            return status
        time.sleep(0.05)
    return status


def serialized(text: str, binaries: pathlib.Path) -> None:
    """Files of export_db: out, through Erlang, and in."""
    with make("rookery", text, binaries) as one:
        one.start()
        fill(one)
        terms, objects = folder(one, "terms"), folder(one, "objects")
        run(one, "export_db", HOST, str(terms))
        done = ended(one, "export_db")
        check("export_db", done.startswith("Operation was completed after exporting 8 records: 'Exported "), done)
        run(one, "export_db_ext", HOST, str(objects), "all", "json")
        check("export_db_ext", "completed after exporting 8 records" in ended(one, "export_db"))
        lines = [line for path in objects.iterdir() for line in path.read_text().splitlines() if line]
        kinds = sorted(json.loads(line)["type"] for line in lines)
        check("JSON", len(kinds) == 8 and kinds[-1] == "serialize_roster_v1", kinds)
        modes = {oct(path.stat().st_mode & 0o777) for path in (*terms.iterdir(), *objects.iterdir())}
        check("modes", modes == {"0o600"}, modes)
        read = subprocess.run(
            ["erl", "-noshell", "-eval", REWRITE, "-extra", str(terms)], capture_output=True, text=True, check=False
        )
        roster = '{serialize_roster_v1,<<"talk.test">>,<<"romeo">>'
        check("Erlang reads the terms", read.returncode == 0 and roster in read.stdout, read.stdout + read.stderr)
        for source in (terms, objects):
            with make("rookery", text, binaries) as two:
                two.start()
                files = hand_over(source, two)
                for _ in range(2):
                    run(two, "import_db", HOST, str(files))
                    done = ended(two, "import_db")
                    check(f"import_db of {source.name}", "completed after importing 8 records" in done, done)
                same_as_filled(two, source.name)
                check("last", ("1700000000", "gone fishing") in rows(two, "SELECT seconds, state FROM last"))


def killed(text: str, binaries: pathlib.Path) -> None:
    """`kill -9` while data is restored and loaded: the server starts, with the old data or the new."""
    with make("rookery", text, binaries) as rookery:
        rookery.start()
        run(rookery, "register", "one", HOST, "pw")
        run(rookery, "backup", "one.db")
        run(rookery, "dump", "one.txt")
        run(rookery, "register", "two", HOST, "pw")
        run(rookery, "backup", "two.db")
        for number in range(8):
            command = (["restore", "one.db"], ["restore", "two.db"], ["load", "one.txt"])[number % 3]
            begun = threading.Thread(target=rookery.ctl, args=command)
            begun.start()
            time.sleep(0.004 * number)
            rookery.kill()
            begun.join()
            rookery.start()
            users = run(rookery, "registered_users", HOST).split()
            check(f"killed in {command[0]}, round {number}", users in (["one"], ["one", "two"]), users)
            run(rookery, "restore", "two.db")
        check("after all", rookery.ctl("check_password", "two", HOST, "pw").code == 0)
        run(rookery, "install_fallback", "one.db")
        check("a fallback waits", run(rookery, "registered_users", HOST).split() == ["one", "two"])
        rookery.kill()
        rookery.start()
        check("a fallback takes the place", run(rookery, "registered_users", HOST).split() == ["one"])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("target/debug"))
    binaries = parser.parse_args().bin.resolve()
    text = (CLIENTS / "ejabberd.yml").read_text()
    serialized(text, binaries)
    there_and_back(text, binaries)
    killed(text, binaries)


if __name__ == "__main__":
    main()
