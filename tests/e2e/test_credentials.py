"""Credentials as people handle them: codes that cameras read, settings that clients read, rotation, and accounts that come from
other systems' own programs."""
import json
import pathlib
import re
import subprocess
import xml.etree.ElementTree as ElementTree

from house import DOMAIN, HOSTNAME, Account, until
from mailers import letter
from test_clients import job_for
from test_signin import scram
from wire import Wire

HERE = pathlib.Path(__file__).resolve().parent
PASSWORD = "correct horse battery"


def program(*words, stdin=None):
    return subprocess.run(list(map(str, words)), input=stdin, capture_output=True, text=True, timeout=60, check=True).stdout


def answer(gatepost, context, name, password):
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        return wire.auth_plain(Account(name, password))[0]


# ---- codes -----------------------------------------------------------------------------------------------------
def picture(folder, rows):
    """Rows of dark (true) and light modules as a picture, and what a reader of codes makes of it."""
    scale = 6
    lines = [" ".join("0" if dark else "255" for dark in row for _ in range(scale)) for row in rows for _ in range(scale)]
    path = folder / "code.pgm"
    path.write_text(f"P2\n{len(rows[0]) * scale} {len(lines)}\n255\n" + "\n".join(lines) + "\n")
    return decoded(path)


def decoded(path):
    return program("zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", path).rstrip("\n")


def modules_of_blocks(text):
    """Upper and lower half of each character: what is drawn is light."""
    halves = {"█": (False, False), "▀": (False, True), "▄": (True, False), " ": (True, True)}
    lines = [line for line in text.split("\n") if line and set(line) <= set(halves) and "█" in line]
    return [[halves[c][half] for c in line] for line in lines for half in (0, 1)]


def modules_of_svg(path):
    root = ElementTree.parse(path).getroot()
    side = int(root.get("viewBox").split()[2])
    dark = {tuple(map(int, at)) for at in re.findall(r"M(\d+) (\d+)h1v1h-1z", root[1].get("d"))}
    return [[(x, y) in dark for x in range(side)] for y in range(side)]


def test_a_code_says_in_every_form_how_to_sign_in_and_curl_can(new_gatepost, sink, ca, recipient, tmp_path):
    gatepost = new_gatepost(sink)
    name = gatepost.account().name
    urls = set()
    for form in ("terminal", "svg", "png"):
        code = tmp_path / f"code.{form}"
        where = ["--qr"] if form == "terminal" else ["--qr-file", str(code)]
        said = gatepost.run("credential", "add", name, "--label", form, *where)
        password = re.search(r"password   (\S+)", said).group(1)
        gatepost.secrets.append(password)
        url = {"terminal": lambda: picture(tmp_path, modules_of_blocks(said)), "svg": lambda: picture(tmp_path, modules_of_svg(code)),
               "png": lambda: decoded(code)}[form]()
        assert url == f"smtps://{name.replace('@', '%40')}:{password}@{HOSTNAME}:{gatepost.tls_port}"
        urls.add(url)
    assert len(urls) == 3
    job = job_for(gatepost, ca, Account(name, password), None, "tls", recipient, tmp_path)
    (tmp_path / "mail").write_bytes(letter(job).encode())
    program("curl", "--silent", "--show-error", "--cacert", ca, "--connect-to", f"{HOSTNAME}:{gatepost.tls_port}:127.0.0.1:{gatepost.tls_port}",
            "--mail-from", name, "--mail-rcpt", recipient, "--upload-file", tmp_path / "mail", url)
    assert sink.wait(recipient)


# ---- settings ----------------------------------------------------------------------------------------------------
def test_settings_are_valid_and_name_this_server(new_gatepost, tmp_path):
    gatepost = new_gatepost(start=False)
    account = gatepost.account("--allow-cram-md5", name=f"a&b@{DOMAIN}")
    xml = tmp_path / "autoconfig.xml"
    xml.write_text(gatepost.run("credential", "settings", account.name, "--autoconfig"))
    program("xmllint", "--noout", "--relaxng", HERE / "autoconfig.rng", xml)
    first, second = ElementTree.parse(xml).getroot().iter("outgoingServer")
    assert [first.findtext("port"), first.findtext("socketType")] == [str(gatepost.tls_port), "SSL"]
    assert [second.findtext("port"), second.findtext("socketType")] == [str(gatepost.port), "STARTTLS"]
    assert first.findtext("username") == account.name
    assert [way.text for way in first.iter("authentication")] == ["password-cleartext", "password-encrypted"]
    text = gatepost.run("credential", "settings", account.name)
    assert f"_submissions._tcp.{DOMAIN}. IN SRV 0 1 {gatepost.tls_port} {HOSTNAME}." in text


