// SPDX-License-Identifier: Apache-2.0
// What a desk knows, read from the log: products with the authority that issues for them, and whose
// credentials count. Inside EnrolDesk alone.
#pragma once

#include "app/enrol_desk.h"
#include "crypto/software_signer.h"
#include "ledger/events.h"
#include "pki/path.h"

namespace birthmark::app {

inline std::unexpected<Error> NotAuthorised(std::string why) {
  return Refused("enroll.not-authorised", std::move(why));
}

// Product is one product's issuing side. Immutable but for the counter.
struct EnrolDesk::Product {
  plan::Plan plan;
  std::atomic<bool> stopped = false;  // the lot
  std::string ca;                     // empty: nobody can issue now
  std::string why_not;
  crypto::Certificate issuer;
  pki::RevocationUrls urls;    // that go into what it signs
  std::vector<Bytes> above;    // DER, the issuer first, without the root
  std::vector<Bytes> to_root;  // the same with the root
  std::unique_ptr<crypto::Signer> signer;
  std::mutex signer_mutex;  // only P-256 software keys may be used by several threads
  bool free_signer = false;
  std::unique_ptr<pki::IssuerTemplate> prepared;
  std::optional<int64_t> issues_until;
  std::optional<uint64_t> max_count;
  std::atomic<uint64_t> issued{0};
  std::unique_ptr<crypto::SoftwareSigner> ec_ra, rsa_ra;
  crypto::Certificate ec_ra_certificate, rsa_ra_certificate;
  std::mutex ra_mutex;

  // By the TCG policies that an attestation allows; where vendor roots are pinned.
  std::map<std::vector<std::string>, pki::IssuerTemplate> attested;
  std::map<std::string, std::vector<crypto::Certificate>> vendor_roots;  // by slot

  Result<Bytes> Sign(const pki::Stamp& stamp, const pki::Unit& unit,
                     const std::vector<std::string>& policies) {
    auto it = attested.find(policies);
    const pki::IssuerTemplate& t = it == attested.end() ? *prepared : it->second;
    if (free_signer) return t.Issue(stamp, unit, *signer);
    std::lock_guard lock(signer_mutex);
    return t.Issue(stamp, unit, *signer);
  }
};

struct EnrolDesk::State {
  std::map<std::string, std::shared_ptr<Product>> products;
  std::vector<crypto::Certificate> device_roots, operations_roots;
  struct Credential {
    std::string kind, role;
    bool revoked = false;
  };
  std::map<std::string, Credential> credentials;  // by pseudonym
  // Paths that were found, and until when all of their certificates are good: a client shows the
  // same one with every request, and looking costs more than an enrolment. What was revoked is
  // asked each time.
  mutable std::mutex paths_mutex;
  mutable std::map<Digest, Time> paths;
  bool PathKnown(const crypto::Certificate& c, Time now) const;
  void KeepPath(const crypto::Certificate& c, const pki::Path& path) const;
};

struct EnrolDesk::Permit {
  std::string serial;
  std::string unit;
  std::string by;
  std::optional<std::string> token;             // reserved
  std::optional<ledger::IdentityRow> replaced;  // superseded in the same commit
  std::optional<ledger::KeyAttested> attested;
  std::vector<std::string> policies;  // that the attestation allows
};

// SlotNamed is the plan's identity slot with this word; null when there is none.
const plan::IdentitySlot* SlotNamed(const plan::Plan& plan, const std::string& slot);

}  // namespace birthmark::app
