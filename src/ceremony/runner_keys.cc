// SPDX-License-Identifier: Apache-2.0
// Keys: made, opened, used, dealt anew, ended.
#include <fmt/format.h>

#include <algorithm>

#include "ceremony/runner.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "crypto/seal.h"
#include "crypto/software_signer.h"
#include "custody/frost.h"
#include "custody/health.h"
#include "custody/reshare.h"
#include "pki/crl.h"
#include "pki/crl_request.h"
#include "pki/name.h"
#include "pki/request.h"

namespace birthmark::ceremony {
namespace {

custody::Share Clone(const custody::Share& s) {
  custody::Share out{.set = s.set, .generation = s.generation, .index = s.index, .key = s.key};
  out.value = SecretBytes(s.value.size());
  std::ranges::copy(s.value.Read(SecretAccess{}), out.value.Write(SecretAccess{}).begin());
  return out;
}

std::vector<custody::Share> CloneAll(const std::vector<custody::Share>& shares) {
  std::vector<custody::Share> out;
  for (const custody::Share& s : shares) out.push_back(Clone(s));
  return out;
}

// WrapContext binds a wrapped key to its id, its public key and the set that opens it.
Bytes WrapContext(const std::string& id, const Digest& spki, ByteView set) {
  Bytes out = ToBytes("birthmark wrapped key 1:" + id + ":");
  out.insert(out.end(), spki.begin(), spki.end());
  out.insert(out.end(), set.begin(), set.end());
  return out;
}

ledger::KeyFacts FactsOf(const keystore::KeyFacts& f) {
  return {.local = f.local,
          .sensitive = f.sensitive,
          .extractable = f.extractable,
          .always_sensitive = f.always_sensitive,
          .never_extractable = f.never_extractable,
          .fixed_tpm = f.fixed_to_device,
          .derived = std::nullopt};
}

pki::NotAfter EndOf(const plan::Lifetime& lifetime, Time from) {
  if (lifetime.never) return std::nullopt;
  return from + lifetime.duration;
}

// StampAt draws a serial number for the ceremony's beginning: certificates of one ceremony carry
// one time, so that their dates do not tell how long the room took.
Result<pki::Stamp> StampAt(Time began, Rng& rng) {
  ManualClock clock(began);
  return pki::SerialSource(clock, rng, began).Next();
}

}  // namespace

pki::Marks Runner::Marks() const {
  return script_.rehearsal ? pki::RehearsalMarks() : pki::ProductionMarks();
}

const KeyKept* Runner::KeyNow(const std::string& key) const {
  if (auto it = fresh_.find(key); it != fresh_.end()) return &it->second;
  auto it = log_->state().keys.find(key);
  return it == log_->state().keys.end() ? nullptr : &it->second;
}

Result<std::vector<crypto::Certificate>> Runner::ChainOf(const std::string& key) const {
  std::vector<crypto::Certificate> out;
  std::string id = key;
  while (const KeyKept* k = KeyNow(id)) {
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(k->key.certificate));
    out.push_back(std::move(c));
    if (k->parent.empty() || out.size() > kMaxScriptKeys) break;
    id = k->parent;
  }
  return out;
}

Result<keystore::KeyStore*> Runner::StoreOf(const std::string& key, Custody custody) {
  std::unique_ptr<keystore::KeyStore>& store = stores_[key];
  if (store) return store.get();
  const fs::path folder = options_.dir / "keys";
  if (custody == Custody::kSoftware) {
    // One software store for all; opened once a key, since a store is one process's.
    auto opened = fs::exists(folder)
                      ? keystore::SoftwareKeyStore::Unlock(folder, options_.passphrase)
                      : keystore::SoftwareKeyStore::Init(folder, options_.passphrase);
    if (!opened) return std::unexpected(opened.error());
    store = std::move(*opened);
    return store.get();
  }
  const BoundStore* bound = binding_.Find(key);
  if (bound == nullptr || !options_.open_store)
    return Environment("ceremony.binding",
                       fmt::format("nothing says where the module of {} is", key),
                       "give the binding: --binding binding.toml");
  const fs::path blobs = options_.dir / "modules" / key;
  BM_CHECK(MakeDirs(blobs, 0700));
  BM_TRY(store, options_.open_store(*bound, blobs, [this, key]() {
    return room_.AskSecret(fmt::format("PIN of the module that keeps {}: ", key));
  }));
  return store.get();
}

