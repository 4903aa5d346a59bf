// SPDX-License-Identifier: Apache-2.0
#include "ledger/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "crypto/digest.h"

namespace birthmark::ledger {
namespace {

constexpr size_t kMaxNote = 64 << 10;
constexpr size_t kMaxSignatures = 100;
constexpr std::string_view kDash = "\xe2\x80\x94 ";  // U+2014 and a space
constexpr uint8_t kEd25519 = 0x01;                   // signed-note: signature type
// SubjectPublicKeyInfo of Ed25519 up to the key itself (RFC 8410 section 4).
constexpr uint8_t kSpkiPrefix[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                   0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

std::unexpected<Error> BadNote(std::string_view what) {
  return Refused("note.malformed", fmt::format("signed note: {}", what),
                 "take the checkpoint file again from where it was kept");
}
std::unexpected<Error> BadKey(std::string_view what) {
  return Refused("note.key", fmt::format("note key: {}", what));
}

// StrictBase64 takes only what ToBase64 would have written.
std::optional<Bytes> StrictBase64(std::string_view s) {
  auto b = FromBase64(s);
  if (!b || ToBase64(*b) != s) return std::nullopt;
  return b;
}

// HasSpace knows the white space of Unicode (White_Space=yes).
bool HasSpace(std::string_view s) {
  for (std::string_view w :
       {" ", "\t", "\n", "\v", "\f", "\r", "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"}) {
    if (s.find(w) != s.npos) return true;
  }
  for (size_t i = s.find("\xe2\x80"); i != s.npos; i = s.find("\xe2\x80", i + 1)) {
    if (i + 2 < s.size() && static_cast<uint8_t>(s[i + 2]) >= 0x80 &&
        static_cast<uint8_t>(s[i + 2]) <= 0x8a) {
      return true;  // U+2000 to U+200A
    }
  }
  return false;
}

bool GoodName(std::string_view name) {
  return !name.empty() && IsUtf8(name) && !HasSpace(name) && name.find('+') == name.npos &&
         std::ranges::none_of(name, [](char c) { return static_cast<uint8_t>(c) < 0x20; });
}

std::array<uint8_t, 4> KeyId(std::string_view name, ByteView raw) {
  const uint8_t middle[] = {'\n', kEd25519};
  Digest d = crypto::Sha256(AsBytes(name), ByteView(middle), raw);
  return {d[0], d[1], d[2], d[3]};
}

ByteView RawKey(const crypto::PublicKey& key) { return key.spki().subspan(sizeof kSpkiPrefix); }

}  // namespace

Result<Note> ParseNote(std::string_view s) {
  if (s.size() > kMaxNote) return BadNote("larger than 64 KiB");
  if (!IsUtf8(s)) return BadNote("not UTF-8");
  for (char c : s) {
    if (static_cast<uint8_t>(c) < 0x20 && c != '\n') return BadNote("a control character");
  }
  size_t split = s.rfind("\n\n");
  if (split == s.npos) return BadNote("no empty line between text and signatures");
  Note note;
  note.text = s.substr(0, split + 1);
  std::string_view rest = s.substr(split + 2);
  if (rest.empty()) return BadNote("no signature");
  while (!rest.empty()) {
    size_t end = rest.find('\n');
    if (end == rest.npos) return BadNote("the last line has no end");
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (!line.starts_with(kDash)) return BadNote("a signature line without its dash");
    line.remove_prefix(kDash.size());
    size_t space = line.find(' ');
    if (space == line.npos) return BadNote("a signature line without a signature");
    NoteSignature sig;
    sig.name = line.substr(0, space);
    if (!GoodName(sig.name)) return BadNote("a key name with spaces or \"+\"");
    auto raw = StrictBase64(line.substr(space + 1));
    if (!raw || raw->size() < 5)
      return BadNote("a signature that is not base64 of key id and signature");
    std::copy_n(raw->begin(), 4, sig.key_id.begin());
    sig.signature.assign(raw->begin() + 4, raw->end());
    note.signatures.push_back(std::move(sig));
    if (note.signatures.size() > kMaxSignatures) return BadNote("more than 100 signatures");
  }
  return note;
}

std::string FormatNote(const Note& note) {
  std::string out = note.text + "\n";
  for (const NoteSignature& s : note.signatures) {
    Bytes raw(s.key_id.begin(), s.key_id.end());
    raw.insert(raw.end(), s.signature.begin(), s.signature.end());
    out += fmt::format("{}{} {}\n", kDash, s.name, ToBase64(raw));
  }
  return out;
}

Result<NoteKey> NoteKey::Of(std::string name, const crypto::PublicKey& key) {
  if (!GoodName(name)) return BadKey("a name must have neither spaces nor \"+\"");
  if (key.algorithm() != crypto::Algorithm::kEd25519) return BadKey("not an Ed25519 key");
  NoteKey k;
  k.id_ = KeyId(name, RawKey(key));
  k.name_ = std::move(name);
  k.key_ = key;
  return k;
}

Result<NoteKey> NoteKey::FromText(std::string_view vkey) {
  // The name has no "+", base64 may have some: split at the first two.
  size_t a = vkey.find('+');
  size_t b = a == vkey.npos ? a : vkey.find('+', a + 1);
  if (b == vkey.npos || vkey.size() > 4096) return BadKey("is not name+hash+key");
  auto raw = StrictBase64(vkey.substr(b + 1));
  if (!raw || raw->size() != 33 || raw->front() != kEd25519)
    return BadKey("is not of type Ed25519");
  Bytes spki(std::begin(kSpkiPrefix), std::end(kSpkiPrefix));
  spki.insert(spki.end(), raw->begin() + 1, raw->end());
  BM_TRY(crypto::PublicKey key, crypto::PublicKey::FromSpki(spki));
  BM_TRY(NoteKey k, Of(std::string(vkey.substr(0, a)), key));
  if (ToHex(k.id_) != vkey.substr(a + 1, b - a - 1))
    return BadKey("the hash is not that of the key");
  return k;
}

std::string NoteKey::ToText() const {
  Bytes raw{kEd25519};
  ByteView k = RawKey(key_);
  raw.insert(raw.end(), k.begin(), k.end());
  return fmt::format("{}+{}+{}", name_, ToHex(id_), ToBase64(raw));
}

Status VerifyNote(const Note& note, const NoteKey& key) {
  bool found = false;
  for (const NoteSignature& s : note.signatures) {
    // signed-note "Signatures": a line is ours only if name and id both match; then it must verify.
    if (s.name != key.name() || s.key_id != key.id()) continue;
    if (!key.key().Verify(AsBytes(note.text), s.signature)) {
      return Refused("note.signature",
                     fmt::format("the signature of {} does not verify", key.name()));
    }
    found = true;
  }
  if (!found) return Refused("note.unsigned", fmt::format("no signature of {}", key.name()));
  return {};
}

std::string FormatCheckpoint(const Checkpoint& c) {
  std::string out = fmt::format("{}\n{}\n{}\n", c.origin, c.size, ToBase64(c.root));
  for (const std::string& e : c.extensions) out += e + "\n";
  return out;
}

Result<Checkpoint> ParseCheckpoint(std::string_view text) {
  auto bad = [](std::string_view what) {
    return Refused("checkpoint.malformed", fmt::format("checkpoint: {}", what));
  };
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    size_t end = text.find('\n');
    if (end == text.npos) return bad("the last line has no end");
    if (end == 0) return bad("an empty line");
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  if (lines.size() < 3) return bad("fewer than three lines");
  Checkpoint c;
  c.origin = lines[0];
  std::string_view n = lines[1];
  auto [p, ec] = std::from_chars(n.data(), n.data() + n.size(), c.size);
  // tlog-checkpoint "Note text": decimal without leading zeroes.
  if (ec != std::errc() || fmt::format("{}", c.size) != n)
    return bad("the size is not a decimal number");
  if (c.size > INT64_MAX) return bad("the size is out of range");
  auto root = StrictBase64(lines[2]);
  if (!root || root->size() != c.root.size()) return bad("the root is not base64 of 32 bytes");
  std::copy(root->begin(), root->end(), c.root.begin());
  for (size_t i = 3; i < lines.size(); ++i) c.extensions.emplace_back(lines[i]);
  return c;
}

Result<std::string> SignCheckpoint(const Checkpoint& c, crypto::Signer& signer) {
  BM_TRY(NoteKey key, NoteKey::Of(c.origin, signer.public_key()));
  Note note;
  note.text = FormatCheckpoint(c);
  BM_TRY(Bytes sig, signer.Sign(AsBytes(note.text)));
  note.signatures.push_back({c.origin, key.id(), std::move(sig)});
  return FormatNote(note);
}

Result<Checkpoint> OpenCheckpoint(std::string_view text, const NoteKey& key) {
  BM_TRY(Note note, ParseNote(text));
  BM_CHECK(VerifyNote(note, key));
  BM_TRY(Checkpoint c, ParseCheckpoint(note.text));
  if (c.origin != key.name()) {
    return Refused("checkpoint.malformed",
                   fmt::format("checkpoint: of log {}, signed by {}", c.origin, key.name()));
  }
  return c;
}

}  // namespace birthmark::ledger
