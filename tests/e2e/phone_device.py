#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# An independent view of a phone's device: the station protocol and HPKE (RFC 9180) written down once
# more, with nothing of the program's own code. It starts the emulated device on the state that the
# line left and asks it.
#   phone_device.py PROGRAM STATE check                 the symmetric secret's check value
#   phone_device.py PROGRAM STATE password TEXT         "match" or "no match"
#   phone_device.py PROGRAM STATE group                 SHA-256 of the group key's SPKI
#   phone_device.py PROGRAM STATE chain                 the group key's certificate, PEM
#   phone_device.py PROGRAM STATE put                   what a put of a new secret is refused with
#   phone_device.py PROGRAM STATE open CERT             encrypts to the certificate's key; the device opens it
#   phone_device.py PROGRAM STATE tam FILE              what the TAM says to a message
import hashlib, hmac, os, re, select, ssl, subprocess, sys, termios, tty, zlib

REPORT_SECONDS = 10


def cbor(value):
    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        for code, size in ((24, 1), (25, 2), (26, 4)):
            if n < 1 << 8 * size:
                return bytes([major << 5 | code]) + n.to_bytes(size, "big")
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        items = sorted((cbor(k), cbor(v)) for k, v in value.items())
        return head(5, len(items)) + b"".join(k + v for k, v in items)
    raise TypeError(value)


def uncbor(data, at=0):
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    n = info
    if info in (24, 25, 26, 27):
        size = 1 << info - 24
        n = int.from_bytes(data[at:at + size], "big")
        at += size
    if major == 0:
        return n, at
    if major in (2, 3):
        raw = data[at:at + n]
        return (raw if major == 2 else raw.decode()), at + n
    if major == 4:
        out = []
        for _ in range(n):
            v, at = uncbor(data, at)
            out.append(v)
        return out, at
    if major == 5:
        out = {}
        for _ in range(n):
            k, at = uncbor(data, at)
            out[k], at = uncbor(data, at)
        return out, at
    return {20: False, 21: True}.get(n), at


class Device:
    def __init__(self, program, state):
        self.process = subprocess.Popen(
            [program, "--board", "bmc", "--state", state, "--console", "pty", "--lifetime-seconds", "60"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        path = re.search(rb"console=(\S+)", self.process.stdout.readline()).group(1)
        self.port = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.port, termios.TCSANOW)
        self.sequence = 1

    def frame(self, kind, payload):
        body = bytes([1, 8, kind]) + self.sequence.to_bytes(4, "little") + payload
        body += zlib.crc32(body).to_bytes(4, "little")
        stuffed = body.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e")
        os.write(self.port, b"\x7e" + stuffed + b"\x7e")

    def read(self):
        data = b""
        while True:
            ready, _, _ = select.select([self.port], [], [], REPORT_SECONDS)
            if not ready:
                sys.exit("the device does not answer")
            data += os.read(self.port, 4096)
            for part in data.split(b"\x7e")[1:-1]:
                body = re.sub(rb"\x7d(.)", lambda m: bytes([m.group(1)[0] ^ 0x20]), part, flags=re.S)
                if len(body) > 11 and body[1] & 1 and body[3:7] == self.sequence.to_bytes(4, "little"):
                    assert zlib.crc32(body[:-4]).to_bytes(4, "little") == body[-4:]
                    return body[1], body[7:-4]

    def ask(self, kind, args):
        self.frame(kind, cbor(args))
        flags, payload = self.read()
        self.sequence += 1
        value, _ = uncbor(payload)
        return flags & 4, value

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def extract(suite, salt, label, ikm):
    return hmac.new(salt, b"HPKE-v1" + suite + label + ikm, hashlib.sha256).digest()


def expand(suite, prk, label, info, n):
    return hmac.new(prk, n.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\x01", hashlib.sha256).digest()[:n]


def seal(public, info, aad, text):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    point = lambda k: k.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    own = ec.generate_private_key(ec.SECP256R1())
    enc, kem, suite = point(own.public_key()), b"KEM\x00\x10", b"HPKE\x00\x10\x00\x01\x00\x01"
    prk = extract(kem, b"", b"eae_prk", own.exchange(ec.ECDH(), public))
    shared = expand(kem, prk, b"shared_secret", enc + point(public), 32)
    context = b"\x00" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    key, nonce = expand(suite, secret, b"key", context, 16), expand(suite, secret, b"base_nonce", context, 12)
    return enc, AESGCM(key).encrypt(nonce, text, aad)


program, state, what, *rest = sys.argv[1:]
device = Device(program, state)
if what == "check":
    print(device.ask(46, {"slot": "symmetric"})[1]["check"].hex())
elif what == "password":
    print("match" if device.ask(46, {"slot": "password", "guess": rest[0].encode()})[1]["match"] else "no match")
elif what == "group":
    print(hashlib.sha256(device.ask(7, {"slot": "group"})[1]["public_key"]).hexdigest())
elif what == "chain":
    der = device.ask(10, {"slot": "group"})[1]["chain"][0]
    print(ssl.DER_cert_to_PEM_cert(der), end="")
elif what == "put":
    failed, answer = device.ask(45, {"slot": "symmetric", "secret": bytes(16), "replace": True})
    print("refused" if failed else "taken")
elif what == "tam":
    with open(rest[0], "rb") as f:
        print(device.ask(62, {"object": f.read()})[1]["text"])
elif what == "open":
    from cryptography import x509
    with open(rest[0], "rb") as f:
        certificate = x509.load_pem_x509_certificate(f.read())
    text = os.urandom(100)
    enc, ct = seal(certificate.public_key(), b"an update", b"version 2", text)
    _, good = device.ask(47, {"enc": enc, "object": ct, "info": b"an update", "aad": b"version 2"})
    _, bad = device.ask(47, {"enc": enc, "object": ct, "info": b"an update", "aad": b"version 3"})
    print("opened" if good["opened"] and good["sha256"] == hashlib.sha256(text).digest() and not bad["opened"] else "not opened")
device.close()