// ForgetHalfMade takes away what an interrupted step left: a key that no committed entry names, and
// shares of a set that never came into force.
Status Runner::ForgetHalfMade(const ScriptKey& key) {
  if (!IsShared(key.custody)) {
    BM_TRY(keystore::KeyStore * store, StoreOf(key.id, key.custody));
    if (store->Facts(key.id)) return store->Destroy(key.id);
    return {};
  }
  BM_CHECK(log_->DropWrapped(key.id));
  for (const Holder& h : holders_) {
    std::error_code ec;
    for (const char* suffix : {".share", ".html"})
      fs::remove(ShareFolder(h.seat.who) / (key.id + suffix), ec);
  }
  return {};
}

Result<std::unique_ptr<crypto::Signer>> Runner::NewKey(const ScriptKey& key, KeyKept& kept,
                                                       Entries& entries) {
  kept.key.custody = key.custody;
  if (!IsShared(key.custody)) {
    BM_TRY(keystore::KeyStore * store, StoreOf(key.id, key.custody));
    BM_TRY(auto signer, store->Create(key.id, key.algorithm));
    BM_TRY(keystore::KeyFacts facts, store->Facts(key.id));
    kept.key.facts = FactsOf(facts);
    kept.key.store = facts.scheme;
    kept.place = store->uri();
    return signer;
  }
  if (key.apart) return NewKeyApart(key, kept, entries);
  const Chosen& chosen = *ceremony().chosen;
  std::vector<uint16_t> indices;
  for (const Seat& s : chosen.seats) indices.push_back(s.index);
  std::ranges::sort(indices);
  std::unique_ptr<crypto::Signer> signer;
  custody::Dealt dealt;
  if (key.custody == Custody::kThreshold) {
    BM_TRY(dealt, custody::DistributedKeyTo(chosen.threshold, indices, rng_));
    BM_TRY(signer, custody::ThresholdSigner::Make(CloneAll(dealt.shares), dealt.set, rng_));
    kept.key.store = "frost";
    kept.key.facts = {.local = true, .sensitive = true};
  } else {
    BM_TRY(dealt, custody::DealTo(chosen.threshold, indices, rng_));
    BM_TRY(custody::Recovered recovered, custody::Recover(dealt.shares, dealt.set));
    BM_TRY(auto made, crypto::SoftwareSigner::Generate(key.algorithm));
    BM_TRY(SecretBytes pkcs8, made->ToPkcs8());
    BM_TRY(Bytes wrapped,
           crypto::Seal(recovered.key, pkcs8.Read(SecretAccess{}),
                        WrapContext(key.id, made->public_key().spki_digest(), dealt.set.set)));
    BM_CHECK(log_->KeepWrapped(key.id, wrapped));
    kept.wrapped = crypto::Sha256(wrapped);
    signer = std::move(made);
    kept.key.store = "split";
    // Made here, kept only wrapped, and in memory of this machine whenever it is used.
    kept.key.facts = {
        .local = true, .sensitive = true, .extractable = true, .never_extractable = false};
  }
  BM_TRY(Entries handed, HandOut(key.id, dealt, nullptr));
  entries.insert(entries.end(), handed.begin(), handed.end());
  entries.push_back(MakeEntry(SetDealt{
      .key = key.id, .set = dealt.set, .seats = chosen.seats, .withhold = chosen.withhold}));
  for (const Seat& s : chosen.seats)
    entries.push_back(MakeEntry(Proven{
        .how = "read-back", .key = key.id, .index = s.index, .generation = dealt.set.generation}));
  return signer;
}

