// SPDX-License-Identifier: Apache-2.0
// Makes the authorities of one PKI of the plan, level by level: keys in the online or the offline
// store, requests and responses as carried files, certificates, and the events that tell of it.
// Leaves out what they issue. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/layout.h"
#include "crypto/cert.h"
#include "keystore/routed.h"
#include "ledger/event.h"
#include "ledger/events.h"
#include "pki/profile.h"
#include "pki/request.h"
#include "pki/serial.h"
#include "plan/plan.h"

namespace birthmark::app {

// Stores are the two places for keys; the offline one is absent when a command does not need it.
struct Stores {
  keystore::RoutedKeyStore* online = nullptr;
  keystore::RoutedKeyStore* offline = nullptr;
};

// Authority is one certification authority that exists.
struct Authority {
  std::string id;  // "identity-2.1": PKI, level, number at that level
  std::string pki;
  int level = 1;
  bool offline = false;
  std::string name;
  crypto::Certificate certificate;
};

// Issued is an end-entity certificate the manufacturer keeps the key of.
struct Issued {
  std::string key_id;
  std::vector<crypto::Certificate> chain;  // itself first, without the root
};

class AuthorityMaker {
 public:
  AuthorityMaker(const Layout& layout, const plan::Plan& plan, Stores stores, pki::Marks marks,
                 std::string workspace, pki::SerialSource& serials, const Clock& clock,
                 ledger::EventContext context)
      : layout_(layout),
        plan_(plan),
        stores_(stores),
        marks_(std::move(marks)),
        workspace_(std::move(workspace)),
        serials_(serials),
        clock_(clock),
        context_(std::move(context)) {}

  // MakeAll makes every level of a PKI. With an existing root, level 1 is that certificate and the
  // request for level 2 is written to requests(): `*waiting` then names it and the lower levels are
  // not made yet. Errors: of the key store, of pki, file.write.
  Result<std::vector<Authority>> MakeAll(const plan::Pki& pki,
                                         const std::optional<crypto::Certificate>& root,
                                         std::optional<fs::path>* waiting);

  // Continue accepts the response to the waiting request and makes the levels below.
  Result<std::vector<Authority>> Continue(const plan::Pki& pki, std::vector<Authority> above,
                                          std::string_view response);

  // Ask makes the first online key of a PKI whose levels above a ceremony makes, and writes its
  // request: of the first online authority, or of the end entity `signer` where all authorities are
  // offline; nullopt when it has neither.
  Result<std::optional<fs::path>> Ask(const plan::Pki& pki, const pki::Profile* signer);

  // TakeOver records an authority that a ceremony made, with the facts of its key.
  void TakeOver(const plan::Pki& pki, const Authority& a, const std::string& issuer,
                const ledger::KeyCreated& key);

  // AcceptEndEntity accepts the response to Ask's request for an end entity.
  Result<Issued> AcceptEndEntity(const plan::Pki& pki, const std::vector<Authority>& above,
                                 std::string_view response);

  // MakeEndEntity makes a key online and has the last authority (or nobody: a level-1 PKI) certify
  // it.
  Result<Issued> MakeEndEntity(const plan::Pki& pki, const std::vector<Authority>& authorities,
                               const pki::Profile& profile, const std::string& purpose);

  // CertifyEndEntity has the last authority certify somebody else's key as a signer of the PKI:
  // with what the locks of its anchors ask for, and these DNS names.
  Result<Issued> CertifyEndEntity(const plan::Pki& pki, const std::vector<Authority>& authorities,
                                  const pki::Profile& profile, const crypto::PublicKey& key,
                                  const std::string& key_id, const pki::Name& subject,
                                  const std::vector<std::string>& dns_names = {});

  // MakeLoneKey makes the key of a level-1 PKI: nobody certifies it, it is pinned itself.
  Result<std::string> MakeLoneKey(const plan::Pki& pki);
  // MakeLogKey makes the Ed25519 key that signs checkpoints.
  Result<std::unique_ptr<crypto::Signer>> MakeLogKey();
  // MakeOperations makes the authority that people's and stations' credentials come from.
  Result<Authority> MakeOperations();
  // MakeCredential certifies a person's or a station's key under it; the subject is a pseudonym.
  // Short-lived on purpose: a person who left has nothing that still works.
  Result<Issued> MakeCredential(const Authority& operations, const std::string& pseudonym,
                                const std::string& kind, const std::string& role, int days);

