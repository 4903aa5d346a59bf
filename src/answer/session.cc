// SPDX-License-Identifier: Apache-2.0
#include "answer/session.h"

#include <fmt/format.h>

#include "cbor/cose.h"
#include "pki/path.h"

namespace birthmark::answer {
namespace {

Result<crypto::Certificate> Signer(const cbor::CoseSign1& message) {
  if (message.headers.x5chain.empty()) {
    return Refused("answer.session-chain", "no certificate in its proof");
  }
  return crypto::Certificate::FromDer(message.headers.x5chain.front());
}

Status CheckPath(const Fold& fold, const crypto::Certificate& leaf, int64_t at,
                 std::vector<Ref>& refs) {
  std::vector<crypto::Certificate> roots, others;
  for (const Authority& a : fold.authorities) {
    if (a.row.body.pki != "operations" || !a.fault.empty()) continue;
    refs.push_back(a.row.ref);
    (a.depth == 1 ? roots : others).push_back(*a.certificate);
  }
  BM_CHECK(pki::BuildPath(leaf, others, roots, TimeFromMillis(at), pki::Purpose::kClient));
  return {};
}

}  // namespace

Presence CheckSession(const Fold& fold, uint32_t session) {
  const Row<ledger::SessionOpened>& row = fold.sessions[session];
  Presence p;
  p.session = session;
  p.refs.push_back(row.ref);
  p.pseudonym = row.body.pseudonym;
  // Reasons are told in words of our own: they are part of a measured answer, which another version
  // of a library must give to the same octets.
  auto fault = [&](std::string why) {
    p.fault = std::move(why);
    return p;
  };
  auto message = cbor::ParseCose(row.body.proof);
  if (!message) return fault("its proof is no COSE_Sign1");
  const ledger::SessionStatement meant{row.at, row.body.role, row.body.station,
                                       fold.genesis.workspace};
  if (!message->payload || *message->payload != cbor::ToCbor(meant)) {
    return fault("its proof speaks of another time, role, station or workspace");
  }
  auto signer = Signer(*message);
  if (!signer) return fault("its proof has no certificate that reads");
  if (!signer->public_key()) return fault("its key is of a kind we do not verify");
  if (Status s = cbor::VerifyCose(*message, *signer->public_key()); !s) {
    return fault("its signature does not verify");
  }
  if (Status s = CheckPath(fold, *signer, row.at, p.refs); !s) {
    return fault("its credential does not lead to the operations root");
  }
  // The certificate must be one that the log says was given to this pseudonym.
  for (const auto& credential : fold.credentials) {
    const ledger::CredentialIssued& c = credential.body;
    if (!std::ranges::equal(ByteView(c.cert), signer->der())) continue;
    if (c.pseudonym != row.body.pseudonym)
      return fault("its credential was issued to somebody else");
    p.refs.push_back(credential.ref);
    p.person = c.kind == "person";
    return p;
  }
  return fault("its credential was not issued in this log");
}

}  // namespace birthmark::answer