Result<Runner::Entries> Runner::MakeKey(const ScriptKey& key) {
  if (IsShared(key.custody) && !key.apart) BM_CHECK(HoldersBack());
  if (again_) BM_CHECK(ForgetHalfMade(key));
  Entries out;
  KeyKept kept{.key = {.id = key.id, .pki = key.pki, .name = key.name}, .parent = key.parent};
  kept.key.level = static_cast<uint32_t>(key.level);
  kept.key.algorithm = std::string(crypto::ToText(key.algorithm));
  Entries dealt;
  BM_TRY(auto signer, NewKey(key, kept, dealt));
  kept.key.spki = signer->public_key().spki_digest();

  BM_TRY(pki::Stamp stamp, StampAt(ceremony().began, rng_));
  BM_TRY(pki::Name subject, pki::Name::Make({{"O", key.organization}, {"CN", key.name}}));
  pki::Contents contents{.subject = subject,
                         .key = signer->public_key(),
                         .not_after = EndOf(key.lifetime, stamp.at),
                         .path_len = key.path_length};
  crypto::Certificate certificate;
  std::optional<ItemSigned> issued;
  if (key.parent.empty()) {
    BM_TRY(certificate, pki::SelfSign(*signer, pki::RootProfile(), Marks(), stamp, contents));
  } else {
    BM_TRY(crypto::Signer * parent, SignerOf(key.parent, out));
    BM_TRY(pki::Issuer issuer, IssuerOf(key.parent, *parent));
    BM_TRY(certificate, pki::Issue(issuer, pki::SubordinateProfile(), Marks(), stamp, contents));
    issued =
        ItemSigned{.item = {.at = Millis(Midnight(ceremony().began)),
                            .key = key.parent,
                            .name = key.id,
                            .what = SignedWhat::kCertificate,
                            .result = Bytes(certificate.der().begin(), certificate.der().end()),
                            .request = std::nullopt}};
  }
  kept.key.certificate.assign(certificate.der().begin(), certificate.der().end());
  BM_TRY(kept.key.endorsement, SignEndorsement({.at = Millis(Midnight(ceremony().began)),
                                                .key = key.id,
                                                .log = log_->identity(),
                                                .spki = kept.key.spki,
                                                .rehearsal = script_.rehearsal},
                                               *signer));
  out.push_back(MakeEntry(kept));
  out.insert(out.end(), dealt.begin(), dealt.end());
  if (issued) out.push_back(MakeEntry(*issued));
  Tell(out, true,
       fmt::format("{} ({}) was made: {}, kept as {}, certificate SHA-256 {}", key.id, key.name,
                   kept.key.algorithm, plan::ToText(key.custody), ToHex(certificate.digest())));
  live_[key.id] = std::move(signer);
  fresh_[key.id] = std::move(kept);
  return out;
}

Result<crypto::Signer*> Runner::SignerOf(const std::string& id, Entries& entries) {
  if (auto it = live_.find(id); it != live_.end()) return it->second.get();
  const KeyKept* k = KeyNow(id);
  if (k == nullptr)
    return Refused("ceremony.other-key", fmt::format("there is no key {} in this folder", id));
  std::unique_ptr<crypto::Signer> signer;
  if (!IsShared(k->key.custody)) {
    BM_TRY(keystore::KeyStore * store, StoreOf(id, k->key.custody));
    BM_TRY(signer, store->Open(id));
  } else {
    const custody::ShareSet set = log_->state().sets.at(id).dealt.set;
    std::vector<custody::Share> shares;
    if (k->place != kPlaceApart) {
      BM_TRY(shares, Gather(id, entries));
    }
    if (k->place == kPlaceApart) {
      BM_TRY(signer, SignerApart(id, set));
    } else if (k->key.custody == Custody::kThreshold) {
      BM_TRY(signer, custody::ThresholdSigner::Make(std::move(shares), set, rng_));
    } else {
      BM_TRY(custody::Recovered recovered, custody::Recover(shares, set));
      BM_TRY(Bytes wrapped, log_->Wrapped(id));
      auto pkcs8 = crypto::Open(recovered.key, wrapped, WrapContext(id, k->key.spki, set.set));
      if (!pkcs8)
        return Refused("ceremony.wrapped", fmt::format("the wrapped key {} does not open", id),
                       "the folder was changed; take the copy of the other site");
      BM_TRY(signer, crypto::SoftwareSigner::FromPkcs8(*pkcs8));
    }
  }
  if (signer->public_key().spki_digest() != k->key.spki)
    return Refused("ceremony.other-key", fmt::format("what was opened is not {}", id));
  return (live_[id] = std::move(signer)).get();
}

