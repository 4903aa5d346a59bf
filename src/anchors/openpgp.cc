// SPDX-License-Identifier: Apache-2.0
// The only file that knows librnp.
#include "anchors/openpgp.h"

#include <fmt/format.h>
#include <rnp/rnp.h>
#include <rnp/rnp_err.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "anchors/openpgp_packets.h"
#include "crypto/openssl.h"

namespace birthmark::anchors {
namespace {

constexpr size_t kMaxKeys = 1024;
// The last moment of OpenPGP's 32 bits (RFC 9580 section 3.5).
constexpr uint64_t kEndOfTime = 0xffffffff;

template <auto Free>
using Rnp = crypto::Deleter<Free>;
using Ffi = std::unique_ptr<rnp_ffi_st, Rnp<rnp_ffi_destroy>>;
using Input = std::unique_ptr<rnp_input_st, Rnp<rnp_input_destroy>>;
using Key = std::unique_ptr<rnp_key_handle_st, Rnp<rnp_key_handle_destroy>>;
using Ids = std::unique_ptr<rnp_identifier_iterator_st, Rnp<rnp_identifier_iterator_destroy>>;
using Signature = std::unique_ptr<rnp_signature_handle_st, Rnp<rnp_signature_handle_destroy>>;
using Uid = std::unique_ptr<rnp_uid_handle_st, Rnp<rnp_uid_handle_destroy>>;
using Output = std::unique_ptr<rnp_output_st, Rnp<rnp_output_destroy>>;
using Text = std::unique_ptr<char, Rnp<rnp_buffer_destroy>>;

std::unexpected<Error> Malformed(std::string what) {
  return Refused("anchors.openpgp-malformed", "OpenPGP keyring: " + std::move(what),
                 "export the keys again: gpg --export KEY…");
}

// Ask calls one of librnp's text getters; empty when it fails.
template <class Getter>
std::string Ask(Getter getter, rnp_key_handle_t key) {
  char* text = nullptr;
  if (getter(key, &text) != RNP_SUCCESS || text == nullptr) return "";
  const Text owned(text);
  return owned.get();
}

bool Allows(rnp_key_handle_t key, const char* use) {
  bool yes = false;
  return rnp_key_allows_usage(key, use, &yes) == RNP_SUCCESS && yes;
}

std::string AlgorithmName(rnp_key_handle_t key, uint32_t bits) {
  const std::string alg = Ask(rnp_key_get_alg, key);
  if (alg == RNP_ALGNAME_RSA) return fmt::format("rsa-{}", bits);
  if (alg == RNP_ALGNAME_DSA) return fmt::format("dsa-{}", bits);
  if (alg == RNP_ALGNAME_ELGAMAL) return fmt::format("elgamal-{}", bits);
  const std::string curve = Ask(rnp_key_get_curve, key);
  if (alg == RNP_ALGNAME_EDDSA && curve == "Ed25519") return "ed25519";
  if (alg == RNP_ALGNAME_ECDH) return "ecdh-" + curve;
  if (curve == "NIST P-256") return "ecdsa-p256";
  if (curve == "NIST P-384") return "ecdsa-p384";
  if (curve == "NIST P-521") return "ecdsa-p521";
  return alg + (curve.empty() ? "" : "-" + curve);
}

std::string Label(rnp_key_handle_t primary) {
  std::string uid = Ask(rnp_key_get_primary_uid, primary);
  if (uid.empty()) {
    char* first = nullptr;
    if (rnp_key_get_uid_at(primary, 0, &first) == RNP_SUCCESS && first != nullptr)
      uid = Text(first).get();
  }
  if (uid.empty()) return "(no user id)";
  if (uid.size() > 1024 || !IsUtf8(uid)) return "(a user id that is no text)";
  return uid;
}

// EntryOf takes the lifetime in seconds from creation, 0 for a key that does not expire.
Result<AnchorEntry> EntryOf(rnp_key_handle_t key, EntryForm form, std::string label,
                            uint32_t lifetime) {
  AnchorEntry e;
  e.form = form;
  e.label = std::move(label);
  const auto fingerprint = FromHex(Ask(rnp_key_get_fprint, key));
  if (!fingerprint || fingerprint->empty()) return Malformed("a key has no fingerprint");
  e.fingerprint = *fingerprint;
  e.key_id = FromHex(Ask(rnp_key_get_keyid, key));
  uint32_t bits = 0, created = 0;
  if (rnp_key_get_bits(key, &bits) != RNP_SUCCESS ||
      rnp_key_get_creation(key, &created) != RNP_SUCCESS) {
    return Malformed("a key has no size or no date");
  }
  e.key_bits = bits;
  e.algorithm = AlgorithmName(key, bits);
  e.not_before = created;
  if (lifetime != 0) e.not_after = int64_t{created} + lifetime;
  std::string uses;
  for (const char* use : {"certify", "sign", "encrypt", "authenticate"}) {
    if (Allows(key, use)) uses += (uses.empty() ? "" : " ") + std::string(use);
  }
  bool revoked = false;
  if (rnp_key_is_revoked(key, &revoked) == RNP_SUCCESS && revoked) uses += " revoked";
  e.uses = uses;
  return e;
}

// Load gives a librnp with these keys in it. It judges at the end of time: no signature is from the
// future then, and the facts do not depend on the day a reader runs this.
Result<Ffi> Load(ByteView data) {
  rnp_ffi_t raw_ffi = nullptr;
  if (rnp_ffi_create(&raw_ffi, RNP_KEYSTORE_GPG, RNP_KEYSTORE_GPG) != RNP_SUCCESS) {
    return Environment("anchors.openpgp-library", "librnp does not start");
  }
  Ffi ffi(raw_ffi);
  rnp_set_timestamp(ffi.get(), kEndOfTime);
  rnp_input_t raw_input = nullptr;
  if (rnp_input_from_memory(&raw_input, data.data(), data.size(), false) != RNP_SUCCESS) {
    return Malformed("cannot be read");
  }
  const Input input(raw_input);
  if (rnp_import_keys(ffi.get(), input.get(), RNP_LOAD_SAVE_PUBLIC_KEYS, nullptr) != RNP_SUCCESS) {
    return Malformed("holds something that is not a whole OpenPGP key");
  }
  return ffi;
}

// Keys gives the fingerprints of all keys, in the keyring's order.
std::vector<std::string> Keys(rnp_ffi_t ffi) {
  rnp_identifier_iterator_t raw = nullptr;
  if (rnp_identifier_iterator_create(ffi, &raw, "fingerprint") != RNP_SUCCESS) return {};
  const Ids ids(raw);
  std::vector<std::string> out;
  const char* fingerprint = nullptr;
  while (rnp_identifier_iterator_next(ids.get(), &fingerprint) == RNP_SUCCESS &&
         fingerprint != nullptr) {
    out.emplace_back(fingerprint);
  }
  return out;
}

Key Locate(rnp_ffi_t ffi, const std::string& fingerprint) {
  rnp_key_handle_t handle = nullptr;
  if (rnp_locate_key(ffi, "fingerprint", fingerprint.c_str(), &handle) != RNP_SUCCESS)
    return nullptr;
  return Key(handle);
}

std::vector<Key> Subkeys(rnp_key_handle_t primary) {
  size_t n = 0;
  std::vector<Key> out;
  if (rnp_key_get_subkey_count(primary, &n) != RNP_SUCCESS) return out;
  for (size_t i = 0; i < n; ++i) {
    rnp_key_handle_t handle = nullptr;
    if (rnp_key_get_subkey_at(primary, i, &handle) == RNP_SUCCESS && handle != nullptr)
      out.emplace_back(handle);
  }
  return out;
}

// Expiration reads the hashed key expiration subpacket out of librnp's dump of a signature, one
// member a line: its API tells the key's expiration from the newest self-signature whether that
// speaks of expiry or not, and a later designation of revokers does not.
std::optional<uint32_t> Expiration(rnp_signature_handle_t signature) {
  char* dump = nullptr;
  if (rnp_signature_packet_to_json(signature, 0, &dump) != RNP_SUCCESS || dump == nullptr)
    return std::nullopt;
  const Text owned(dump);
  constexpr std::string_view kMember = "\"key expiration\":";
  bool hashed = false;
  std::string_view rest = dump;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.starts_with("\"hashed\":")) hashed = line.starts_with("\"hashed\":true");
    if (!hashed || !line.starts_with(kMember)) continue;
    line.remove_prefix(kMember.size());
    uint32_t seconds = 0;
    if (std::from_chars(line.data(), line.data() + line.size(), seconds).ec == std::errc())
      return seconds;
  }
  return std::nullopt;
}