# ---- life ----------------------------------------------------------------------------------------------------------
def test_old_and_new_work_side_by_side_until_the_old_is_revoked(new_gatepost, sink, context):
    gatepost = new_gatepost(sink)
    account = gatepost.account("--label", "phone")
    made = gatepost.json("credential", "rotate", account.name, "phone", "--overlap", "2d")
    gatepost.secrets.append(made["password"])
    reports = lambda: [line for line in gatepost.log().splitlines() if "the old one of a rotation, was used: it works until 20" in line]  # noqa: E731
    assert answer(gatepost, context, account.name, made["password"]) == 235
    assert not reports()
    assert answer(gatepost, context, account.name, account.password) == 235
    line = until("the report of its use", reports)[0]
    assert f"account={account.name}" in line and "phone (old)" in line
    old, new = sorted(gatepost.json("credential", "list", account.name), key=lambda one: one["id"])
    assert (old["label"], old["replaced_by"], new["label"]) == ("phone (old)", new["id"], "phone")
    gatepost.run("credential", "revoke", account.name, "phone (old)")
    assert answer(gatepost, context, account.name, account.password) == 535
    assert answer(gatepost, context, account.name, made["password"]) == 235


def test_an_account_signs_in_with_its_own_mechanisms_only(new_gatepost, sink, context):
    gatepost = new_gatepost(sink)
    account, other = gatepost.account(), gatepost.account()
    gatepost.run("user", "mechanisms", account.name, "SCRAM-SHA-256,SCRAM-SHA-256-PLUS")
    assert answer(gatepost, context, *account) == 535
    line = until("the reason", lambda: [line for line in gatepost.log().splitlines() if "event=sign-in" in line and "result=refused" in line])[0]
    assert 'reason="the account may not be used with PLAIN: allowed SCRAM-SHA-256 SCRAM-SHA-256-PLUS"' in line
    with Wire(gatepost.tls_port, context, implicit=True) as wire:
        wire.say("EHLO client.example")
        assert scram(wire, account, "SCRAM-SHA-256", b"n,,", b"") == 235
    assert answer(gatepost, context, *other) == 235
    gatepost.run("user", "mechanisms", account.name, "any")
    assert answer(gatepost, context, *account) == 235


# ---- from elsewhere ----------------------------------------------------------------------------------------------------
def signs_in_after_import(gatepost, context, path, form, names):
    done = json.loads(gatepost.run("user", "import", str(path), "--format", form, "--dry-run", "--json"))
    assert done["dry_run"] and done["entries"] == len(names)
    gatepost.run("user", "import", str(path), "--format", form)
    gatepost.secrets.append(PASSWORD)
    for name in names:
        assert answer(gatepost, context, name, PASSWORD) == 235, name
        assert answer(gatepost, context, name, PASSWORD + "x") == 535, name


def test_what_htpasswd_makes_signs_in(new_gatepost, sink, context, tmp_path):
    gatepost, path = new_gatepost(sink, GATEPOST_PASSWORDS_SCRAM_ITERATIONS="10000"), tmp_path / "htpasswd"
    for number, scheme in enumerate(["-m", "-B", "-s", "-d", "-2", "-5"]):
        program("htpasswd", "-i", *(["-c"] if number == 0 else []), scheme, path, f"user{number}", stdin=PASSWORD[:8] if scheme == "-d" else PASSWORD)
    path.write_text("".join(line for line in path.open() if not line.startswith("user3:")) + "# end\n")    # DES reads eight octets
    signs_in_after_import(gatepost, context, path, "htpasswd", [f"user{n}" for n in (0, 1, 2, 4, 5)])


