#!/usr/bin/env python3
"""`convert_to_yaml` compared: Debian's ejabberd 23.01 against Rookery, on one old configuration.

    old_config.py --bin target/debug

Both make a file of crates/migrate/tests/old_config. The two say the same in different words, and 23.01's no longer
loads in today's ejabberd; both are brought into one form and compared. What differs is listed in WANTED, with reasons.
Rookery's has been loaded for a trial then, by the command itself.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = HERE.parent / "clients"
SAMPLES = HERE.parents[1] / "crates" / "migrate" / "tests" / "old_config"
sys.path.insert(0, str(CLIENTS))

from harness.subject import CtlResult, Subject, make  # noqa: E402

# Path of a difference, or of what it is in, and why it is wanted.
WANTED = {
    "access_rules/s2s": "23.01 puts the policy for all servers before the exceptions, which then never count",
    "acl/everybody": "today's grammar has no condition `all`; any domain is everybody",
    "acl/s2s_access_bad.example": "the server stands in the rule itself",
    "host_config/few.test/acl": "a host's lists take the place of the server's now; the old form looked into both",
    "host_config/few.test/access_rules": "as above",
    "host_config/talk.test/acl": "as above",
    "listen/8888/ip": "23.01 writes 0.0.0.0 for an address in the options, and opens the port to everybody",
    "outgoing_s2s_timeout": "the old unit was milliseconds, today's is seconds; ours says which",
    "shaper/unlimited": "a shaper of this name is built in and may not be defined",
    "modules/mod_register/ip_access": "23.01 keeps a list that is no access rule",
    "modules/mod_disco/server_info": "23.01 writes a list around each",
    "modules/mod_muc/default_room_options/title": "an empty text, not an empty list",
    "modules/mod_muc_log/cssfile": "`false` is the default, and no file",
    "modules/mod_irc": "unknown today, a comment",
    "modules/mod_vcard/colour": "unknown today, a comment",
    "no_such_option": "unknown today, a comment",
    "watchdog_admins": "unknown today, a comment",
    "route_subdomains": "no meaning any more",
}
# Old names and what they are today (docs/options.md); both sides are compared in today's words.
FLAGS = {"captcha": ("/captcha", "ejabberd_captcha"), "http_bind": ("/bosh", "mod_bosh"),
         "web_admin": ("/admin", "ejabberd_web_admin")}
MODULES = {"mod_http_bind": "mod_bosh", "mod_roster_odbc": "mod_roster"}


def rules(old: dict[str, object], named: dict[str, dict[object, object]], key: str) -> None:
    """Access rules of old: those with other actions than `allow` and `deny` are about shapers and limits."""
    for name, lines in named.items():
        today = [{action: who} if who != "all" else action for who, action in lines.items()]
        is_limit = any(action not in ("allow", "deny") for action in lines.values())
        target = old.setdefault("shaper_rules" if is_limit else key, {})
        target[name] = today


def conditions(lists: dict[str, object]) -> dict[str, list[str]]:
    """Access lists: each condition with each of its values, in one order."""
    found = {}
    for name, body in lists.items():
        parts = []
        for entry in body if isinstance(body, list) else [body]:
            for kind, values in entry.items() if isinstance(entry, dict) else [(entry, [])]:
                for value in values if isinstance(values, list) else [values]:
                    if kind in ("user", "shared_group") and isinstance(value, dict):
                        value = "@".join(*value.items())
                    parts.append(f"{kind} {value}")
        found[name] = sorted(parts)
    return found


def listeners(entries: list[dict[str, object]]) -> dict[int, dict[str, object]]:
    """Listeners by port."""
    found = {}
    for entry in entries:
        one = {key: value for key, value in entry.items() if key not in ("certfile", "inet6", "http_poll")}
        for flag, (path, handler) in FLAGS.items():
            if one.pop(flag, False):
                one.setdefault("request_handlers", {})[path] = handler
        if "turn_ip" in one:
            one["turn_ipv4_address"] = one.pop("turn_ip")
        found[one["port"]] = one
    return found


def today(config: dict[str, object]) -> dict[str, object]:
    """A configuration in one form."""
    old = {key: value for key, value in config.items()
           if key not in ("access", "s2s_certfile", "domain_certfile", "certfiles")}
    rules(old, config.get("access", {}), "access_rules")
    if "acl" in old:
        old["acl"] = conditions(old["acl"])
    if "listen" in old:
        old["listen"] = listeners(old["listen"])
    if "modules" in old:
        old["modules"] = {MODULES.get(name, name): dict(body or {}) for name, body in old["modules"].items()}
        old["modules"].pop("mod_echo", None)
        roster = old["modules"].get("mod_roster", {})
        roster.pop("iqdisc", None)
        roster.pop("db_type", None)
        if "mod_pubsub" in old["modules"]:
            plugins = old["modules"]["mod_pubsub"]["plugins"]
            old["modules"]["mod_pubsub"]["plugins"] = [name for name in plugins if name != "hometree"]
    if isinstance(old.get("auth_method"), list):
        old["auth_method"] = ["mnesia" if method == "internal" else method for method in old["auth_method"]]
    for option in ("host_config", "append_host_config"):
        if option in old:
            old[option] = {host: today(body or {}) for host, body in old[option].items() if isinstance(body, dict)}
    return old


def differences(theirs: object, ours: object, path: str = "") -> list[tuple[str, object, object]]:
    """Where two trees differ."""
    if not (isinstance(theirs, dict) and isinstance(ours, dict)):
        return [] if theirs == ours else [(path, theirs, ours)]
    found = []
    for key in {**theirs, **ours}:
        place = f"{path}/{key}" if path else str(key)
        found += differences(theirs.get(key), ours.get(key), place)
    return found


def convert(subject: Subject) -> tuple[CtlResult, pathlib.Path]:
    """The sample through one of them."""
    for name in ("ejabberd.cfg", "more.cfg"):
        text = (SAMPLES / name).read_text()
        text = text.replace("@PEM@", "server.pem").replace("@DIR@", str(subject.spool))
        (subject.spool / name).write_text(text.replace("server.pem", str(subject.pem)))
        subject.give(subject.spool / name)
    out = subject.spool / "out.yml"
    return subject.ctl("convert_to_yaml", str(subject.spool / "ejabberd.cfg"), str(out)), out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("target/debug"))
    binaries = parser.parse_args().bin.resolve()
    text = (CLIENTS / "ejabberd.yml").read_text()
    trees, failed = [], False
    for name in ("ejabberd", "rookery"):
        with make(name, text, binaries) as subject:
            subject.start()
            result, out = convert(subject)
            made = out.read_text() if out.exists() else ""
            made = made.replace(str(subject.folder), "FOLDER")
            trees.append(today(yaml.safe_load(made) or {}))
            if name == "rookery":
                failed |= result.code != 0 or out.stat().st_mode & 0o777 != 0o600
                print(f"exit code {result.code}", result.out, result.err, sep="\n")
                again = subject.ctl("convert_to_yaml", str(subject.spool / "ejabberd.cfg"), str(out))
                failed |= again.code == 0
                print(f"again: exit code {again.code}", again.out, sep="\n")
    for path, theirs, ours in differences(*trees):
        reason = next((why for place, why in WANTED.items() if path == place or path.startswith(place + "/")), None)
        failed |= reason is None
        print("ok  " if reason else "FAIL", path, f"({reason})" if reason else f"\n  {theirs}\n  {ours}")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
