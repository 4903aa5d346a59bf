// SPDX-License-Identifier: Apache-2.0
// The offline side at work: signs what is carried to it, with its own folder and nothing else (no
// workspace, no plan, no network), and remembers what it signed. Leaves out where keys live.
// Not thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crypto/key.h"
#include "offline/authority.h"
#include "offline/journal.h"

namespace birthmark::offline {

// OpenKey opens the key of an authority of this side.
using OpenKey = std::function<Result<std::unique_ptr<crypto::Signer>>(const std::string& id)>;

// Shown is a request in words that both sides list.
struct Shown {
  std::string kind;  // "authority", "disclosure", "code-signing", …, "crl"
  std::string what;  // the name of who asks, or whose list it is
  std::string text;  // all of it, a line each
  std::string json;
  Digest digest{};
};
// Show checks a request by itself and says what it asks for. Errors: those of pki::CheckRequest and
// pki::ReadCrlRequest.
Result<Shown> Show(std::string_view request);

struct SignOptions {
  fs::path side;     // WS.offline
  std::string ca;    // which authority signs; empty: the one that the request is for
  std::string name;  // what the response is called in out/, without its suffix
  bool dry_run = false;
};
// Answered is what became of a request.
struct Answered {
  std::string kind, authority;
  Digest request{};
  std::string response;
  fs::path file;         // in out/
  bool before = false;   // it was signed before: the same response again
  std::string asked_by;  // under which name the key that asks for lists is registered, or empty
};
// Answer signs a request, once: the same request again gets the same response. What it signs is in
// the journal before it leaves. Errors: offline.which (several authorities could sign: say --ca),
// offline.no-authority, request.other-authority, request.crl-number (not larger than that of the
// last list), request.crl-older (a list of an earlier time than the last), offline.clock (this
// machine's clock is behind its journal); those of Show, pki::SignRequest, pki::SignCrls, of the
// key, the journal and CheckAsker (askers.h).
Result<Answered> Answer(const SignOptions& options, std::string_view request, const OpenKey& key,
                        const Clock& clock);

// Knows tells whether a side keeps an authority's certificates.
bool Knows(const fs::path& side, const std::string& ca);

}  // namespace birthmark::offline
