#!/usr/bin/env python3
"""The usual way, for comparison: cron starts this script, and one file remembers what was sent.

    send.py ORDER FOLDER PORT

ORDER is send-then-mark or mark-then-send. FOLDER/due.txt has a line "key address" for each message that is due;
FOLDER/sent.txt gets the key of each that was dealt with. The mail server listens on 127.0.0.1 at PORT.
"""
import os
import pathlib
import smtplib
import sys
from email.message import EmailMessage

order, folder, port = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
book = folder / "sent.txt"
done = set(book.read_text().split()) if book.exists() else set()


def mark(key):
    with book.open("a") as f:
        f.write(key + "\n")
        f.flush()
        os.fsync(f.fileno())


def send(server, key, to):
    m = EmailMessage()
    m["From"], m["To"], m["Subject"], m["X-Bod-Key"] = "keiri@aozora.example", to, "Invoice", key
    m.set_content("Please find this month's invoice.\n" * 100)
    server.send_message(m)


with smtplib.SMTP("127.0.0.1", port) as server:
    for line in (folder / "due.txt").read_text().splitlines():
        key, to = line.split()
        if key in done:
            continue
        if order == "mark-then-send":
            mark(key)
        send(server, key, to)
        if order == "send-then-mark":
            mark(key)
print("done")
