"""Events: what becomes of mail, told to a file of lines and to a webhook, at least once, in order, over crashes; and mail waits for neither."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import select
import signal
import subprocess
import time

import pytest

from house import GATEPOST, free_port, until
from sources import WebServer
from test_operations import deliver
from wire import signed_in, submit

KEY = b"a key that signs events"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Receiver(WebServer):
    """A webhook over TLS: `answers` are given in turn, then 204."""

    def __init__(self, certificate):
        self.port, self.certificate, self.posts, self.answers, self.server = free_port(), certificate, [], [], None

    def start(self):
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = owner.answers.pop(0) if owner.answers else 204
                owner.posts.append((status, self.headers, body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass
        return self.serve(Handler)

    def taken(self):
        return [event for status, _, body in list(self.posts) if status == 204 for event in json.loads(body)]


@pytest.fixture
def receiver(certificate):
    made = Receiver(certificate)
    yield made
    made.stop()


@pytest.fixture
def gatepost(new_gatepost, sink, ca, folder, receiver):
    place = folder / f"events-{receiver.port}"
    place.mkdir()
    (place / "secret").write_text(SECRET + "\n")
    made = new_gatepost(sink, start=False, GATEPOST_EVENTS_FILE=str(place / "events.jsonl"),
                        GATEPOST_EVENTS_WEBHOOK=f"https://localhost:{receiver.port}/events", GATEPOST_EVENTS_WEBHOOK_CA_FILE=str(ca),
                        GATEPOST_EVENTS_WEBHOOK_SECRET_FILE=str(place / "secret"), GATEPOST_EVENTS_WEBHOOK_TIMEOUT="1s")
    made.secrets.append(SECRET)
    made.file = place / "events.jsonl"
    return made


def lines(gatepost):
    return [json.loads(line) for line in gatepost.file.read_text().splitlines()] if gatepost.file.exists() else []


def fates(events, queue_id):
    """Types, in the order in which they were told first: one may come twice."""
    seen = dict.fromkeys(event["id"] for event in events if event["queue_id"] == queue_id)
    types = {event["id"]: event["type"] for event in events}
    return [types[one] for one in seen]


def test_who_watches_the_queue_sees_what_happens_in_it(gatepost, context, recipient):
    gatepost.start()
    account = gatepost.account()
    command = [GATEPOST, "queue", "list", "--watch", "--json", "--to", recipient, "--dir", str(gatepost.dir)]
    with subprocess.Popen(command, env=gatepost.environment, stdout=subprocess.PIPE, text=True) as watcher:
        try:
            def sees():                                         # it may have begun to look after the first one
                assert deliver(gatepost, context, account, recipient)[0] == 250
                return select.select([watcher.stdout], [], [], 2)[0]
            until("a line", sees)
            line = json.loads(watcher.stdout.readline())
        finally:
            watcher.kill()
    assert line["event"] in ("accepted", "delivered") and recipient in json.dumps(line["data"]) and line["account"] == account.name


def test_both_receivers_are_told_what_becomes_of_a_message(gatepost, sink, context, receiver, recipient):
    gatepost.start()
    receiver.start()
    account, bad = gatepost.account(), "no." + recipient
    sink.script("RCPT", "550 5.1.1 no such user", "250 ok")
    with signed_in(gatepost, context, account) as wire:
        assert submit(wire, account.name, [bad, recipient], f"From: <{account.name}>\r\n\r\nx\r\n.\r\n")[0] == 250
    sink.wait(recipient)

    def both(what):
        return [events for events in (lines(gatepost), receiver.taken()) if [event for event in events if what(event)]]
    until("delivery and bounce at both", lambda: len(both(lambda e: e["type"] == "delivered" and e["data"].get("to") == recipient)) == 2)
    until("the bounce at both", lambda: len(both(lambda e: e["type"] == "bounced")) == 2)
    for events in (lines(gatepost), receiver.taken()):
        first = next(event for event in events if event["data"].get("sender") == account.name)
        assert first["type"] == "accepted" and first["account"] == account.name and set(first["data"]["to"]) == {bad, recipient}
        assert first["host"] == "mail.example.org" and first["time"].endswith("Z")
        assert sorted(fates(events, first["queue_id"])) == ["accepted", "bounced", "delivered"]
        bounced = next(event for event in events if event["type"] == "bounced")
        assert bounced["data"]["to"] == bad and bounced["data"]["code"] == 550 and bounced["data"]["reply"] == "no such user"
        assert len({event["id"] for event in events}) == len(events)
    for _, said, body in receiver.posts:
        signed = f"{said['Webhook-Id']}.{said['Webhook-Timestamp']}.".encode() + body
        assert said["Webhook-Signature"] == "v1," + base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
        assert abs(time.time() - int(said["Webhook-Timestamp"])) < 60 and said["Content-Type"] == "application/json"


def test_a_dead_receiver_delays_no_mail_and_a_crash_loses_no_event(gatepost, sink, context, receiver, recipient):
    gatepost.start()
    account = gatepost.account()
    receivers = [f"{n}.{recipient}" for n in range(20)]
    for at, to in enumerate(receivers):
        assert deliver(gatepost, context, account, to)[0] == 250
        if at % 7 == 3:                                         # mail that nobody lost has its events, too
            gone = gatepost.pids("queue")
            os.kill(gone[0], signal.SIGKILL)
            until("the queue again", lambda: gatepost.pids("queue") not in ([], gone) and gatepost.command("status", "--wait", "5").returncode == 0)
    for to in receivers:
        sink.wait(to)
    until("an empty queue", gatepost.is_empty)
    assert not receiver.posts and "event=events" in gatepost.log()
    receiver.answers += [500, 429]
    receiver.start()

    def delivered(events):
        return {event["data"]["to"] for event in events if event["type"] == "delivered"}
    until("all of it, in the file", lambda: delivered(lines(gatepost)) >= set(receivers))
    until("all of it, at the webhook", lambda: delivered(receiver.taken()) >= set(receivers), 60)
    for events in (lines(gatepost), receiver.taken()):
        for queue_id in {event["queue_id"] for event in events}:
            assert fates(events, queue_id)[0] == "accepted" and set(fates(events, queue_id)[1:]) == {"delivered"}
    ids = [body["Webhook-Id"] for _, body, _ in receiver.posts]
    assert ids[0].split("-")[:2] == ids[1].split("-")[:2]       # what was not taken begins at the same event again


def test_the_file_may_be_rotated_and_half_a_line_is_ended(gatepost, sink, context, recipient):
    gatepost.file.write_text('{"half":')
    gatepost.start()
    account = gatepost.account()
    assert deliver(gatepost, context, account, recipient)[0] == 250
    until("the events", lambda: gatepost.file.read_text().count('"type":"delivered"') == 1)
    first, *rest = gatepost.file.read_text().splitlines()
    assert first == '{"half":' and all(json.loads(line)["queue_id"] for line in rest)
    old = gatepost.file.with_suffix(".1")
    gatepost.file.rename(old)
    os.kill(gatepost.process.pid, signal.SIGHUP)
    until("the new file", gatepost.file.exists)
    before = old.read_text()
    assert deliver(gatepost, context, account, "two." + recipient)[0] == 250
    until("events in the new file", lambda: "delivered" in [event["type"] for event in lines(gatepost)])
    assert old.read_text() == before