  // AskSuccessor makes the key of one more authority of a level and writes its request;
  // SignSuccessor has the parent sign it, as at init, and gives the response; AcceptSuccessor takes
  // it in, and the authority waits for its turn. Errors: those of pki, of the key store,
  // file.write.
  Result<fs::path> AskSuccessor(const plan::Pki& pki, const plan::Level& level, int number) {
    return WriteRequest(pki, level, number);
  }
  Result<std::string> SignSuccessor(const fs::path& request, const std::vector<Authority>& above) {
    return CarryAndSign(request, above);
  }
  Result<Authority> AcceptSuccessor(const plan::Pki& pki, const plan::Level& level,
                                    const std::vector<Authority>& above, std::string_view response,
                                    int number);

  bool rehearsal() const { return !marks_.policies.empty(); }
  // TakeEvents gives the events so far, in order, for one commit.
  std::vector<ledger::Event> TakeEvents() { return std::move(events_); }

 private:
  keystore::RoutedKeyStore& StoreOf(bool offline) {
    return offline ? *stores_.offline : *stores_.online;
  }
  Result<std::unique_ptr<crypto::Signer>> MakeKey(const std::string& id,
                                                  crypto::Algorithm algorithm, bool offline,
                                                  const std::string& purpose,
                                                  plan::Custody custody = plan::Custody::kSoftware);
  Result<Authority> MakeRoot(const plan::Pki& pki, const plan::Level& level);
  Result<fs::path> WriteRequest(const plan::Pki& pki, const plan::Level& level, int number = 1);
  // Export writes a request, Import checks the response to it; both are facts of the carrying.
  Result<fs::path> Export(const std::string& id, const pki::RequestTerms& terms,
                          const pki::Name& subject, crypto::Signer& signer);
  Result<pki::Response> Import(const std::string& id, const std::vector<Authority>& above,
                               std::string_view response);
  Result<Authority> AcceptResponse(const plan::Pki& pki, const plan::Level& level,
                                   const std::vector<Authority>& above, std::string_view response);
  // CarryAndSign takes the request to the parent's side and brings the response back, as files.
  Result<std::string> CarryAndSign(const fs::path& request, const std::vector<Authority>& above);
  Result<std::vector<Authority>> MakeBelow(const plan::Pki& pki, std::vector<Authority> made);
  // KeepOffline gives the offline side what it has to know of its authority, the last of `made`.
  Status KeepOffline(const std::vector<Authority>& made);
  void Record(const plan::Pki& pki, const plan::Level& level, const Authority& a,
              const std::string& issuer);
  template <class B>
  void Add(const std::string& subject, const B& body) {
    events_.push_back(ledger::MakeEvent(context_, clock_.Now(), subject, body));
  }

  const Layout& layout_;
  const plan::Plan& plan_;
  Stores stores_;
  pki::Marks marks_;
  std::string workspace_;
  pki::SerialSource& serials_;
  const Clock& clock_;
  ledger::EventContext context_;
  std::vector<ledger::Event> events_;
};

// AuthorityId names the n-th authority of a level.
std::string AuthorityId(const plan::Pki& pki, int level, int number);
// OpenIssuer opens an authority of a plan's PKI with the URLs that it puts into what it signs.
// Errors: those of the key store and of pki::Issuer::Make.
struct OpenedIssuer {
  std::unique_ptr<crypto::Signer> signer;
  std::optional<pki::Issuer> issuer;
};
Result<OpenedIssuer> OpenIssuer(keystore::KeyStore& store, const plan::Plan& plan,
                                const std::string& pki, int level, const std::string& id,
                                const crypto::Certificate& certificate);
// ToCrypto maps a plan's algorithm to a key's. Errors: plan.algorithm (one no key store here
// makes).
Result<crypto::Algorithm> ToCrypto(vocab::Algorithm a);

}  // namespace birthmark::app