def test_what_doveadm_makes_signs_in(new_gatepost, sink, context, tmp_path):
    gatepost, path = new_gatepost(sink, GATEPOST_PASSWORDS_SCRAM_ITERATIONS="10000"), tmp_path / "users"
    schemes = ["SSHA512", "SHA256.HEX", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "PBKDF2", "ARGON2ID", "BLF-CRYPT", "SMD5", "PLAIN", "MD5-CRYPT"]
    lines = [f"user{n}@{DOMAIN}:{program('doveadm', 'pw', '-s', scheme, '-p', PASSWORD).strip()}:5000:5000::/home/user{n}::\n"
             for n, scheme in enumerate(schemes)]
    path.write_text("".join(lines) + "nobody:*:::::\n")
    signs_in_after_import(gatepost, context, path, "passwd-file", [f"user{n}@{DOMAIN}" for n in range(len(schemes))])
    native = gatepost.json("credential", "list", f"user4@{DOMAIN}")[0]
    assert native["kind"] == "chosen" and native["scram"]


def test_what_is_in_a_sasldb_signs_in(new_gatepost, sink, context, tmp_path):
    gatepost, base = new_gatepost(sink, GATEPOST_PASSWORDS_SCRAM_ITERATIONS="10000"), tmp_path / "sasldb2"
    for name in ("anna", "bert"):
        program("saslpasswd2", "-p", "-c", "-f", base, "-u", DOMAIN, name, stdin=PASSWORD)
    for form, names in ((["-p"], [f"anna@{DOMAIN}", f"bert@{DOMAIN}"]), ([], [])):
        dump = tmp_path / f"dump{len(form)}"
        dump.write_text(program("db_dump", *form, base))
        if names:
            signs_in_after_import(gatepost, context, dump, "sasldb", names)
        else:
            again = json.loads(gatepost.run("user", "import", str(dump), "--format", "sasldb", "--skip-existing", "--json"))
            assert again["entries"] == 0 and again["skipped"] >= 2
    listed = tmp_path / "list"
    listed.write_text(program("sasldblistusers2", "-f", base).replace(DOMAIN, "example.net"))
    made = json.loads(gatepost.run("user", "import", str(listed), "--format", "sasldb", "--generate", "--json"))
    for one in made["generated"]:
        gatepost.secrets.append(one["password"])
        assert answer(gatepost, context, one["user"], one["password"]) == 235
    assert {one["user"] for one in made["generated"]} == {"anna@example.net", "bert@example.net"}


def test_every_kind_of_string_signs_in_at_a_server_that_is_locked_in(new_gatepost, sink, context, tmp_path):
    """What a library does for a string (threads, say) has to be allowed in vault's sandbox, which unit tests are not in."""
    gatepost, path = new_gatepost(sink, GATEPOST_PASSWORDS_SCRAM_ITERATIONS="4096"), tmp_path / "users.json"
    vectors = json.loads((HERE.parent / "vectors" / "password_hashes.json").read_text())["entries"]
    people = [(f"user{n}", one) for n, one in enumerate(vectors) if "\0" not in one["password"]]
    path.write_text(json.dumps([{"user": name, "hash": one["hash"]} for name, one in people]))
    gatepost.run("user", "import", str(path), "--format", "json")
    gatepost.secrets += {one["password"] for _, one in people if len(one["password"]) > 12}
    for name, one in people:
        assert answer(gatepost, context, name, one["password"]) == 235, one["hash"]
    assert len(people) > 100 and "died" not in gatepost.log()


def test_a_file_with_one_bad_line_changes_nothing(new_gatepost, tmp_path):
    gatepost, path = new_gatepost(start=False), tmp_path / "users.csv"
    path.write_text("user,hash\nanna,{SHA}q/eq1kOINtvlJqojGr3i0O73TUI=\nbert,{ROT13}x\n-carl,{SHA}q/eq1kOINtvlJqojGr3i0O73TUI=\n")
    for more in ([], ["--dry-run"]):
        done = gatepost.command("user", "import", str(path), *more)
        assert done.returncode == 1 and f"{path}:3: bert: " in done.stderr and f"{path}:4: -carl: " in done.stderr
        assert gatepost.json("user", "list") == []