Result<Runner::Entries> Runner::OpenKeys() {
  Entries out;
  for (const ScriptKey& key : script_.keys) {
    BM_TRY(crypto::Signer * signer, SignerOf(key.id, out));
    // A fresh challenge, signed and verified: the key is there and is the one of the certificate.
    Bytes challenge(32);
    rng_.Fill(challenge);
    Bytes message = ToBytes("birthmark ceremony: this key was opened 1\n");
    message.insert(message.end(), challenge.begin(), challenge.end());
    BM_TRY(Bytes signature, signer->Sign(message));
    BM_TRY(std::vector<crypto::Certificate> chain, ChainOf(key.id));
    if (chain.empty() || !chain.front().public_key() ||
        !chain.front().public_key()->Verify(message, signature))
      return Refused("ceremony.other-key",
                     fmt::format("{} does not sign what its certificate verifies", key.id));
    Tell(out, true, fmt::format("{} signed a fresh challenge: it is there and usable", key.id));
  }
  return out;
}

Result<pki::Issuer> Runner::IssuerOf(const std::string& id, crypto::Signer& signer) const {
  BM_TRY(std::vector<crypto::Certificate> chain, ChainOf(id));
  if (chain.empty()) return Internal("ceremony.step", "the issuer has no certificate");
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(chain.front(), signer));
  pki::RevocationUrls urls;
  if (const ScriptKey* k = script_.FindKey(id)) {
    if (!k->crl_url.empty()) urls.crl = {k->crl_url};
    if (!k->ocsp_url.empty()) urls.ocsp = {k->ocsp_url};
  }
  return std::move(issuer).With(std::move(urls));
}

// CheckListNumber refuses a list that is not newer than the last this folder's key signed.
Status Runner::CheckListNumber(const std::string& key, uint64_t number) const {
  for (const CeremonyState& c : log_->state().ceremonies) {
    for (const ItemSigned& s : c.signed_items) {
      if (s.item.what != SignedWhat::kCrl || s.item.key != key) continue;
      BM_TRY(std::vector<crypto::PemBlock> lists, crypto::ReadPem(AsText(s.item.result)));
      for (const crypto::PemBlock& list : lists) {
        BM_TRY(pki::Crl crl, pki::ReadCrl(list.der));
        if (crl.number.value_or(0) >= number)
          return Refused("ceremony.crl-older",
                         fmt::format("{} signed a list with number {} before; this asks for {}",
                                     key, crl.number.value_or(0), number),
                         "ask for the next number");
      }
    }
  }
  return {};
}

Result<SignedItem> Runner::Answer(const ScriptRequest& q, const std::string& text,
                                  Entries& entries) {
  SignedItem item{.at = Millis(Midnight(ceremony().began)), .key = q.issuer, .name = q.name};
  if (q.crl) {
    BM_TRY(pki::CrlRequest request, pki::ReadCrlRequest(text));
    const KeyKept* k = KeyNow(q.issuer);
    if (k == nullptr || request.ca != q.issuer || request.issuer != k->key.spki ||
        request.rehearsal != script_.rehearsal)
      return Refused("ceremony.request-issuer",
                     fmt::format("{} asks another authority for its lists", q.name),
                     "review a script whose [[request]] names that authority as issuer");
    BM_CHECK(CheckListNumber(q.issuer, request.number));
    room_.Say(fmt::format("lists of {}: number {} and {} in reserve, {} revoked", request.ca,
                          request.number, request.reserve, request.entries.size()));
    BM_TRY(crypto::Signer * signer, SignerOf(q.issuer, entries));
    BM_TRY(std::vector<crypto::Certificate> chain, ChainOf(q.issuer));
    BM_TRY(std::vector<Bytes> lists, pki::SignCrls(request, chain.front(), *signer));
    item.what = SignedWhat::kCrl;
    item.result = ToBytes(pki::WriteCrlResponse(lists));
    item.request = pki::CrlRequestDigest(request);
  } else {
    BM_TRY(pki::Request request, pki::CheckRequest(text));
    room_.Say(fmt::format("request {}: \"{}\", level {}, key {}", q.name, request.terms.name,
                          request.terms.level, ToHex(request.csr.key.spki_digest())));
    BM_TRY(crypto::Signer * signer, SignerOf(q.issuer, entries));
    BM_TRY(pki::Issuer issuer, IssuerOf(q.issuer, *signer));
    BM_TRY(std::vector<crypto::Certificate> chain, ChainOf(q.issuer));
    BM_TRY(pki::Stamp stamp, StampAt(ceremony().began, rng_));
    BM_TRY(std::string response, pki::SignRequest(request, issuer, Marks(), stamp, chain));
    item.what = SignedWhat::kResponse;
    item.result = ToBytes(response);
    item.request = request.digest;
  }
  return item;
}