// SelfStatement is what a key's newest valid self-signature of one sort says about expiry.
struct SelfStatement {
  uint32_t made = 0;
  std::optional<uint32_t> expiration;
  void Take(rnp_signature_handle_t raw, const std::string& own, std::string_view sort) {
    const Signature signature(raw);
    char *key_id = nullptr, *type = nullptr;
    uint32_t created = 0;
    if (rnp_signature_get_keyid(raw, &key_id) != RNP_SUCCESS || key_id == nullptr) return;
    if (Text(key_id).get() != own) return;
    if (rnp_signature_get_type(raw, &type) != RNP_SUCCESS || type == nullptr) return;
    if (!std::string_view(Text(type).get()).starts_with(sort)) return;
    if (rnp_signature_get_creation(raw, &created) != RNP_SUCCESS || created < made) return;
    if (rnp_signature_is_valid(raw, 0) != RNP_SUCCESS) return;
    const auto says = Expiration(raw);
    // A direct-key signature may be silent about expiry; a certification of a user id never is:
    // silence there means that the key does not expire (RFC 9580 section 5.2.3.13).
    if (!says && sort == "direct") return;
    made = created;
    expiration = says;
  }
};

// PrimaryLifetime is seconds from creation, absent when the key does not expire. A direct-key
// signature speaks for the key before a certification of a user id does (RFC 9580
// section 5.2.3.10).
std::optional<uint32_t> PrimaryLifetime(rnp_key_handle_t key) {
  const std::string own = Ask(rnp_key_get_keyid, key);
  size_t n = 0;
  rnp_signature_handle_t signature = nullptr;
  SelfStatement direct, certification;
  rnp_key_get_signature_count(key, &n);
  for (size_t i = 0; i < n; ++i) {
    if (rnp_key_get_signature_at(key, i, &signature) == RNP_SUCCESS)
      direct.Take(signature, own, "direct");
  }
  if (direct.expiration) return direct.expiration;
  size_t uids = 0;
  rnp_key_get_uid_count(key, &uids);
  for (size_t i = 0; i < uids; ++i) {
    rnp_uid_handle_t raw = nullptr;
    if (rnp_key_get_uid_handle_at(key, i, &raw) != RNP_SUCCESS) continue;
    const Uid uid(raw);
    rnp_uid_get_signature_count(uid.get(), &n);
    for (size_t s = 0; s < n; ++s) {
      if (rnp_uid_get_signature_at(uid.get(), s, &signature) == RNP_SUCCESS) {
        certification.Take(signature, own, "certification");
      }
    }
  }
  return certification.expiration;
}

// AddKey adds a primary key and its subkeys, none of which outlives it.
Status AddKey(rnp_key_handle_t key, AnchorFacts& facts) {
  const std::string label = Label(key);
  const auto lifetime = PrimaryLifetime(key);
  BM_TRY(AnchorEntry e, EntryOf(key, EntryForm::kOpenpgpKey, label, lifetime.value_or(0)));
  const auto primary_end = e.not_after;
  facts.entries.push_back(std::move(e));
  for (const Key& subkey : Subkeys(key)) {
    if (facts.entries.size() >= kMaxKeys) return Malformed("holds more than 1024 keys");
    uint32_t own_lifetime = 0;
    rnp_key_get_expiration(subkey.get(), &own_lifetime);
    BM_TRY(AnchorEntry s, EntryOf(subkey.get(), EntryForm::kOpenpgpSubkey, label, own_lifetime));
    if (primary_end) s.not_after = std::min(s.not_after.value_or(*primary_end), *primary_end);
    facts.entries.push_back(std::move(s));
  }
  return {};
}

// Dearmour gives the packets inside ASCII armour (RFC 9580 section 6).
Result<Bytes> Dearmour(ByteView data) {
  rnp_input_t raw_input = nullptr;
  rnp_output_t raw_output = nullptr;
  if (rnp_input_from_memory(&raw_input, data.data(), data.size(), false) != RNP_SUCCESS) {
    return Malformed("cannot be read");
  }
  const Input input(raw_input);
  if (rnp_output_to_memory(&raw_output, data.size()) != RNP_SUCCESS)
    return Malformed("cannot be read");
  const Output output(raw_output);
  uint8_t* packets = nullptr;
  size_t size = 0;
  if (rnp_dearmor(input.get(), output.get()) != RNP_SUCCESS ||
      rnp_output_memory_get_buf(output.get(), &packets, &size, false) != RNP_SUCCESS || size == 0) {
    return Malformed("has broken ASCII armour");
  }
  return Bytes(packets, packets + size);
}

}  // namespace

Result<AnchorFacts> ReadOpenpgpKeyring(ByteView data) {
  Bytes dearmoured;
  if (data.empty()) return Malformed("is empty");
  if (!(data[0] & 0x80)) {
    BM_TRY(dearmoured, Dearmour(data));
    data = dearmoured;
  }
  // librnp tells its troubles to standard error; what is not even framed never reaches it.
  BM_CHECK(CheckOpenpgpPackets(data));
  BM_TRY(const Ffi ffi, Load(data));
  AnchorFacts facts;
  facts.kind = FileKind::kOpenpgpKeyring;
  for (const std::string& fingerprint : Keys(ffi.get())) {
    const Key key = Locate(ffi.get(), fingerprint);
    bool primary = false;
    if (!key || rnp_key_is_primary(key.get(), &primary) != RNP_SUCCESS || !primary) continue;
    if (facts.entries.size() >= kMaxKeys) return Malformed("holds more than 1024 keys");
    BM_CHECK(AddKey(key.get(), facts));
  }
  if (facts.entries.empty()) return Malformed("holds no key");
  return facts;
}

}  // namespace birthmark::anchors