Result<Runner::Entries> Runner::SignRequests() {
  Entries out;
  const fs::path folder = options_.requests.empty() ? options_.dir / "in" : options_.requests;
  size_t octets = 0;
  for (const ScriptRequest& q : script_.requests) {
    const std::string file = q.name + (q.crl ? ".crl-request" : ".request");
    BM_TRY(std::string text, ReadTextFile(folder / file, pki::kMaxCrlRequestBytes));
    if (crypto::Sha256(AsBytes(text)) != q.digest) {
      return Refused("ceremony.request-changed",
                     fmt::format("{} is not the file that was reviewed", file),
                     "carry the reviewed request in, or review a new script");
    }
    BM_TRY(SignedItem item, Answer(q, text, out));
    octets += item.result.size();
    if (octets > kMaxRecordBytes / 2)
      return Refused("ceremony.requests", "the answers are more than one record holds",
                     "split the requests over two ceremonies, or ask for a smaller reserve");
    out.push_back(MakeEntry(ItemSigned{.item = std::move(item)}));
    Tell(out, true, fmt::format("{} signed the request {}", q.issuer, file));
  }
  return out;
}

Result<Runner::Entries> Runner::Reshare(const ScriptKey& key) {
  if (key.apart) return ReshareApart(key);
  BM_CHECK(HoldersBack());
  Entries out;
  const custody::ShareSet old_set = log_->state().sets.at(key.id).dealt.set;
  const Chosen chosen = *ceremony().chosen;
  BM_TRY(std::vector<custody::Share> shares, Gather(key.id, out));
  std::vector<uint16_t> indices;
  for (const Seat& s : chosen.seats) indices.push_back(s.index);
  std::ranges::sort(indices);
  BM_TRY(custody::Dealt dealt,
         custody::ReshareTo(shares, old_set, chosen.threshold, indices, rng_));
  shares.clear();
  std::vector<custody::Share> back;
  BM_TRY(Entries handed, HandOut(key.id, dealt, &back));
  // Each new holder's share, as read back from the medium, proves itself; only then may the old
  // generation end.
  std::vector<custody::ShareProof> proofs;
  for (const custody::Share& s : back) {
    BM_TRY(custody::ShareProof p,
           custody::ProveShare(s, custody::SwitchStatement(dealt.set), rng_));
    proofs.push_back(std::move(p));
  }
  BM_CHECK(custody::MaySwitch(old_set, dealt.set, proofs));
  out.insert(out.end(), handed.begin(), handed.end());
  out.push_back(MakeEntry(SetDealt{
      .key = key.id, .set = dealt.set, .seats = chosen.seats, .withhold = chosen.withhold}));
  for (const Seat& s : chosen.seats)
    out.push_back(MakeEntry(Proven{
        .how = "read-back", .key = key.id, .index = s.index, .generation = dealt.set.generation}));
  Tell(out, true,
       fmt::format("the shares of {} were dealt anew; all earlier ones are dead", key.id));
  return out;
}

Result<Runner::Entries> Runner::DestroyKey(const ScriptKey& key) {
  Entries out;
  BM_TRY(std::string typed,
         room_.Ask(fmt::format("type the key's id to end it for good ({}): ", key.id)));
  if (typed != key.id)
    return Refused("ceremony.not-confirmed", "the key's id was not typed; it was left as it is",
                   "resume, or stop");
  std::string how;
  if (key.custody == Custody::kThreshold) {
    how = "every Key Executive destroys the share; the machine never had the key";
  } else if (key.custody == Custody::kSplit) {
    BM_CHECK(log_->DropWrapped(key.id));
    how = "the wrapped key was erased here; copies of this folder are destroyed by hand";
  } else {
    BM_TRY(keystore::KeyStore * store, StoreOf(key.id, key.custody));
    // A store that does not have it any more lost it to an earlier try of this step.
    Status gone = store->Destroy(key.id);
    if (!gone && gone.error().code != "keystore.missing") return std::unexpected(gone.error());
    how = "destroyed in " + store->uri();
  }
  live_.erase(key.id);
  out.push_back(MakeEntry(KeyEnded{.how = how, .key = key.id}));
  Tell(out, true, fmt::format("{} was ended: {}", key.id, how));
  return out;
}

}  // namespace birthmark::ceremony
